"""The web servers that Flow Manager runs behind, each started from the sample files of this checkout."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.request

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(CHECKOUT / "bench"))

import processes  # noqa: E402
import stand  # noqa: E402


METRICS_TOKEN = "the token of the tests, at least 32 bytes"


class Host:
    """A web server in front of the program. `make run`'s way is `Nginx`."""

    name = ""
    # Whether the web server sends FLOW_GATE.
    has_gate = True
    # Whether a body has arrived as a whole before a thread of the program gets the call.
    buffers_bodies = True
    # Whether a response of events goes on while nothing happens.
    has_streams = True

    def __init__(self, base, place, folder=None):
        self.base, self.place = base, place
        self.folder = place.folder / (folder or f"at-{self.name}{base.replace('/', '-')}")
        self.folder.mkdir()
        self.port, self.tls_port = stand.free_ports(2)
        self.environment = place.environment | {
            "BASE_PATH": base, "SOCKET": str(self.folder / "flow.sock"), "STATE_DIR": str(self.folder / "state"),
            "LOG_FILE": str(self.folder / "program.log"), "LOG_FORMAT": "json", "METRICS_TOKEN": METRICS_TOKEN}
        self.settings = self.folder / "flow-manager.env"
        self.settings.write_text("".join(
            f"{name}={value}\n" for name, value in self.environment.items() 
            if name != "PATH" and (name != "FLOW_GATE" or self.has_gate)))
        self.settings.chmod(0o600)
        self.access_log = self.folder / "access.log"

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}{self.base}"

    def metrics(self):
        """The page of metrics."""
        request = urllib.request.Request(
            self.address + "/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()

    def start(self, path="/ready"):
        """Starts the server and what it forwards to; returns when both serve, which a call of that path shows."""
        process = self.serve()
        self.place.wait_until_ready(self.folder.name, self.port, process, self.base + path)

    def run(self, command, name, **options):
        return self.place.start(command, name, self.environment, **options)

    def supervisor(self):
        """The program as a service, with its workers."""
        return self.run([self.place.binary, "serve"], f"{self.folder.name}-supervisor")

    def worker(self):
        """For servers that start the responders themselves."""
        return self.run([self.place.binary, "work"], f"{self.folder.name}-worker")

    def logs(self):
        """Everything that was logged, by the web server and by the program."""
        return "".join(path.read_text(errors="replace") for path in self.folder.glob("*.log"))


class Nginx(Host):
    name = "nginx"

    def serve(self):
        self.respond()
        self.render()
        # As root nginx' workers would be another user, whom the socket refuses.
        user = ["-g", "user root;"] if os.geteuid() == 0 else []
        return self.run(
            ["/usr/sbin/nginx", "-e", "stderr", "-c", self.folder / "nginx/conf/nginx.conf", *user], self.folder.name)

    def render(self):
        settings = self.environment | {
            "PORT": str(self.port), "HTTPS_PORT": str(self.tls_port), "CERTIFICATE": str(self.place.certificate),
            "CERTIFICATE_KEY": str(self.place.key), "STATIC": str(self.place.static), "RATE_LIMIT": "off",
            "BINARY": str(self.place.binary), "ACCESS_LOG": str(self.access_log)}
        processes.run([CHECKOUT / "deploy/render-nginx", self.folder / "nginx"], env=os.environ | settings)

    def respond(self):
        self.supervisor()


class NginxOverTCP(Nginx):
    name = "nginx-tcp"

    def __init__(self, base, place, folder=None):
        super().__init__(base, place, folder)
        port, = stand.free_ports(1)
        self.environment["SOCKET"] = f"127.0.0.1:{port}"


class SpawnFCGI(Nginx):
    """spawn-fcgi starts a single responder, without a supervisor."""

    name = "spawn-fcgi"

    def respond(self):
        socket = self.environment["SOCKET"]
        self.run(["spawn-fcgi", "-n", "-s", socket, "-M", "0660", "--", self.place.binary, "respond"],
                 f"{self.folder.name}-responder")
        self.worker()


class SocketActivation(Nginx):
    """systemd opens the socket and passes it on."""

    name = "systemd-socket"

    def respond(self):
        socket = self.environment["SOCKET"]
        # It passes only the variables that are named.
        names = [f"--setenv={name}" for name in self.environment]
        self.run(["systemd-socket-activate", "--listen", socket, *names, self.place.binary, "serve"],
                 f"{self.folder.name}-supervisor")


class Apache(Host):
    """What the three ways of Apache have in common."""

    sample = ""
    modules = ["mpm_event", "authz_core", "alias", "dir", "env", "headers", "mime", "reqtimeout", "rewrite",
               "setenvif", "ssl"]

    def serve(self):
        samples = self.folder / "flow-manager"
        shutil.copytree(CHECKOUT / "deploy/apache", samples)
        sample = samples / self.sample
        sample.write_text(defined(sample.read_text(), self.values()))
        loaded = "".join(
            f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in self.modules)
        configuration = self.folder / "apache.conf"
        configuration.write_text(f"""
ServerRoot {self.folder}
ServerName localhost
PidFile {self.folder}/apache.pid
DefaultRuntimeDir {self.folder}
Listen 127.0.0.1:{self.port}
ErrorLog {self.folder}/error.log
LogLevel warn
DocumentRoot {self.place.document_root}
{loaded}
TypesConfig /etc/mime.types
Listen 127.0.0.1:{self.tls_port}
<VirtualHost *:{self.port}>
Include flow-manager/{self.sample}
</VirtualHost>
<VirtualHost *:{self.tls_port}>
SSLEngine on
SSLCertificateFile {self.place.certificate}
SSLCertificateKeyFile {self.place.key}
Include flow-manager/{self.sample}
</VirtualHost>
""")
        self.respond()
        return self.run(["/usr/sbin/apache2", "-d", self.folder, "-f", configuration, "-DFOREGROUND", "-k", "start"],
                        self.folder.name)

    def values(self):
        return {"FLOW_ROOT": f"{self.base}/", "FLOW_STATIC": self.place.static, "FLOW_LOG": self.access_log,
                "FLOW_SOCKET": self.environment["SOCKET"], "FLOW_GATE": f'"{self.environment["FLOW_GATE"]}"',
                "FLOW_PROGRAM": self.place.binary, "FLOW_SETTINGS": self.settings}

    def respond(self):
        self.worker()


class ApacheProxyFCGI(Apache):
    name, sample, buffers_bodies = "apache-proxy-fcgi", "proxy-fcgi.conf", False
    modules = [*Apache.modules, "proxy", "proxy_fcgi"]

    def respond(self):
        self.supervisor()


class ApacheFCGID(Apache):
    name, sample, has_gate = "apache-fcgid", "fcgid.conf", False
    has_streams = False
    modules = [*Apache.modules, "fcgid"]


class ApacheCGI(Apache):
    name, sample = "apache-cgi", "cgi.conf"
    has_streams = False
    modules = [*Apache.modules, "cgid"]


class Lighttpd(Host):
    name, sample = "lighttpd", "fastcgi.conf"

    def serve(self):
        samples = self.folder / "flow-manager"
        shutil.copytree(CHECKOUT / "deploy/lighttpd", samples)
        values = {"flow_base": self.base, "flow_static": self.place.static, "flow_log": self.access_log,
                  "flow_socket": self.environment["SOCKET"], "flow_gate": self.environment["FLOW_GATE"],
                  "flow_program": self.place.binary, "flow_settings": self.settings}
        for file in samples.iterdir():
            file.write_text(re.sub(r'(?m)^var\.(\w+) = ".*"$', lambda match: f'var.{match[1]} = "{values[match[1]]}"',
                                   file.read_text()))
        configuration = self.folder / "lighttpd.conf"
        configuration.write_text(f"""
server.bind = "127.0.0.1"
server.port = {self.port}
server.document-root = "{self.place.document_root}"
server.errorlog = "{self.folder}/error.log"
server.upload-dirs = ( "{self.folder}" )
server.modules += ( "mod_openssl" )
$SERVER["socket"] == "127.0.0.1:{self.tls_port}" {{
    ssl.engine = "enable"
    ssl.pemfile = "{self.place.certificate}"
    ssl.privkey = "{self.place.key}"
}}
include "flow-manager/{self.sample}"
""")
        self.respond()
        return self.run(["/usr/sbin/lighttpd", "-D", "-f", configuration], self.folder.name)

    def respond(self):
        self.supervisor()


class LighttpdCGI(Lighttpd):
    name, sample = "lighttpd-cgi", "cgi.conf"
    has_streams = False

    def respond(self):
        self.worker()


class Caddy(Host):
    name = "caddy"

    def serve(self):
        self.supervisor()
        self.environment |= {
            "FLOW_SITE": f"http://127.0.0.1:{self.port}", "FLOW_BASE": self.base, "FLOW_STATIC": str(self.place.static),
            "FLOW_LOG": str(self.access_log), "FLOW_SOCKET": self.environment["SOCKET"],
            "XDG_DATA_HOME": str(self.folder), "XDG_CONFIG_HOME": str(self.folder)}
        configuration = self.folder / "Caddyfile"
        # Its interface for administrators would take a fixed port, and it would install a certificate of its own.
        site = (CHECKOUT / "deploy/caddy/Caddyfile").read_text()
        tls = site.replace("{$FLOW_SITE:localhost} {", f"""https://127.0.0.1:{self.tls_port} {{
	tls {self.place.certificate} {self.place.key}""")
        configuration.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + site + tls)
        return self.run(["caddy", "run", "--config", configuration, "--adapter", "caddyfile"], self.folder.name)


