"""The stand of the drill: the program as it is deployed, its log as events, and what the database witnesses."""

import contextlib
import json
import os
import re
import shutil
import signal
import time

from processes import eventually, lives, run
from stand import Stand

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


class Stack(Stand):
    """Serves once it is made."""

    def __init__(self, binary, cleanup):
        super().__init__(binary, cleanup)
        self.built, self.binary = binary, self.folder / "flow-manager"
        self.deploy()
        self.environment |= {
            "REGISTRATION_LIMIT": "off", "USER_CONCURRENCY": "30", "WORKERS": str(WORKERS),
            "RESPONDERS": str(RESPONDERS), "THREADS": str(THREADS), "LOG_FILE": str(self.folder / "log"),
            "SLOW_REQUEST": "off", "HTTP_ALLOW_ADDRESSES": "127.0.0.1", "RATE_LIMIT_HOOK": "10000000",
            # Swift's runtime would take seconds for the backtrace of a crash.
            "SWIFT_BACKTRACE": "enable=no"}
        self.events = Log(self.folder / "log")
        # The processes that faults have killed, and the errors that faults cause.
        self.killed, self.announced = set(), set()
        # A socket that the drill has opened and the supervisor is to take, as one of systemd; else it opens its own.
        self.listener = None
        run([self.binary, "seed-demo"], env=self.environment)
        self.sql(WITNESSES)
        self.start_supervisor()
        nginx = self.start_nginx()
        self.nginx = nginx.pid
        self.wait_until_ready("nginx", self.port, nginx)

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
        place, command, options = self.events.end(), [self.binary, "serve"], {}
        if self.listener:
            descriptor = self.listener.fileno()
            script = f'LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" serve 3<&{descriptor} {descriptor}<&-'
            command, options = ["bash", "-c", script, self.binary], {"pass_fds": [descriptor]}
        self.supervisor = self.start(command, "supervisor", **options).pid
        self.events.wait("all-ready", place, 30)

    def restart(self, **settings):
        """Ends the supervisor in good order and starts one with other settings."""
        self.stop_supervisor()
        self.environment |= settings
        self.start_supervisor()

    def stop_supervisor(self):
        os.kill(self.supervisor, signal.SIGTERM)
        eventually("the supervisor does not end", lambda: not lives(self.supervisor), 40)
        self.events.forget_serving()

    def responders(self):
        """The responders that serve, and since when."""
        self.events.all()
        return self.events.serving

    def workers(self):
        """The workers that have begun to work, and since when."""
        self.events.all()
        return self.events.working

    def reopen_log(self):
        """Has all processes open the log's file again, after it was renamed."""
        os.kill(self.supervisor, signal.SIGUSR1)

    def log_users(self, path):
        """The processes that have this file open to write their log."""
        pids = [self.supervisor, *self.responders(), *self.workers()]
        return [pid for pid in pids if str(path) in opened(pid)]

    def restart_postgres(self):
        self.cluster("stop")
        self.cluster("start")

    @contextlib.contextmanager
    def small_disk(self):
        """The folder of the tables, on a file system with room for little more than them. Needs root."""
        folder, before = self.postgres / "data/base", self.postgres / "data/base.before"
        owner = folder.stat()
        self.cluster("stop")
        folder.rename(before)
        folder.mkdir(mode=0o700)
        used = int(run(["du", "-sk", before]).split()[0])
        options = f"size={used + (16 << 10)}k,mode=700,uid={owner.st_uid},gid={owner.st_gid}"
        try:
            run(["mount", "-t", "tmpfs", "-o", options, "tables", folder])
            try:
                run(["cp", "-a", f"{before}/.", folder])
                self.cluster("start")
                yield folder
            finally:
                self.cluster("stop")
                shutil.rmtree(before)
                run(["cp", "-a", folder, before])
                run(["umount", folder])
        finally:
            folder.rmdir()
            before.rename(folder)
            self.cluster("start")

    def crash_postgres(self):
        """Ends it at once, as a crash would (SIGQUIT), and starts it: it recovers from its log."""
        postmaster = self.postmaster
        os.kill(postmaster, signal.SIGQUIT)
        eventually("Postgres goes on", lambda: not lives(postmaster))
        self.cluster("start")

    def select(self, expression, source):
        """The JSON value of each row, as the superuser sees it."""
        script = f"COPY (SELECT {expression} FROM {source}) TO STDOUT (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"
        return [json.loads(line) for line in self.sql(script).split("\n") if line]


class Event:
    """A line of the program's log, at the time when it was read."""

    def __init__(self, line):
        _, self.level, self.name, *fields = line.split(" ", 3)
        self.line = line
        pid = re.search(r"\bchild=(\d+)", *fields) if fields else None
        self.pid = int(pid[1]) if pid else None
        self.time = time.monotonic()


class Log:
    """The program's log, read as it grows."""

    def __init__(self, path):
        self.path = path
        path.touch(mode=0o600)
        self.file = path.open()
        self.known, self.rest = [], ""
        self.serving, self.working = {}, {}

    def all(self):
        """All until now."""
        *lines, self.rest = (self.rest + self.file.read()).split("\n")
        # A full disk may have cut a line short.
        events = (line for line in lines if " info request " not in line and line.count(" ") > 1)
        for event in map(Event, events):
            self.known.append(event)
            role, _, change = event.name.partition("-")
            alive = {"responder": self.serving, "worker": self.working}.get(role, {})
            if change == "ready":
                alive[event.pid] = event.time
            elif change == "exited":
                alive.pop(event.pid, None)
        return self.known

    def follow(self):
        """Continues in the file that has the log's name now; nothing writes to the other one any more."""
        self.all()
        self.file.close()
        self.file = self.path.open()

    def forget_serving(self):
        """After the end of a supervisor that could not log its children's ends."""
        self.all()
        self.serving, self.working = {}, {}

    def end(self):
        """The place behind the last event, to wait from."""
        return len(self.all())

    def wait(self, name, place, seconds, pid=None):
        """The first event of that name behind the place, as soon as it is there."""
        def search():
            found = (event for event in self.all()[place:] if event.name == name and pid in (None, event.pid))
            return next(found, None)
        return eventually(f"no {name} within {seconds} s", search, seconds)


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def opened(pid):
    """The paths of the files that a process has open."""
    paths = set()
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                paths.add(os.readlink(entry.path))
    return paths


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


def resident(pid):
    """The memory of a process, in MiB."""
    return size(pid, "VmRSS") / (1 << 20)


def size(pid, field):
    """A size in proc(5), in bytes."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return int(re.search(rf"{field}:\s+(\d+) kB", file.read())[1]) << 10
