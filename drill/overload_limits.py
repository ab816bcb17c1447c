"""Faults in which the program has too little of something. Each returns what to say of it."""

import contextlib
import json
import os
import resource
import signal
import time

import crowd
import processes
from processes import Failure, eventually
from stack import size


def overflow_backlog(stage, count):
    """All responders are stopped for two seconds, with room for few connections: the rest is refused at once."""
    pids = list(stage.stack.responders())
    stage.stack.listener.listen(8)
    began = time.monotonic()
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        eventually("a responder does not stop", lambda: {processes.stat(pid)[0] for pid in pids} == {"T"})
        refused = crowd.ask(stage.port, [crowd.get("/health")] * count, stage.second)
        time.sleep(max(0, began + 2 * stage.second - time.monotonic()))
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        stage.stack.listener.listen(4096)
    back = stage.recovers(1)
    if not refused or any(answer.status not in (502, 503) for answer in refused):
        raise Failure(f"{len(refused)} refused: {[answer.status for answer in refused][:5]}")
    return f"{len(refused)} of {count} refused within {1000 * refused[-1].seconds:.0f} ms; served again after {back} ms"


def exhaust_descriptors(stage, seconds):
    """No responder can accept: what is connected is served, nothing spins, and what waited is served afterwards."""
    pids, limits, place = list(stage.stack.responders()), {}, stage.stack.events.end()
    stage.stack.announced.add("accept-paused")
    with crowd.Crowd(stage.path, 0) as strays:
        try:
            for pid in pids:
                limits[pid] = resource.prlimit(pid, resource.RLIMIT_NOFILE)
                most = max(map(int, os.listdir(f"/proc/{pid}/fd"))) + 1
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, limits[pid][1]))
            strays.connections += [crowd.connect(stage.path) for _ in range(200)]
            for pid in pids:
                stage.stack.events.wait("accept-paused", place, 5)
            spent = processes.processor_seconds(pids)
            time.sleep(seconds)
            spent = (processes.processor_seconds(pids) - spent) / seconds
        finally:
            for pid, limit in limits.items():
                resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)
    # Beside those of the load, for which half a processor is ample.
    if spent > 0.7:
        raise Failure(f"{spent:.1f} processors are used")
    back = stage.recovers(2)
    return f"{spent:.2f} processors used; served again after {back} ms"


def exhaust_memory(stage, count):
    """One responder gets no more memory, and large bodies: it refuses them, or ends alone and is replaced."""
    # Of many values, which occupy more memory than their text.
    body = crowd.post("/login", json.dumps({"email": [[1] * 99_000] * 3, "password": "x"}))
    waits, survived, refused = [], 0, 0
    for number in range(count):
        pid, place = stage.seasoned(), stage.stack.events.end()
        others = set(stage.stack.responders()) - {pid}
        kind, field = [(resource.RLIMIT_DATA, "VmData"), (resource.RLIMIT_AS, "VmSize")][number % 2]
        before = resource.prlimit(pid, kind)
        stage.stack.killed.add(pid)
        resource.prlimit(pid, kind, (size(pid, field), before[1]))
        deadline = time.monotonic() + (2 if stage.is_quick else 5)
        while processes.lives(pid) and time.monotonic() < deadline:
            answers = crowd.ask(stage.port, [body] * 16, 10)
            statuses = {answer.status for answer in answers}
            refused += sum(answer.status == 503 for answer in answers)
            if not statuses <= {422, 502, 503}:
                raise Failure(f"large bodies: {statuses}")
        if processes.lives(pid):
            survived += 1
            resource.prlimit(pid, kind, before)
            continue
        began = time.monotonic()
        stage.stack.events.wait("responder-exited", place, 5, pid)
        stage.stack.events.wait("responder-ready", place, 10)
        waits.append(time.monotonic() - began)
        if not others <= set(stage.stack.responders()):
            raise Failure("another responder ended as well")
    if not waits and not refused and not stage.is_quick:
        raise Failure("no responder ran out of memory")
    return f"{len(waits)} ended and replaced, {survived} went on; {refused} bodies refused"


def block_threads(stage, seconds):
    """Postgres does not respond, so that all threads wait: more calls are refused in time."""
    sessions = processes.family(stage.stack.postmaster)
    calls, limit = 60, stage.queue_timeout + 1
    with stage.probe(["/health"]) as probe:
        try:
            for session in sessions:
                os.kill(session, signal.SIGSTOP)
            began = time.monotonic()
            answers = crowd.ask(stage.port, [crowd.get("/me", stage.reader.token)] * calls, seconds)
            time.sleep(max(0, began + seconds - time.monotonic()))
        finally:
            for session in sessions:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(session, signal.SIGCONT)
    refused = [answer for answer in answers if answer.status == 503 and answer.seconds <= limit]
    if len(refused) < calls - stage.threads or any("retry-after" not in answer.head for answer in refused):
        raise Failure(f"{len(refused)} of {calls} calls refused within {limit} s: "
                      f"{[(answer.status, round(answer.seconds, 1)) for answer in answers[-10:]]}")
    back = stage.recovers(5)
    return (f"{len(refused)} of {calls} refused within {limit} s; {probe.check(stage.limit)}; "
            f"served again after {back} ms")


def hash_passwords(stage, seconds):
    """Fifty log-ins at once, again and again: every slot for a hash is busy, and the other calls do not wait."""
    login = crowd.post("/login", '{"email": "%s", "password": "%s"}' % (stage.user.email, stage.user.password))
    before, answers = stage.metric("flow_manager_password_hash_waits_total"), []
    with stage.probe() as probe:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answers += crowd.ask(stage.port, [login] * 50, 20)
    statuses = {answer.status for answer in answers}
    if not statuses <= {200, 503} or stage.metric("flow_manager_password_hash_waits_total") == before:
        raise Failure(f"log-ins: {statuses}")
    return f"{len(answers)} log-ins; {probe.check(stage.limit)}"
