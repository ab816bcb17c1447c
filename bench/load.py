"""One round of load by wrk, and what it cost."""

import dataclasses
import json
import os
import pathlib
import resource
import subprocess
import time

import processes
import routes

WRK_THREADS = 2
WARM_UP_SECONDS = 1
ATTEMPTS = 3
# So long may last what was under way when wrk left.
PATIENCE_SECONDS = 15
# The share of the connections that must have been served: by Little's law, requests/s x mean latency are. One that
# waits without end shows up nowhere else, and a server that leaves most clients waiting looks faster.
LEAST_SERVED = 0.85


@dataclasses.dataclass
class Round:
    rate: float  # requests/s
    p50: float  # ms
    p99: float  # ms
    errors: int
    own: float  # processor time of the responders, us a request
    database: float  # processor time of Postgres, us a request
    foreign: float  # processor time of what is not the measurement, as a share of the machine
    memory: float  # MB under load
    void: str | None  # why the round counts for nothing


class Load:
    def __init__(self, bench, seconds, connections):
        self.bench, self.seconds, self.connections = bench, seconds, connections
        self.tokens = bench.folder / "tokens"
        self.tokens.write_text("".join(f"{token}\n" for token in bench.tokens))

    def warm_up(self, order):
        for entry in order:
            Load(self.bench, WARM_UP_SECONDS, self.connections).fire(*entry)

    def turn(self, results, contest, order, number):
        """A round of each server, begun by another one each time, so that none has the machine's better moments."""
        start = number % len(order)
        for server, route in order[start:] + order[:start]:
            measured = self.measure(server, route)
            results.rounds.setdefault((contest, server, route), []).append(measured)
            processes.say(f"{route.name} round {number + 1}, {server}: {measured.rate:.0f} requests/s, "
                          f"p99 {measured.p99:.2f} ms" + (f", void: {measured.void}" if measured.void else ""))

    def measure(self, server, route):
        """A round, done again while it is void."""
        for _ in range(ATTEMPTS):
            if route.is_recorded:
                self.bench.empty(server)
            measured = self.fire(server, route)
            if not measured.void:
                break
        return measured

    def fire(self, server, route):
        responders = self.bench.responders(server)
        watched = responders, self.bench.database(), self.bench.services()
        clocks, began = time.time() - time.monotonic(), time.monotonic()
        before = self.spent(watched)
        figures, memory = self.wrk(server, route)
        own, database, services, load, machine = (now - then for now, then in zip(self.spent(watched), before))
        foreign = max(0.0, machine - database - services - load) / ((time.monotonic() - began) * os.cpu_count())

        count, seconds = max(figures["requests"], 1), figures["seconds"]
        # Little's law; of the requests still under way at the end half of the time has been served.
        served = figures["mean"] * (count + self.connections / 2) / seconds
        void = None
        if served < LEAST_SERVED * self.connections:
            void = f"{self.connections - served:.0f} connections without service"
        elif abs(time.time() - time.monotonic() - clocks) > 0.02:
            void = "the clock was set"
        elif self.bench.responders(server) != responders:
            void = "a responder ended"
        elif server != "nginx" and route.is_recorded and not self.is_recorded(server, count - figures["errors"]):
            void = "runs that were answered are not on record"
        return Round(rate=count / seconds, p50=figures["p50"], p99=figures["p99"], errors=figures["errors"],
                     own=own / count * 1e6, database=database / count * 1e6, foreign=foreign, memory=memory, void=void)

    @staticmethod
    def spent(watched):
        """Processor seconds until now: of each of the watched families, of the load generator, of the machine."""
        load = resource.getrusage(resource.RUSAGE_CHILDREN)
        families = (processes.processor_seconds(family) for family in watched)
        return *families, load.ru_utime + load.ru_stime, processes.machine_seconds()

    def wrk(self, server, route):
        """wrk's figures, and the memory of the server's processes towards the end."""
        url = f"http://127.0.0.1:{self.bench.ports[server]}"
        body = self.bench.folder / "body.json"
        body.write_text(route.body or "")
        command = ["wrk", f"-t{WRK_THREADS}", f"-c{self.connections}", f"-d{self.seconds}s", "--timeout", "5s",
                   "-s", str(pathlib.Path(__file__).with_name("wrk.lua")), url, "--", route.method, route.path,
                   str(self.tokens) if route.needs_token else "-", str(body) if route.body else "-",
                   str(WRK_THREADS)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as wrk:
            try:
                time.sleep(self.seconds * 0.8)
                memory = self.bench.memory(server)
                output, _ = wrk.communicate(timeout=self.seconds + 20)
            finally:
                wrk.kill()
        figures = next((line for line in output.splitlines() if line.startswith("{")), None)
        return json.loads(figures or processes.fail(f"wrk said:\n{output}")), memory

    def is_recorded(self, server, answered):
        """Whether all that was answered is there, with all its steps, once nothing is under way any more."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            time.sleep(0.2)
            completed, others, steps = self.bench.recorded(server)
            whole = others == 0 and steps == routes.STEPS * completed
            if whole or time.monotonic() > deadline:
                return whole and completed >= answered
