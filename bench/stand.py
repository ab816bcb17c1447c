"""The stand that bench and drill share: a private Postgres, the program's settings and nginx."""

import contextlib
import http.client
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

import processes

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
    """Postgres runs, migrated, and the program and nginx can be started; the cleanup (an ExitStack) ends all of it."""

    def __init__(self, binary, cleanup):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="flow-manager."))
        cleanup.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.folder.chmod(0o755)  # Postgres may have a user of its own
        self.binary, self.cleanup = binary, cleanup
        self.postgres = self.folder / "postgres"
        cleanup.callback(self.cluster, "stop")
        self.cluster("init")
        self.cluster("start")
        self.urls = assignments(self.postgres / "urls.env") | assignments(self.postgres / "superuser.env")
        self.port, = free_ports(1)
        settings = self.urls | {
            "BINARY": str(binary), "SOCKET": str(self.socket("ours")), "PORT": str(self.port), "RATE_LIMIT": "off"}
        processes.run([SCRIPTS / "stand", self.folder], env=os.environ | settings)
        # High enough for any load, and counted as always.
        limits = {f"RATE_LIMIT_{name}": "10000000" for name in ("READ", "WRITE", "RUN", "ARRAY")}
        self.environment = {"PATH": os.environ["PATH"]} | assignments(self.folder / "flow-manager.env") | limits
        processes.run([binary, "migrate"], env=self.environment | self.urls)

    def cluster(self, order):
        """Has the private Postgres made, started or stopped. It keeps what it acknowledged."""
        processes.run([SCRIPTS / "postgres-cluster", order, self.postgres], env=os.environ | {"FSYNC": "on"})

    @property
    def postmaster(self):
        return int((self.postgres / "data/postmaster.pid").read_text().split()[0])

    def sql(self, *statements, database="flow_manager"):
        """Runs the statements as a superuser, each in a transaction of its own; returns what the last ones select."""
        script = "".join(f"{statement};\n" for statement in statements)
        return processes.run(["psql", "-XAtqv", "ON_ERROR_STOP=1", "-d", self.url(database)], input=script)

    def url(self, database):
        """Of one of the cluster's databases, for a superuser."""
        return self.urls["SUPERUSER_DATABASE_URL"].replace("/postgres?", f"/{database}?")

    def socket(self, server):
        return self.folder / f"{server}.sock"

    def log(self, server):
        return self.folder / f"{server}.log"

    def start(self, command, name, settings=None, **options):
        """A service, with the program's environment and the settings that are its own."""
        environment = self.environment | (settings or {})
        return processes.start(command, self.log(name), self.cleanup, env=environment, **options)

    def start_nginx(self):
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin") or "nginx"
        # As root nginx' workers would be another user, whom the socket refuses.
        user = ["-g", "user root;"] if os.geteuid() == 0 else []
        return self.start([program, "-e", "stderr", "-c", self.folder / "nginx/conf/nginx.conf", *user], "nginx")

    def wait_until_ready(self, name, port, process):
        def answers():
            if process.poll() is not None:
                processes.fail(f"{name} ended:\n{self.log(name).read_text()}")
            return request(port, "GET", "/health")[0] == 200
        processes.eventually(f"{name} does not answer; see {self.log(name)}", answers, 30, 0.02)


def assignments(file):
    """What a file of NAME=value lines says."""
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


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
