"""The part `overload`: the stage of its faults, and how often each is injected."""

import pathlib
import random
import re
import socket
import time

import clients
import crowd
import overload_clients as by_clients
import overload_limits as by_limits
import overload_log as of_log
import processes
import stack as parts
from processes import eventually
from stand import request

# So many clients run flows during these faults; their own clients are more.
CALLERS = 4


def drills(quick):
    """Each fault, how often, and the statuses that clients may see, as in `run`. A call may always be refused for lack
    of a thread."""
    return [
        ("log without a disk or a file", of_log.lose_log, 1 if quick else 3, {503}),
        ("log renamed, and SIGUSR1", of_log.rotate_log, 5 if quick else 100, {503}),
        ("clients that leave, at four stages", by_clients.abort, 10 if quick else 1_000, {503}),
        ("clients that end their sending side", by_clients.half_close, 2 if quick else 100, {503}),
        ("slow headers", by_clients.trickle_headers, 100 if quick else 1_000, {503}),
        ("slow bodies", by_clients.trickle_bodies, 100 if quick else 1_000, {503}),
        ("slow records at the FastCGI socket", by_clients.trickle_records, 100 if quick else 1_000, {503}),
        ("slow readers", by_clients.read_slowly, 20 if quick else 200, {503}),
        ("slow readers at the FastCGI socket", by_clients.read_records_slowly, 0 if quick else Stage.threads, {503}),
        ("bodies of a gigabyte", by_clients.send_gigabytes, 1 if quick else 20, {503}),
        ("idle connections", by_clients.keep_idle, 500 if quick else 10_000, {503}),
        ("connections and a full backlog", by_limits.overflow_backlog, 500, {502, 503}),
        ("seconds without a free descriptor", by_limits.exhaust_descriptors, 0.5 if quick else 5, {502, 503}),
        ("responder without memory", by_limits.exhaust_memory, 1 if quick else 10, {502, 503}),
        ("seconds with all threads blocked", by_limits.block_threads, 1.5 if quick else 10, {503}),
        ("seconds of fifty log-ins at once", by_limits.hash_passwords, 0.5 if quick else 10, {503}),
    ]


class Stage:
    """The program on a socket with a backlog that the drill can change, and users of the faults."""

    threads = parts.RESPONDERS * parts.THREADS

    def __init__(self, stack, admin, users, is_quick):
        self.stack, self.port, self.path, self.is_quick = stack, stack.port, stack.environment["SOCKET"], is_quick
        self.user, self.reader = clients.User.make(admin), clients.User.make(admin)
        # For 99 of 100 calls, in seconds; in a short time, one is more than that.
        self.limit = 1 if is_quick else 0.25
        # A quick drill has no time for a whole second.
        self.second, self.queue_timeout = (0.3, 0.5) if is_quick else (1, 1)
        stack.stop_supervisor()
        pathlib.Path(self.path).unlink(missing_ok=True)
        stack.listener = socket.socket(socket.AF_UNIX)
        stack.listener.bind(self.path)
        stack.listener.listen(4096)
        stack.environment["QUEUE_TIMEOUT"] = str(self.queue_timeout)
        stack.start_supervisor()
        self.calls = self.warm_up(users)

    def close(self):
        """The program has its own socket and settings again."""
        self.stack.stop_supervisor()
        self.stack.listener.close()
        self.stack.listener = None
        del self.stack.environment["QUEUE_TIMEOUT"]
        self.stack.start_supervisor()

    def warm_up(self, users):
        """Every thread has had large calls, so that they occupy the memory that they need. The calls of the load."""
        body = crowd.post("/posts", '{"title": "warm", "content": "%s"}' % ("x" * 900_000), self.user.token)
        with clients.Load(users, {503}) as load:
            for message in [body, crowd.get(by_clients.LARGE), crowd.get("/me", self.reader.token)]:
                crowd.ask(self.port, [message] * self.threads * (1 if self.is_quick else 4), 30)
        return load.calls

    def probe(self, paths=("/health", "/me")):
        tokens = {"/health": None, "/me": self.reader.token}
        return crowd.Probe(self.port, {path: tokens[path] for path in paths})

    def metric(self, name):
        """The sum of its samples."""
        _, page = request(self.port, "GET", "/metrics")
        return sum(map(float, re.findall(rf"(?m)^{name}(?:{{.*}})? (\S+)$", page.decode())))

    def memory(self):
        """Of the program and nginx, in MiB."""
        return sum(map(parts.resident, [*processes.family(self.stack.supervisor), *processes.family(self.stack.nginx)]))

    def recovers(self, seconds):
        """Many new connections are served within so many seconds. After how many milliseconds they were."""
        began = time.monotonic()

        def serves():
            answers = crowd.ask(self.port, [crowd.get("/health")] * 50, seconds)
            return len(answers) == 50 and {answer.status for answer in answers} == {200}
        eventually(f"it does not serve again after {seconds} s", serves, seconds)
        return round(1000 * (time.monotonic() - began))

    def seasoned(self):
        """A responder that has served a while, which is replaced without a delay."""
        def choose():
            limit = time.monotonic() - 2.2
            return random.choice([pid for pid, since in self.stack.responders().items() if since < limit] or [None])
        return eventually("no responder lives long", choose)
