"""The faults. Each returns what to say of it; what must not happen raises a Failure."""

import concurrent.futures
import contextlib
import os
import random
import signal
import statistics
import subprocess
import sys
import time
import urllib.request

from processes import Failure, eventually, lives

# A responder that served for less than this died young; the next one then waits (SupervisorPolicy.minimumUptime).
YOUTH = 2.2


def kill_responders(stack, count):
    """SIGKILL. Most have served a while, so that the supervisor replaces them at once; some are hardly born."""
    waits = []
    for number in range(count):
        victim = newest(stack) if number % 20 == 19 else seasoned(stack)
        place, began = stack.events.end(), time.monotonic()
        os.kill(victim, signal.SIGKILL)
        stack.killed.add(victim)
        stack.events.wait("responder-exited", place, 5, victim)
        stack.events.wait("responder-ready", place, 10)
        waits.append(time.monotonic() - began)
        time.sleep(random.uniform(0.02, 0.3))
    if statistics.median(waits) > 1:
        raise Failure(f"a responder is replaced after {statistics.median(waits):.1f} s")
    return f"replaced after {1000 * statistics.median(waits):.0f} ms, at most {1000 * max(waits):.0f}"


def seasoned(stack):
    """One of those that have served a while, as soon as there is one."""
    def choose():
        limit = time.monotonic() - YOUTH
        return random.choice([pid for pid, since in stack.responders().items() if since < limit] or [None])
    return eventually("no responder lives long", choose)


def newest(stack):
    return max(stack.responders().items(), key=lambda item: item[1])[0]


def terminate_responders(stack, count):
    """SIGTERM to one responder after the other: each finishes what it has read, and hands on its connections."""
    for _ in range(count):
        victim = seasoned(stack)
        place = stack.events.end()
        os.kill(victim, signal.SIGTERM)
        stack.events.wait("responder-exited", place, 5, victim)
        stack.events.wait("responder-ready", place, 10)
        time.sleep(random.uniform(0, 0.2))
    return ""


def reload(stack, count):
    """A deploy and a storm of SIGHUPs, then quiet: what serves was started after the last of them."""
    place, before = stack.events.end(), set(stack.responders())
    for _ in range(count):
        stack.deploy()
        os.kill(stack.supervisor, signal.SIGHUP)
        time.sleep(random.uniform(0, 0.024))
    stack.events.wait("reloaded", stack.events.end(), 60)
    if not all(map(stack.runs_deployed, stack.responders())) or before & set(stack.responders()):
        raise Failure("a responder from before the last deploy serves")
    exits = [event for event in stack.events.all()[place:] if event.name == "responder-exited"]
    return f"{len(exits)} replaced"


def reload_in_a_row(stack, count):
    """One reload after the other, each as soon as the last one has ended."""
    for _ in range(count):
        place = stack.events.end()
        os.kill(stack.supervisor, signal.SIGHUP)
        stack.events.wait("reloaded", place, 60)
    if not lives(stack.supervisor):
        raise Failure("the supervisor has ended")
    return ""


def stop_processes(stack, count):
    """SIGSTOP to responders and workers in turn: each is noticed, killed and replaced."""
    waits = []
    for number in range(count):
        role = ["responder", "worker"][number % 2]
        alive = stack.workers() if role == "worker" else stack.responders()
        victim, place, began = random.choice(list(alive)), stack.events.end(), time.monotonic()
        os.kill(victim, signal.SIGSTOP)
        stack.killed.add(victim)
        stack.events.wait(f"{role}-hung", place, 15, victim)
        stack.events.wait(f"{role}-exited", place, 5, victim)
        stack.events.wait(f"{role}-ready", place, 10)
        waits.append(time.monotonic() - began)
    return f"replaced after {max(waits):.1f} s at most"


def crash_in_a_row(stack, count):
    """One responder crashes at each start: the next one starts after a delay, and the others serve."""
    place = stack.events.end()
    victim = seasoned(stack)
    for _ in range(count):
        found = stack.events.end()
        os.kill(victim, signal.SIGSEGV)
        stack.killed.add(victim)
        stack.events.wait("responder-exited", found, 5, victim)
        victim = stack.events.wait("responder-ready", found, 15).pid
    delays = [event for event in stack.events.all()[place:] if event.name == "responder-backing-off"]
    if count > 2 and not delays:
        raise Failure("a responder that crashes at each start is started without a delay")
    stack.events.wait("all-ready", place, 15)
    return f"{len(delays)} delays"


