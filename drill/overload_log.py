"""Faults of the log: renamed, without a disk, and without a file. Each returns what to say of it."""

import contextlib
import http.client
import os
import re
import threading
import time

import crowd
import processes
from processes import Failure, eventually

# A whole line.
LINE = re.compile(r"^\d{4}-\d\d-\d\dT\S+ (debug|info|warning|error) [a-z-]+( .*)?$")


def rotate_log(stage, count):
    """The log is renamed and opened again under load: each call is on record once, in a line of its own."""
    log, ids, ended = stage.stack.events.path, [], threading.Event()

    def call():
        connection = http.client.HTTPConnection("127.0.0.1", stage.port, timeout=10)
        with contextlib.closing(connection):
            while not ended.is_set():
                name = f"rotation-{time.monotonic_ns()}"
                connection.request("GET", "/health", headers={"X-Request-Id": name})
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    ids.append(name)

    client = threading.Thread(target=call)
    client.start()
    files = [log]
    try:
        for number in range(count):
            files.append(log.with_name(f"log.{number}"))
            log.rename(files[-1])
            stage.stack.reopen_log()
            wait_until_reopened(stage, files[-1])
            time.sleep(0.05)
    finally:
        ended.set()
        client.join()
    wanted = set(ids)
    eventually("a call is not in the log", lambda: wanted <= {*logged(files)}, 5, 0.1)
    found = [name for name in logged(files) if name in wanted]
    if len(found) != len(wanted):
        raise Failure(f"{len(found)} lines of {len(wanted)} calls")
    torn = [line for file in files for line in file.read_text().splitlines() if not LINE.match(line)]
    if torn:
        raise Failure(f"torn lines: {torn[:3]}")
    return f"{len(wanted)} calls on record once"


def logged(files):
    """The ids of the requests in the log's files."""
    return [name for file in files for name in re.findall(r"request_id=(rotation-\d+)", file.read_text())]


def wait_until_reopened(stage, before):
    """Until no process writes to the file from before; the drill's own reader follows."""
    eventually("the log is not opened again", lambda: not stage.stack.log_users(before), 10)
    eventually("the log has no file", stage.stack.events.path.exists, 5)
    stage.stack.events.follow()


def lose_log(stage, count):
    """The log's disk is full, or the file cannot be opened: calls go on, what is not written is counted."""
    log, said = stage.stack.events.path, []
    stage.stack.announced.add("log-not-reopened")
    kinds = [("/dev/full", devoid), ("a directory", unopenable)] + [("a full disk", full)] * (os.geteuid() == 0)
    for number in range(count):
        for name, kind in kinds:
            before = log.with_name(f"log.{name[-4:]}.{number}")
            place = stage.stack.events.end()
            log.rename(before)
            lines = stage.metric("flow_manager_log_lines_dropped_total")
            with kind(stage, log, before, place):
                answers = crowd.ask(stage.port, [crowd.get("/health")] * 50, 5)
                if {answer.status for answer in answers} != {200} or len(answers) < 50:
                    raise Failure(f"{name}: {len(answers)} calls were answered")
                if name != "a directory":
                    eventually(f"{name}: no line is counted as dropped",
                               lambda: stage.metric("flow_manager_log_lines_dropped_total") > lines, 5, 0.05)
                elif stage.metric("flow_manager_log_lines_dropped_total") > lines:
                    raise Failure("lines are dropped, though the old file is open")
            said.append(f"{stage.metric('flow_manager_log_lines_dropped_total') - lines:.0f} lines dropped, {name}")
    return "; ".join(said[:len(kinds)])


@contextlib.contextmanager
def devoid(stage, log, before, _):
    """A file without room."""
    log.symlink_to("/dev/full")
    stage.stack.reopen_log()
    eventually("the log is not opened again", lambda: not stage.stack.log_users(before), 10)
    yield
    log.unlink()
    stage.stack.reopen_log()
    wait_until_reopened(stage, "/dev/full")


@contextlib.contextmanager
def unopenable(stage, log, before, place):
    """The old file stays in use, and says so."""
    log.mkdir()
    stage.stack.reopen_log()
    stage.stack.events.wait("log-not-reopened", place, 5)
    yield
    log.rmdir()
    stage.stack.reopen_log()
    wait_until_reopened(stage, before)


@contextlib.contextmanager
def full(stage, log, before, _):
    """A file system of a megabyte, which is full until the end of the block. No line is torn in two."""
    folder = log.with_name("small")
    folder.mkdir()
    processes.run(["mount", "-t", "tmpfs", "-o", "size=1m", "log", folder])
    try:
        log.symlink_to(folder / "log")
        stage.stack.reopen_log()
        wait_until_reopened(stage, before)
        with (folder / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 12))
        yield
        place = stage.stack.events.end()
        (folder / "filler").unlink()
        crowd.ask(stage.port, [crowd.get("/health")] * 50, 5)
        stage.stack.events.wait("lines-dropped", place, 5)
        log.unlink()
        stage.stack.reopen_log()
        wait_until_reopened(stage, folder / "log")
        lines = (folder / "log").read_text().splitlines()
        if torn := [line for line in lines if not re.match(r"\d{4}-|$", line) or line.count(" request ") > 1]:
            raise Failure(f"torn lines: {torn[:3]}")
    finally:
        # Lazily, as after a failure it is in use.
        processes.run(["umount", "--lazy", folder])
        folder.rmdir()
