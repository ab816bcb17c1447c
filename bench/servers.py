"""What answers beside the program, behind the same nginx: nginx itself, the floor in C, another build, and DBOS."""

import pathlib
import re
import socket

import processes
import records

HERE = pathlib.Path(__file__).resolve().parent
SCRIPTS = HERE.parent / "scripts"
# Processes and threads of the program and of the floor.
RESPONDERS, THREADS = 2, 4
# Runs a command in the scheduling class that the program puts its own processes into.
BATCH = ["chrt", "--batch", "0"]


def sites(bench, site, program):
    """The product's site once for each server, without its access log; they differ in nothing but who answers.

    `program` is the file that all of its locations include; those for calls with a watched client, and for operators,
    are left out.
    """
    site = replaced(site, r"(?s)        if \(\$flow_watches_client\) \{.*?\}\n", "")
    site = replaced(site, r"(?s)    location = /.watched \{.*?\n    \}\n", "")
    site = replaced(site, r"(?s)    location ~ \^/\(metrics\|status\).*?\n    \}\n", "")
    site = replaced(site, "include program.conf;", program)
    site = replaced(site, r"access_log .*?;", "access_log off;")
    upstream = site.index("upstream flow_manager {")
    shared, ours = site[:upstream], site[upstream:]
    copies = {"nginx": nginx_site(ours)}
    for name, server in bench.beside.items():
        copies[name] = replaced(server.site(ours), re.escape(str(bench.socket("ours"))), str(bench.socket(name)))
    for_port = (replaced(copy, rf":{bench.ports['ours']}\b", f":{bench.ports[name]}") for name, copy in copies.items())
    return "\n".join([shared, ours, *for_port])


def nginx_site(ours):
    """nginx answers every call itself."""
    server = ours[ours.index("server {\n"):]
    return replaced(server, "include fastcgi_params.conf;",
                    """default_type application/json; return 200 '{"status":"ok"}';""")


def fastcgi_site(ours, name):
    """The site before another FastCGI server."""
    site = replaced(ours, "upstream flow_manager {", f"upstream {name} {{")
    return replaced(site, "fastcgi_pass flow_manager;", f"fastcgi_pass {name};")


class Floor:
    """The least that does the same; see floor/."""
    name = "floor"

    def __init__(self, is_plain=False):
        self.scheduling = [] if is_plain else BATCH

    def start(self, bench):
        self.program = bench.folder / "floor"
        sources = sorted((HERE / "floor").glob("*.c"))
        libraries = processes.run(["pkg-config", "--cflags", "--libs", "libpq", "libcrypto"]).split()
        flags = ["-O2", "-Wall", "-Wextra"]
        processes.run(["cc", *flags, "-o", self.program, *sources, *libraries, "-lfcgi", "-lpthread"])
        with listen(bench.socket(self.name)) as listener:
            command = [*self.scheduling, self.program, RESPONDERS, THREADS]
            return bench.start(command, self.name, stdin=listener)

    def site(self, ours):
        return fastcgi_site(ours, self.name)


class Program:
    """Another build of the program, with the same settings over the same database."""
    name = "old"

    def __init__(self, binary):
        self.binary = binary

    def start(self, bench):
        return bench.start([self.binary, "serve"], self.name, {"SOCKET": str(bench.socket(self.name))})

    def site(self, ours):
        return fastcgi_site(ours, self.name)


class DBOS:
    """A flow as a DBOS workflow; see peers/. It gets the processes of the program and twice its connections."""
    name = "dbos"
    record = records.DBOS

    def start(self, bench):
        environment = processes.cache_folder() / "bench-peers"
        environment.parent.mkdir(parents=True, exist_ok=True)
        processes.run([SCRIPTS / "python-environment", environment, HERE / "peers/requirements.txt"])
        bench.sql(f"CREATE DATABASE {self.record.database}", database="postgres")
        settings = {"DBOS_URL": bench.url(self.record.database), "DBOS_CONNECTIONS": str(2 * THREADS),
                    "PYTHONDONTWRITEBYTECODE": "1"}
        command = [environment / "bin/uvicorn", "dbos_app:app", "--app-dir", HERE / "peers", "--uds",
                   bench.socket(self.name), "--workers", RESPONDERS, "--loop", "uvloop", "--http", "httptools",
                   "--no-access-log", "--log-level", "warning"]
        return bench.start(command, self.name, settings)

    @staticmethod
    def site(ours):
        site = replaced(ours, "upstream flow_manager {", "upstream dbos {")
        return replaced(site, "fastcgi_pass flow_manager;", """proxy_pass http://dbos;
        proxy_http_version 1.1;
        proxy_set_header Connection "";""")


def listen(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(4096)
    listener.setblocking(False)
    return listener


def replaced(text, pattern, replacement):
    text, count = re.subn(pattern, lambda _: replacement, text)
    if count != 1:
        processes.fail(f"nginx' site has {count} of `{pattern}`, not one: adapt bench/servers.py")
    return text