def restart_in_emergency(stack, count):
    """So many crashes replace all processes."""
    stack.announced.add("emergency-restart")
    place, before = stack.events.end(), {*stack.responders(), *stack.workers()}
    for _ in range(count):
        found, victim = stack.events.end(), newest(stack)
        os.kill(victim, signal.SIGABRT)
        stack.killed.add(victim)
        stack.events.wait("responder-exited", found, 5, victim)
        stack.events.wait("responder-ready", found, 15)
    stack.events.wait("emergency-restart", place, 5)
    stack.events.wait("reloaded", place, 120)
    if before & {*stack.responders(), *stack.workers()}:
        raise Failure("a process from before the emergency restart lives")
    return ""


def hang_requests(stack, count):
    """The session of a thread does not respond: its responder is replaced, and killed with that thread."""
    kills, waits = 0, []
    deadline = time.monotonic() + 20 * count
    while kills < count and time.monotonic() < deadline:
        place, began = stack.events.end(), time.monotonic()
        sessions = stack.select("pid", "pg_stat_activity WHERE usename = 'flow_manager'")
        session = random.choice(sessions)
        os.kill(session, signal.SIGSTOP)
        try:
            # It may be that of a worker, or of a thread that gets no call.
            slow = stack.events.wait("slow-request", place, 6)
            stack.killed.add(slow.pid)
            stack.events.wait("responder-exited", place, 15, slow.pid)
            waits.append(time.monotonic() - began)
            kills += 1
        except Failure:
            pass
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(session, signal.SIGCONT)
    if kills < count:
        raise Failure(f"{kills} of {count} hanging requests were noticed and ended")
    return f"ended after {max(waits):.1f} s at most"


def wear_out(stack, count):
    """Responders are replaced after so many requests."""
    place = stack.events.end()

    def recycled():
        events = stack.events.all()[place:]
        return sum(event.name == "responder-recycling" and "reason=requests" in event.line for event in events) >= count
    eventually("responders are not replaced after MAX_REQUESTS", recycled, 60)
    stack.events.wait("responder-exited", place, 40)
    return ""


def remove_socket(stack, count):
    """The socket's file vanishes, and a second supervisor starts: it is refused, and the first one binds it again."""
    waits = []
    stack.announced.add("socket-restored")
    for _ in range(count):
        place, began = stack.events.end(), time.monotonic()
        stack.socket("ours").unlink()
        second = subprocess.run(
            [stack.binary, "serve"], env=stack.environment, capture_output=True, text=True, timeout=20, check=False)
        if second.returncode != 1 or f"process {stack.supervisor} already serves" not in second.stderr:
            raise Failure(f"a second supervisor: {second.returncode} {second.stderr}")
        stack.events.wait("socket-restored", place, 5)
        waits.append(time.monotonic() - began)
        time.sleep(random.uniform(0, 0.5))
    if statistics.median(waits) > 1.5:
        raise Failure(f"the socket is bound again after {statistics.median(waits):.1f} s")
    return f"bound again after {1000 * max(waits):.0f} ms at most"


def reload_nginx(stack, count):
    """Old workers finish what they have, new ones take the port."""
    for _ in range(count):
        os.kill(stack.nginx, signal.SIGHUP)
        time.sleep(random.uniform(0.05, 0.3))
    return ""


def kill_supervisor(stack, count):
    """Its responders leave by themselves, and a new supervisor gets the socket."""
    leaving, returning = [], []
    for _ in range(count):
        orphans, began = [*stack.responders(), *stack.workers()], time.monotonic()
        os.kill(stack.supervisor, signal.SIGKILL)
        eventually("its children outlive the supervisor", lambda: not any(map(lives, orphans)), 35)
        leaving.append(time.monotonic() - began)
        stack.events.forget_serving()
        stack.start_supervisor()
        returning.append(time.monotonic() - began)
        time.sleep(0.5)
    return f"left within {1000 * max(leaving):.0f} ms, served again within {1000 * max(returning):.0f}"


