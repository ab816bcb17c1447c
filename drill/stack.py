"""The program, nginx and Postgres as they are deployed, on ports and data of their own."""

import contextlib
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time

SCRIPTS = pathlib.Path(__file__).resolve().parent.parent / "scripts"
RESPONDERS, THREADS, WORKERS = 4, 4, 2

# What each transaction did, seen by the database itself: an effect that is done twice over leaves no other trace.
WITNESSES = """
CREATE SCHEMA witness;
CREATE TABLE witness.effects (user_id uuid, name text, value json);
CREATE TABLE witness.endings (execution_id uuid);
CREATE TABLE witness.claims (execution_id uuid);
CREATE FUNCTION witness.effect() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN INSERT INTO witness.effects VALUES (NEW.user_id, NEW.name, NEW.value); RETURN NULL; END $$;
CREATE FUNCTION witness.ending() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN INSERT INTO witness.endings VALUES (NEW.id); RETURN NULL; END $$;
CREATE FUNCTION witness.claim() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN INSERT INTO witness.claims VALUES (NEW.execution_id); RETURN NULL; END $$;
CREATE TRIGGER witness AFTER INSERT OR UPDATE ON documents FOR EACH ROW EXECUTE FUNCTION witness.effect();
CREATE TRIGGER witness AFTER INSERT OR UPDATE ON executions FOR EACH ROW WHEN (NEW.status <> 'running')
    EXECUTE FUNCTION witness.ending();
CREATE TRIGGER witness AFTER UPDATE ON queue FOR EACH ROW
    WHEN (NEW.lease IS NOT NULL AND NEW.lease IS DISTINCT FROM OLD.lease) EXECUTE FUNCTION witness.claim();
"""


class Violation(Exception):
    """Something that must not happen did."""


class Stack:
    """Serves once it is made; `cleanup` (an ExitStack) ends what was started. Postgres is with-postgres' own."""

    def __init__(self, binary, cluster, cleanup):
        self.built, self.cluster, self.cleanup = binary, cluster, cleanup
        self.folder = cluster / "drill"
        self.folder.mkdir(mode=0o700)
        self.binary = self.folder / "flow-manager"
        self.deploy()
        self.port = free_port()
        texts = [(cluster / name).read_text() for name in ("urls.env", "superuser.env")]
        urls = dict(line.split("=", 1) for text in texts for line in text.splitlines())
        self.superuser = urls["SUPERUSER_DATABASE_URL"].replace("/postgres?", "/flow_manager?")
        self.environment = os.environ | urls | {
            "CONFIG_TYPE": "demo", "JWT_SECRET_KEY": secrets.token_hex(32), "FLOW_GATE": secrets.token_hex(32),
            "SOCKET": str(self.folder / "socket"), "PORT": str(self.port), "RATE_LIMIT": "off",
            "REGISTRATION_LIMIT": "off", "USER_CONCURRENCY": "30", "WORKERS": str(WORKERS),
            "RESPONDERS": str(RESPONDERS), "THREADS": str(THREADS), "LOG_FILE": str(self.folder / "log")}
        self.log = Log(self.folder / "log")
        self.killed = set()
        run([SCRIPTS / "render-nginx", self.folder], env=self.environment)
        run([self.binary, "migrate"], env=self.environment)
        run([self.binary, "seed-demo"], env=self.environment)
        self.command(WITNESSES)
        self.start_supervisor()
        self.nginx = self.start_nginx()

    def deploy(self):
        """Puts a new file in the executable's place, as a deploy does."""
        fresh = self.folder / "fresh"
        shutil.copy(self.built, fresh)
        fresh.replace(self.binary)

    def runs_deployed(self, pid):
        """Whether the process was started after the last deploy."""
        return os.path.samefile(f"/proc/{pid}/exe", self.binary)

    def start_supervisor(self):
        """Starts the supervisor and waits until all of its responders serve."""
        place = self.log.end()
        lifeline = self.start([self.binary, "serve"])
        self.log.wait("all-ready", place, 30)
        self.supervisor, = children(lifeline.pid)

    def restart(self, **settings):
        """Ends the supervisor in good order and starts one with other settings."""
        os.kill(self.supervisor, signal.SIGTERM)
        eventually("the supervisor does not end", lambda: not lives(self.supervisor), 40)
        self.log.forget_serving()
        self.environment |= settings
        self.start_supervisor()

    def start_nginx(self):
        program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin") or "nginx"
        # As root nginx' workers would be another user, whom the socket refuses.
        user = ["-g", "user root;"] if os.geteuid() == 0 else []
        lifeline = self.start([program, "-e", self.folder / "nginx.log", "-c", self.folder / "conf/nginx.conf", *user])
        eventually("nginx does not listen", lambda: is_listening(self.port))
        return children(lifeline.pid)[0]

    def start(self, command):
        """Starts a service on a pipe, with whose writing end, which is ours, it ends."""
        process = subprocess.Popen(
            [str(word) for word in [SCRIPTS / "with-lifeline", *command]], stdin=subprocess.PIPE, env=self.environment,
            start_new_session=True)
        self.cleanup.callback(process.wait, 40)
        self.cleanup.callback(process.stdin.close)
        return process

    def responders(self):
        """The responders that serve, and since when."""
        self.log.events()
        return self.log.serving

    def workers(self):
        """The workers that have begun to work, and since when."""
        self.log.events()
        return self.log.working

    def restart_postgres(self):
        run([SCRIPTS / "postgres-cluster", "stop", self.cluster])
        self.start_postgres()

    def start_postgres(self):
        """Starts it unless it runs; its clean-up after a crash may go on afterwards."""
        run([SCRIPTS / "postgres-cluster", "start", self.cluster])

    @property
    def postmaster(self):
        return int((self.cluster / "data/postmaster.pid").read_text().split()[0])

    @contextlib.contextmanager
    def small_disk(self):
        """The folder of the tables, on a file system with room for little more than them. Needs root."""
        folder, before = self.cluster / "data/base", self.cluster / "data/base.before"
        owner = folder.stat()
        run([SCRIPTS / "postgres-cluster", "stop", self.cluster])
        folder.rename(before)
        folder.mkdir(mode=0o700)
        used = int(run(["du", "-sk", before]).split()[0])
        options = f"size={used + (16 << 10)}k,mode=700,uid={owner.st_uid},gid={owner.st_gid}"
        try:
            run(["mount", "-t", "tmpfs", "-o", options, "tables", folder])
            try:
                run(["cp", "-a", f"{before}/.", folder])
                self.start_postgres()
                yield folder
            finally:
                run([SCRIPTS / "postgres-cluster", "stop", self.cluster])
                shutil.rmtree(before)
                run(["cp", "-a", folder, before])
                run(["umount", folder])
        finally:
            folder.rmdir()
            before.rename(folder)
            self.start_postgres()

    def crash_postgres(self):
        """Ends it at once, as a crash would (SIGQUIT), and starts it: it recovers from its log."""
        postmaster = self.postmaster
        os.kill(postmaster, signal.SIGQUIT)
        eventually("Postgres goes on", lambda: not lives(postmaster))
        self.start_postgres()

    def command(self, script):
        """Has the superuser do something."""
        return run(["psql", "-XAtqv", "ON_ERROR_STOP=1", "-d", self.superuser, "-c", script])

    def select(self, expression, source):
        """The JSON value of each row, as the superuser sees it."""
        script = f"COPY (SELECT {expression} FROM {source}) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"
        return [json.loads(line) for line in self.command(script).split("\n") if line]


