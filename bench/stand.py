"""What is measured and what that needs: a private Postgres, the program, what is beside it, and nginx before all."""

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid

import processes
import records
import servers
import transcript

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
SCRIPTS = CHECKOUT / "scripts"


def build(chore, binary=None):
    """The program, and what else the chore needs; `binary` or BINARY names one that is built already."""
    binary = binary or os.environ.get("BINARY")
    processes.run([SCRIPTS / "install", chore], env=os.environ | ({"BINARY": str(binary)} if binary else {}))
    return pathlib.Path(binary).resolve(strict=True) if binary else compiled(CHECKOUT)


def compiled(checkout):
    """The program that a checkout builds."""
    command = ["swift", "build", "-c", "release", "--static-swift-stdlib", "--product", "flow-manager"]
    if subprocess.run(command, cwd=checkout, stdout=sys.stderr, check=False).returncode:
        processes.fail("the program does not build")
    return checkout / ".build/release/flow-manager"


class Stand:
    """Everything runs and answers once it is made; the cleanup (an ExitStack) ends all of it."""

    def __init__(self, binary, beside, user_count, cleanup, through=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="flow-manager-bench."))
        cleanup.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.folder.chmod(0o755)  # Postgres may have a user of its own
        self.binary = binary
        self.through = through  # a command that runs the program
        self.cleanup = cleanup
        self.beside = {server.name: server for server in beside}
        names = ["nginx", "ours", *self.beside]
        self.ports = dict(zip(names, free_ports(len(names))))
        self.gate, self.secret = secrets.token_hex(32), secrets.token_hex(32)

        self.start_postgres()
        self.environment = {
            "PATH": os.environ["PATH"], "CONFIG_TYPE": "demo", "JWT_SECRET_KEY": self.secret, "FLOW_GATE": self.gate,
            "DATABASE_URL": self.urls["DATABASE_URL"], "SOCKET": str(self.socket("ours")),
            "RESPONDERS": str(servers.RESPONDERS), "THREADS": str(servers.THREADS),
            "WORKERS": "0"}
        processes.run([binary, "migrate"], env=self.environment | self.urls)
        self.emails = [f"user{number}@example.com" for number in range(user_count)]
        self.tokens = self.make_users()

        self.processes = {"ours": self.start([*self.through, self.binary, "serve"], "ours")}
        self.processes |= {name: server.start(self) for name, server in self.beside.items()}
        self.processes["nginx"] = self.start_nginx()
        for server in self.ports:
            self.wait_until_ready(server)

    def socket(self, server):
        return self.folder / f"{server}.sock"

    def responders(self, server):
        """The processes that answer; of the program, its supervisor is none."""
        pid = self.processes[server].pid
        is_program = server == "ours" or isinstance(self.beside.get(server), servers.Program)
        return processes.children(pid) if is_program else processes.family(pid)

    def memory(self, server):
        """MB of all processes of the server."""
        return processes.megabytes(processes.family(self.processes[server].pid))

    def database(self):
        """The processes of Postgres."""
        return processes.family(int((self.postgres / "data/postmaster.pid").read_text().split()[0]))

    def services(self):
        """All other processes that belong to the measurement, but for the load generator."""
        return [pid for process in self.processes.values() for pid in processes.family(process.pid)]

    def sql(self, *statements, database="flow_manager"):
        """Runs the statements as a superuser, each in a transaction of its own; returns what the last ones select."""
        script = "".join(f"{statement};\n" for statement in statements)
        return processes.run(["psql", "-XAtqv", "ON_ERROR_STOP=1", "-d", self.url(database)], input=script)

    def url(self, database):
        """Of one of the cluster's databases, for a superuser."""
        return self.urls["SUPERUSER_DATABASE_URL"].replace("/postgres?", f"/{database}?")

    def record(self, server):
        return getattr(self.beside.get(server), "record", records.PROGRAM)

    def empty(self, server):
        """Each round finds the tables as the one before did."""
        record = self.record(server)
        self.sql(*record.empty, "CHECKPOINT", database=record.database)

    def recorded(self, server):
        """How many runs were completed, how many were not (yet), and how many steps are on record."""
        record = self.record(server)
        completed, others, steps = self.sql(record.count, database=record.database).split("|")
        return int(completed), int(others), int(steps)

    def start_postgres(self):
        self.postgres = self.folder / "postgres"
        cluster = SCRIPTS / "postgres-cluster"
        self.cleanup.callback(processes.run, [cluster, "stop", self.postgres])
        processes.run([cluster, "init", self.postgres])
        with (self.postgres / "data/postgresql.conf").open("a") as settings:
            settings.write(f"log_line_prefix = '{transcript.PREFIX}'\n")
        processes.run([cluster, "start", self.postgres])
        settings = (self.postgres / "urls.env").read_text() + (self.postgres / "superuser.env").read_text()
        self.urls = dict(line.split("=", 1) for line in settings.splitlines())

    def make_users(self):
        """Accounts with a session each; returns a token for each."""
        ids = [(uuid.uuid4(), uuid.uuid4()) for _ in self.emails]
        users = ", ".join(f"('{user}', '{email}', '')" for (user, _), email in zip(ids, self.emails))
        sessions = ", ".join(f"('{session}', '{user}', now() + interval '1 day')" for user, session in ids)
        self.sql(f"INSERT INTO users (id, email, password_hash) VALUES {users}",
                 f"INSERT INTO sessions (id, user_id, expires_at) VALUES {sessions}", "ANALYZE")
        return [self.token(user, session) for user, session in ids]

    def token(self, user, session):
        """An access token as the program signs it."""
        now = int(time.time())
        header = {"alg": "HS256", "typ": "at+jwt", "kid": self.mac(b"access token key id")[:8].hex()}
        claims = {"iss": "flow-manager", "aud": "flow-manager", "sub": str(user), "sid": str(session),
                  "iat": now, "nbf": now, "exp": now + 24 * 3600}
        message = b".".join(base64url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
        return (message + b"." + base64url(self.mac(message))).decode()

    def mac(self, message):
        return hmac.digest(self.secret.encode(), message, hashlib.sha256)

    def start(self, command, name, settings=None, **options):
        """A service, with the program's environment and the settings that are its own."""
        environment = self.environment | (settings or {})
        return processes.start(command, self.log(name), self.cleanup, env=environment, **options)

    def start_nginx(self):
        state = self.folder / "nginx"
        settings = {"SOCKET": str(self.socket("ours")), "FLOW_GATE": self.gate, "PORT": str(self.ports["ours"]),
                    "RATE_LIMIT": "off"}
        processes.run([SCRIPTS / "render-nginx", state], env=os.environ | settings)
        site = state / "conf/flow-manager.conf"
        site.write_text(servers.sites(self, site.read_text()))
        main = state / "conf/nginx.conf"
        if os.geteuid() == 0:
            main.write_text("user root;\n" + main.read_text())
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin") or "nginx"
        return processes.start([program, "-e", "stderr", "-c", main], self.log("nginx"), self.cleanup)

    def wait_until_ready(self, server):
        deadline = time.monotonic() + 30
        while request(self.ports[server], "GET", "/health")[0] != 200:
            if time.monotonic() > deadline or self.processes[server].poll() is not None:
                processes.fail(f"{server} does not answer:\n{self.log(server).read_text()}")
            time.sleep(0.02)

    def log(self, server):
        return self.folder / f"{server}.log"


def request(port, method, path, token=None, body=None):
    """The status and the body of one answer; status 0 when there is none."""
    headers = {"Content-Type": "application/json"} if body else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def free_ports(count):
    with contextlib.ExitStack() as held:
        servers = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in servers]


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")
