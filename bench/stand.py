"""What is measured and what that needs: a private Postgres, the program, the floor, and nginx before all."""

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import re
import secrets
import shutil
import socket
import tempfile
import time
import uuid

import processes

HERE = pathlib.Path(__file__).resolve().parent
SCRIPTS = HERE.parent / "scripts"
# Processes and threads of the program and of the floor.
RESPONDERS, THREADS = 2, 4
SERVERS = ("nginx", "floor", "ours")


class Stand:
    """Everything runs and answers once it is made; the cleanup (an ExitStack) ends all of it."""

    def __init__(self, binary, user_count, cleanup):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="flow-manager-bench."))
        cleanup.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.folder.chmod(0o755)  # Postgres may have a user of its own
        self.binary = binary
        self.cleanup = cleanup
        self.ports = dict(zip(SERVERS, free_ports(len(SERVERS))))
        self.gate, self.secret = secrets.token_hex(32), secrets.token_hex(32)

        self.floor = self.build_floor()
        self.start_postgres()
        self.environment = {
            "PATH": os.environ["PATH"], "CONFIG_TYPE": "demo", "JWT_SECRET_KEY": self.secret, "FLOW_GATE": self.gate,
            "DATABASE_URL": self.urls["DATABASE_URL"], "SOCKET": str(self.socket("ours")),
            "RESPONDERS": str(RESPONDERS), "THREADS": str(THREADS)}
        processes.run([binary, "migrate"], env=self.environment | self.urls)
        self.emails = [f"user{number}@example.com" for number in range(user_count)]
        self.tokens = self.make_users()

        self.processes = {"floor": self.start_floor(), "ours": self.start_ours(), "nginx": self.start_nginx()}
        for server in SERVERS:
            self.wait_until_ready(server)

    def socket(self, server):
        return self.folder / f"{server}.sock"

    def responders(self, server):
        """The processes that answer; of the program, its supervisor is none."""
        pid = self.processes[server].pid
        return processes.children(pid) if server == "ours" else processes.family(pid)

    def everything(self):
        """All processes that belong to the measurement, but for the load generator."""
        postmaster = int((self.postgres / "data/postmaster.pid").read_text().split()[0])
        services = [process.pid for process in self.processes.values()]
        return [pid for service in [postmaster, *services] for pid in processes.family(service)]

    def sql(self, *statements):
        """Runs the statements as a superuser, each in a transaction of its own; returns what the last ones select."""
        script = "".join(f"{statement};\n" for statement in statements)
        command = ["psql", "-XAtqv", "ON_ERROR_STOP=1", "-d", self.urls["SUPERUSER_DATABASE_URL"]]
        return processes.run(command, input=script)

    def build_floor(self):
        floor = self.folder / "floor"
        sources = sorted((HERE / "floor").glob("*.c"))
        libraries = processes.run(["pkg-config", "--cflags", "--libs", "libpq", "libcrypto"]).split()
        flags = ["-O2", "-Wall", "-Wextra"]
        processes.run(["cc", *flags, "-o", floor, *sources, *libraries, "-lfcgi", "-lpthread"])
        return floor

    def start_postgres(self):
        self.postgres = self.folder / "postgres"
        cluster = SCRIPTS / "postgres-cluster"
        self.cleanup.callback(processes.run, [cluster, "stop", self.postgres])
        processes.run([cluster, "init", self.postgres])
        processes.run([cluster, "start", self.postgres])
        settings = (self.postgres / "urls.env").read_text() + (self.postgres / "superuser.env").read_text()
        self.urls = dict(line.split("=", 1) for line in settings.splitlines())
        maintenance = self.urls["SUPERUSER_DATABASE_URL"]
        self.urls["SUPERUSER_DATABASE_URL"] = maintenance.replace("/postgres?", "/flow_manager?")

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

    def start_floor(self):
        command = [self.floor, RESPONDERS, THREADS]
        with listen(self.socket("floor")) as listener:
            return processes.start(command, self.log("floor"), self.cleanup, env=self.environment, stdin=listener)

    def start_ours(self):
        return processes.start([self.binary, "serve"], self.log("ours"), self.cleanup, env=self.environment)

    def start_nginx(self):
        state = self.folder / "nginx"
        settings = {"SOCKET": str(self.socket("ours")), "FLOW_GATE": self.gate, "PORT": str(self.ports["ours"]),
                    "RATE_LIMIT": "off"}
        processes.run([SCRIPTS / "render-nginx", state], env=os.environ | settings)
        site = state / "conf/flow-manager.conf"
        site.write_text(self.copied_site(site.read_text()))
        main = state / "conf/nginx.conf"
        if os.geteuid() == 0:
            main.write_text("user root;\n" + main.read_text())
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin") or "nginx"
        return processes.start([program, "-e", "stderr", "-c", main], self.log("nginx"), self.cleanup)

    def copied_site(self, site):
        """The product's site once for each server, without its access log; they differ in nothing but who answers."""
        site = replaced(site, r"access_log .*?;", "access_log off;")
        upstream = site.index("upstream flow_manager {")
        shared, ours = site[:upstream], site[upstream:]
        floor = replaced(ours, "upstream flow_manager {", "upstream floor {")
        floor = replaced(floor, "fastcgi_pass flow_manager;", "fastcgi_pass floor;")
        floor = replaced(floor, re.escape(str(self.socket("ours"))), str(self.socket("floor")))
        nginx = ours[ours.index("server {\n"):]
        nginx = replaced(nginx, "include fastcgi_params.conf;",
                         """default_type application/json; return 200 '{"status":"ok"}';""")
        for_port = {server: replaced(copy, rf":{self.ports['ours']}\b", f":{self.ports[server]}")
                    for server, copy in (("floor", floor), ("nginx", nginx))}
        return "\n".join([shared, ours, *for_port.values()])

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


def listen(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(4096)
    listener.setblocking(False)
    return listener


def free_ports(count):
    with contextlib.ExitStack() as held:
        servers = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in servers]


def replaced(text, pattern, replacement):
    text, count = re.subn(pattern, lambda _: replacement, text)
    if count != 1:
        processes.fail(f"nginx' site has {count} of `{pattern}`, not one: adapt bench/stand.py")
    return text


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")
