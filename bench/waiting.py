"""Calls that wait for the end of a queued run, and what becomes of the others at that time."""

import contextlib
import select
import socket
import time

import processes
import routes

CALLS = 200
# By then a call that is not kept waiting is answered.
SETTLING_SECONDS = 1.5
ALONE, BESIDE = "alone", "waiting"


class Waiting:
    """Calls that prefer to wait 50 s, of runs that no worker executes until the calls have been waiting long enough."""

    def __init__(self, queue, workflow, generator):
        self.queue, self.bench, self.generator = queue, queue.bench, generator
        self.path = f"/api/workflows/{workflow}/execute"
        self.waited = []  # how many calls did, in each round

    def turn(self, results, number):
        """A round of /health alone and one beside calls that wait, in turns."""
        for beside in (ALONE, BESIDE) if number % 2 == 0 else (BESIDE, ALONE):
            with self.calls() if beside == BESIDE else contextlib.nullcontext():
                measured = self.generator.measure("ours", routes.HEALTH)
            results.rounds.setdefault(("waiting", beside, routes.HEALTH), []).append(measured)
            processes.say(f"health round {number + 1}, {beside}: {measured.rate:.0f} requests/s, "
                          f"p99 {measured.p99:.2f} ms" + (f", void: {measured.void}" if measured.void else ""))

    @contextlib.contextmanager
    def calls(self):
        """They wait inside of the context; then a worker ends their runs, and all of them must be answered so."""
        self.bench.empty("ours")
        with contextlib.ExitStack() as opened:
            connections = [opened.enter_context(self.call()) for _ in range(CALLS)]
            time.sleep(SETTLING_SECONDS)
            yield
            answered = select.select(connections, [], [], 0)[0]
            self.waited.append(CALLS - len(answered))
            processes.run([self.bench.binary, "work", "--once"], env=self.queue.environment)
            for connection in connections:
                status = connection.recv(64).split(b" ")[1]
                routes.expect("status of a call", status, b"202" if connection in answered else b"200")

    def call(self):
        connection = socket.create_connection(("127.0.0.1", self.bench.ports["ours"]), 60)
        connection.sendall(f"POST {self.path} HTTP/1.1\r\nHost: localhost\r\n"
                           f"Authorization: Bearer {self.bench.tokens[0]}\r\n"
                           "Content-Type: application/json\r\nContent-Length: 2\r\nPrefer: wait=50\r\n\r\n{}".encode())
        return connection