def restart_postgres(stack, count):
    """`fast`: the sessions end, whatever they are doing."""
    for _ in range(count):
        stack.restart_postgres()
        time.sleep(1.5)
    return ""


def crash_postgres(stack, count):
    for _ in range(count):
        stack.crash_postgres()
        time.sleep(1.5)
    return ""


def exhaust_connections(stack, seconds):
    """The database has room for three, where the program wants one a thread."""
    stack.sql("ALTER ROLE flow_manager CONNECTION LIMIT 3")
    stack.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'flow_manager'")
    time.sleep(seconds)
    stack.sql("ALTER ROLE flow_manager CONNECTION LIMIT -1")
    time.sleep(1.5)
    return ""


def forbid_writing(stack, seconds):
    """The server takes no writes for a while, as one that another has taken over from."""
    for change, pause in [("SET default_transaction_read_only = on", seconds),
                          ("RESET default_transaction_read_only", 1.5)]:
        stack.sql(f"ALTER SYSTEM {change}")
        stack.sql("SELECT pg_reload_conf()")
        time.sleep(pause)
    return ""


def swallow(stack, seconds):
    """Every session stops answering, for longer than any client waits for one, and then continues."""
    sessions = [*stack.select("pid", "pg_stat_activity WHERE usename = 'flow_manager'")]
    for signal_number, pause in [(signal.SIGSTOP, seconds), (signal.SIGCONT, 1.5)]:
        for session in sessions:
            with contextlib.suppress(ProcessLookupError):
                os.kill(session, signal_number)
        time.sleep(pause)
    return ""


def lock_table(stack, seconds):
    """Runs cannot be stored, and what does not need them is answered in time."""
    waits = []
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        lock = pool.submit(stack.sql, f"BEGIN; LOCK TABLE executions; SELECT pg_sleep({seconds}); COMMIT")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            waits.append(health(stack))
            time.sleep(0.02)
        lock.result()
    time.sleep(1.5)
    # In a few seconds the first calls, which do wait, are more than a hundredth.
    if (usual := statistics.quantiles(waits, n=100)[-1]) > (0.25 if seconds > 60 else 1):
        raise Failure(f"p99 of health {1000 * usual:.0f} ms")
    return f"p99 of health {1000 * usual:.0f} ms"


def health(stack):
    """How long an answer takes, in seconds."""
    began = time.monotonic()
    with urllib.request.urlopen(f"http://127.0.0.1:{stack.port}/health", timeout=10) as answer:
        answer.read()
    return time.monotonic() - began


def starve(stack, seconds):
    """Others take all processors: it is slower, and no lease is lost."""
    place, waits = stack.events.end(), []
    hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4 * os.cpu_count())]
    try:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            waits.append(health(stack))
            time.sleep(0.1)
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
    if any(event.name == "runs-rescued" for event in stack.events.all()[place:]):
        raise Failure("a lease was lost")
    return f"health after {1000 * max(waits):.0f} ms at most"


def fill_disk(stack, seconds):
    """The tables' disk has no room left; then it has some again."""
    with stack.small_disk() as disk:
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 16))
        time.sleep(seconds)
        filler.unlink()
        time.sleep(2)
    time.sleep(1.5)
    return ""


def storm(stack, seconds, calm):
    """All day long, in minutes: a kill every 1 to 5 s, Postgres restarted in ways that take turns, `calm` s apart."""
    deadline = time.monotonic() + seconds

    def kill():
        count = 0
        while time.monotonic() < deadline:
            time.sleep(random.uniform(1, 5))
            victim = random.choice([*stack.responders(), *stack.workers()] or [0])
            if victim:
                stack.killed.add(victim)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
                    count += 1
        return count

    def restart():
        count = 0
        while time.monotonic() < deadline:
            time.sleep(random.uniform(*calm))
            [stack.restart_postgres, stack.crash_postgres][count % 2]()
            count += 1
        return count

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        kills, restarts = pool.submit(kill), pool.submit(restart)
        return f"{kills.result()} kills, {restarts.result()} restarts of Postgres in {seconds} s"