class Event:
    """A line of the program's log, at the time when it was read."""

    def __init__(self, line):
        _, self.level, self.name, *fields = line.split(" ", 3)
        self.line = line
        pid = re.search(r"\bpid=(\d+)", *fields) if fields else None
        self.pid = int(pid[1]) if pid else None
        self.time = time.monotonic()


class Log:
    """The program's log, read as it grows."""

    def __init__(self, path):
        path.touch(mode=0o600)
        self.file = path.open()
        self.known, self.rest = [], ""
        self.serving, self.working = {}, {}

    def events(self):
        """All until now."""
        *lines, self.rest = (self.rest + self.file.read()).split("\n")
        for event in map(Event, lines):
            self.known.append(event)
            role, _, change = event.name.partition("-")
            alive = {"responder": self.serving, "worker": self.working}.get(role, {})
            if change == "ready":
                alive[event.pid] = event.time
            elif change == "exited":
                alive.pop(event.pid, None)
        return self.known

    def forget_serving(self):
        """After the end of a supervisor that could not log its children's ends."""
        self.events()
        self.serving, self.working = {}, {}

    def end(self):
        """The place behind the last event, to wait from."""
        return len(self.events())

    def wait(self, name, place, seconds, pid=None):
        """The first event of that name behind the place, as soon as it is there."""
        def search():
            found = (event for event in self.events()[place:] if event.name == name and pid in (None, event.pid))
            return next(found, None)
        return eventually(f"no {name} within {seconds} s", search, seconds)


def eventually(complaint, condition, seconds=20):
    """The condition's value as soon as it holds."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise Violation(complaint)
        time.sleep(0.002)
    return value


def children(pid):
    """The numbers of the process's children (proc(5))."""
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def lives(pid):
    """Whether there is such a process that has not ended."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def is_listening(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def run(command, **options):
    """Runs a command to its end; returns what it printed."""
    command = [str(word) for word in command]
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode:
        raise Violation(f"{command[0]} failed:\n{done.stderr or done.stdout}")
    return done.stdout