def defined(text, values):
    """A sample for Apache with these values."""
    return re.sub(r"(?m)^Define (\w+) .*$", lambda match: f"Define {match[1]} {values[match[1]]}", text)


ALL = [Nginx, NginxOverTCP, SpawnFCGI, SocketActivation, ApacheProxyFCGI, ApacheFCGID, ApacheCGI, Lighttpd,
       LighttpdCGI, Caddy]


class Place(stand.Stand):
    """A database, a folder of static files and one of documents, for all servers."""

    def __init__(self, binary, cleanup):
        super().__init__(binary, cleanup)
        self.environment |= {"REGISTRATION_LIMIT": "off", "WORKERS": "1", "RESPONDERS": "2", "SLOW_REQUEST": "off"}
        processes.run([binary, "seed-demo"], env=self.environment)
        self.static = self.folder / "static"
        subprocess.run([CHECKOUT / "deploy/static-files", self.static], check=True, stdout=subprocess.DEVNULL)
        self.document_root = self.folder / "documents"
        self.document_root.mkdir()
        self.certificate, self.key = self.folder / "certificate.pem", self.folder / "certificate.key"
        processes.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                       "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                       "-keyout", self.key, "-out", self.certificate])

    def wait_until_ready(self, name, port, process, path="/ready"):
        def answers():
            if process.poll() is not None:
                processes.fail(f"{name} ended:\n{self.log(name).read_text()}")
            return stand.request(port, "GET", path)[0] == 200
        processes.eventually(f"{name} does not answer; see {self.folder}", answers, 30, 0.05)
