"""What the kernel tells about processes (proc(5)), and starting and ending our own."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import time

PROC = pathlib.Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
CPUCLOCK_SCHED = 2  # the kernel's number of the clock that counts all time on a processor


def stat(pid):
    """The fields of a process from its state on, or None when it is gone. The name before them may hold anything."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def lives(pid):
    """Whether there is such a process that has not ended."""
    fields = stat(pid)
    return bool(fields) and fields[0] != "Z"


def children(pid):
    """The process's children that run, their own children not included."""
    found = ((int(entry.name), stat(entry.name)) for entry in PROC.iterdir() if entry.name.isdigit())
    return [child for child, fields in found if fields and int(fields[1]) == pid and fields[0] != "Z"]


def family(pid):
    return [pid, *children(pid)]


def processor_seconds(pids):
    """The processor time of all threads of the processes until now.

    By the clock of each process (clock_getcpuclockid(3)), which counts nanoseconds: one tick of `stat` is more than one
    per cent of what a process spends in a round of /health. A process that has ended adds nothing.
    """
    seconds = 0.0
    for pid in pids:
        with contextlib.suppress(OSError):
            seconds += time.clock_gettime(~pid << 3 | CPUCLOCK_SCHED)
    return seconds


def processor_seconds_of_all(pid):
    """The processor time until now of a process and its children, of those that it has seen end too."""
    ended = sum(map(int, stat(pid)[13:15])) / TICKS_PER_SECOND
    return processor_seconds(family(pid)) + ended


def machine_seconds():
    """The processor time that the machine has spent on anything."""
    user, nice, system, _, _, interrupts, soft, stolen = map(int, (PROC / "stat").read_text().split()[1:9])
    return (user + nice + system + interrupts + soft + stolen) / TICKS_PER_SECOND


def megabytes(pids):
    """The memory of the processes, what they share with others in proportion (PSS)."""
    texts = ((PROC / str(pid) / "smaps_rollup").read_text() for pid in pids)
    kilobytes = (int(line.split()[1]) for text in texts for line in text.splitlines() if line.startswith("Pss:"))
    return sum(kilobytes) / 1024


def cache_folder():
    """For what one measurement makes and later ones use as well."""
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "flow-manager"


def say(text):
    print(text, file=sys.stderr, flush=True)


class Failure(SystemExit):
    """Something is not as it must be: the end of the program, with this message, unless a caller catches it."""


def fail(message):
    raise Failure(message)


def eventually(complaint, condition, seconds=20, pause=0.002):
    """The condition's value as soon as it holds."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            fail(complaint)
        time.sleep(pause)
    return value


def run(command, **options):
    """Runs a command to its end. Ctrl-C reaches only this program, which then stops things in their order."""
    command = [str(word) for word in command]
    done = subprocess.run(command, capture_output=True, text=True, start_new_session=True, check=False, **options)
    if done.returncode:
        fail(f"{command[0]} failed:\n{done.stderr or done.stdout}")
    return done.stdout.strip()


def start(command, log, cleanup, **options):
    """Starts a service, to be ended by the cleanup, or by the kernel when this program is killed."""
    command = ["setpriv", "--pdeathsig", "TERM", *(str(word) for word in command)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True, **options)
    cleanup.callback(end, process)
    return process


def end(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
