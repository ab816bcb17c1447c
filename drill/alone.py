"""Faults for a worker by itself: it is stopped or ended at every call to the database in turn, and others take over."""

import contextlib
import os
import random
import signal
import subprocess
import time

import flows
from clients import Load, Order
from processes import Failure, children, eventually, lives

# A lease, and the time until a worker looks for those that have expired (Lease.seconds, WorkerPolicy.round).
LAPSE = 10 + 1
# So many messages make a connection.
CONNECTED = 3


class Alone:
    """A stack with no workers but those that are started here, one run of NOTES and one that waits for each."""

    def __init__(self, stack, user):
        self.stack, self.user, self.orders = stack, user, []
        self.folder = stack.folder / "alone"
        self.folder.mkdir()

    def order(self, workflow, name):
        with Load.lock:
            number = next(Load.numbers)
        order = Order(number, self.user, workflow, name).place({503})
        self.orders.append(order)
        return order

    def work(self, *prefix, once=True, **settings):
        """Starts a worker with one thread. Its log is not checked: it is meant to fail."""
        settings = {"WORKER_THREADS": "1", "LOG_FILE": str(self.folder / "log")} | settings
        words = [*map(str, prefix), str(self.stack.binary), "work"] + ["--once"] * once
        with (self.folder / "log").open("a") as log:
            process = subprocess.Popen(
                words, env=self.stack.environment | settings, stdin=subprocess.DEVNULL, stderr=log)
        self.stack.cleanup.callback(lambda: process.poll() is None and process.kill())
        return process

    def is_over(self):
        return self.stack.select("count(*)", "queue") == [0]

    def finish(self, seconds=20):
        """Lets intact workers finish the queue. The leases of killed workers are not waited for."""
        deadline = time.monotonic() + seconds
        while not self.is_over():
            self.stack.sql("UPDATE queue SET lease_until = '-infinity' WHERE lease IS NOT NULL")
            self.work().wait(30)
            if time.monotonic() > deadline:
                raise Failure(f"{self.orders[-1].name}: the run does not end")


def inject(calls, what, number, trace):
    """The command that traces its own arguments and meddles with that call of each thread."""
    return ["strace", "-f", "-o", trace, "-e", f"trace={calls}",
            "-e", f"inject={calls}:{what}:when={number}"]


def crash_worker(alone, longest_step):
    """SIGKILL as a worker is about to send its Nth message, or to read its Nth answer, until there are no more."""
    count = 0
    for calls in ("sendto", "recvfrom"):
        number = 0
        while True:
            number += random.randint(1, longest_step)
            name = f"crash at {calls} {number}"
            alone.order(flows.NOTES, name)
            alone.order(flows.PAUSING, name)
            worker = alone.work(*inject(calls, "signal=KILL", number, alone.folder / "trace"))
            is_killed = worker.wait(60) == -signal.SIGKILL
            alone.finish()
            if not is_killed:
                break
            count += 1
    return f"{count} places"


def crash_postgres(alone, most):
    """The same for the processes of Postgres, at their Nth write or flush: it recovers from its log.

    A disk that is full or broken may end Postgres altogether. Then it is started again, with a sound one.
    """
    count = 0
    for calls, fault in [("pwrite64,pwritev", "signal=KILL"), ("fdatasync,fsync", "signal=KILL"),
                         ("fdatasync,fsync", "error=EIO"), ("pwrite64,pwritev", "error=ENOSPC")]:
        for number in range(1, most + 1):
            name = f"Postgres: {fault} at {calls} {number}"
            alone.order(flows.NOTES, name)
            alone.order(flows.PAUSING, name)
            trace, postmaster = alone.folder / "trace", alone.stack.postmaster
            tracer = subprocess.Popen(
                [*inject(calls, fault, number, trace), "-p", str(postmaster)], stderr=subprocess.DEVNULL)
            eventually("strace does not attach", lambda: is_traced(postmaster))
            alone.work().wait(60)
            tracer.terminate()
            tracer.wait(20)
            eventually("Postgres does not come back", lambda: is_up(alone.stack), 30)
            alone.finish()
            text = trace.read_text()
            if "INJECTED" not in text and "+++ killed" not in text:
                break
            count += 1
    return f"{count} places"


def is_traced(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return any(line.startswith("TracerPid:") and line.split()[1] != "0" for line in status)


def is_up(stack):
    """Whether it answers. It may be about to end, so it is started as often as it takes."""
    with contextlib.suppress(Failure):
        stack.cluster("start")
        return stack.sql("SELECT 1")
    return False


def stop_workers(alone, count):
    """Workers are stopped within a run, for longer than their leases; then all wake up late.

    Others have ended some of their runs by then, and wait with the rest.
    """
    zombies = {}
    for index in range(count):
        # Two at each message from the first after the claim on.
        number = CONNECTED + 2 + index // 2
        trace = alone.folder / f"trace-{index}"
        alone.order([flows.NOTES, flows.LONG_PAUSING][index % 2], f"worker stopped at {number}")
        zombies[trace] = alone.work(*inject("sendto", "signal=STOP", number, trace))
    for trace, zombie in zombies.items():
        eventually("a worker goes on", lambda: zombie.poll() is not None or "stopped by SIGSTOP" in read(trace), 40)
    time.sleep(LAPSE)
    alone.work().wait(30)
    asleep = sum(zombie.poll() is None for zombie in zombies.values())
    for zombie in zombies.values():
        wake(zombie)
    eventually("others do not take over", lambda: alone.work().wait(30) == 0 and alone.is_over(), 30)
    return f"{asleep} woke up late"


def read(path):
    return path.read_text() if path.exists() else ""


def wake(tracer):
    """Until it has ended: another of its threads may be stopped at its Nth message as well."""
    def has_ended():
        for child in children(tracer.pid) if tracer.poll() is None else []:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGCONT)
        return tracer.poll() is not None
    eventually("a worker that woke up late does not end", has_ended, 30)


def race(alone, count):
    """Many workers and one run: one gets it."""
    order = alone.order(flows.NOTES, "race")
    workers = [alone.work() for _ in range(count)]
    if any([worker.wait(60) for worker in workers]):
        raise Failure("a worker failed in the race")
    claims, = alone.stack.select("count(*)", f"witness.claims WHERE execution_id = '{order.execution_id}'")
    if claims != 1 or not alone.is_over():
        raise Failure(f"{claims} of {count} workers got the one run")
    return ""


def turn_clocks(alone, seconds):
    """The wall clocks of two workers jump by an hour while runs wait and are tried again."""
    clock = alone.folder / "clock"
    clock.write_text("+0")
    settings = {"FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    # With FAKETIME in its environment the library would not read the file.
    faked = ["faketime", "-m", "-f", "+0", "env", "-u", "FAKETIME"]
    workers = [alone.work(*faked, once=False, **settings) for _ in range(2)]
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for jump in ("+3600", "-3600", "-600", "+0"):
            clock.write_text(jump)
            for workflow in (flows.PAUSING, flows.RETRYING):
                alone.order(workflow, f"clock {jump}")
            time.sleep(0.3)
    eventually("runs stay in the queue", alone.is_over, 15)
    if not all(lives(worker.pid) for worker in workers):
        raise Failure("a worker ended as its clock was turned")
    for worker in workers:
        for child in children(worker.pid):
            os.kill(child, signal.SIGTERM)
        worker.wait(30)
    return ""
