"""Faults of clients: those that leave, that are slow, and that are many. Each returns what to say of it."""

import contextlib
import http.client
import socket
import time

import crowd
from processes import Failure, eventually

# A large answer, which needs no user.
LARGE = "/openapi.json"
DRAFT = '{"title": "overload", "content": "a post"}'
# By which time of silence in a request nginx and the program must have closed a connection, in seconds.
PATIENCE = 25


def abort(stage, count):
    """Clients leave after the headers, within the body, before the answer, and within it."""
    whole = crowd.post("/posts", DRAFT, stage.user.token)
    head = len(whole) - len(DRAFT)
    for message, answer in [(whole[:head], 0), (whole[:head + len(DRAFT) // 2], 0), (whole, 0),
                            (crowd.get(LARGE), 20)]:
        for number in range(count):
            with contextlib.closing(crowd.connect(stage.port, number)) as connection:
                connection.sendall(message)
                if answer:
                    connection.recv(answer)
    return f"{count} at each of four stages"


def half_close(stage, count):
    """Clients that end their sending side once they have sent the call get the whole answer."""
    lengths = set()
    for number in range(count):
        with contextlib.closing(crowd.connect(stage.port, number)) as connection:
            connection.sendall(crowd.get(LARGE, None, "Connection: close"))
            connection.shutdown(socket.SHUT_WR)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            lengths.add((answer.status, len(answer.read())))
    if len(lengths) != 1 or not lengths <= {(200, length) for _, length in lengths}:
        raise Failure(f"other answers: {lengths}")
    return ""


def trickle(stage, count, target, message):
    """Connections that send a byte each second and then nothing. They are closed; a quick drill does not wait."""
    with stage.probe() as probe, crowd.Crowd(target, count, message) as clients:
        for _ in range(1 if stage.is_quick else 5):
            clients.send(b"x")
            time.sleep(stage.second)
        if not stage.is_quick:
            clients.wait_until_closed(PATIENCE)
    return probe.check(stage.limit)


def trickle_headers(stage, count):
    return trickle(stage, count, stage.port, b"GET /health HTTP/1.1\r\nX-Slow: ")


def trickle_bodies(stage, count):
    return trickle(stage, count, stage.port, crowd.post("/posts", DRAFT, stage.user.token)[:-len(DRAFT)])


def trickle_records(stage, count):
    """At the program's own socket, past nginx."""
    return trickle(stage, count, stage.path, crowd.begin(REQUEST_METHOD="GET", REQUEST_URI="/health")[:-20])


def read_slowly(stage, count):
    """More clients than threads read a byte a second of a large answer."""
    with stage.probe() as probe, crowd.Crowd(stage.port, count, crowd.get(LARGE), buffer=1) as clients:
        for _ in range(1 if stage.is_quick else 15):
            time.sleep(stage.second)
            if clients.receive(1):
                raise Failure("a slow reader was cut off within seconds")
    return probe.check(stage.limit)


def read_records_slowly(stage, count):
    """At the program's own socket, where each reader does occupy a thread, until it has been silent for too long."""
    call = crowd.begin(REQUEST_METHOD="GET", REQUEST_URI=LARGE, FLOW_GATE=stage.stack.environment["FLOW_GATE"])
    with stage.probe(["/health"]) as probe, crowd.Crowd(stage.path, count, call + crowd.record(5, b"")) as clients:
        for _ in range(15):
            time.sleep(1)
            clients.receive(1)
        back = stage.recovers(2)
    return f"{probe.check(stage.limit)}; served again after {back} ms"


def send_gigabytes(stage, count):
    """Bodies of a gigabyte, with their length and without, are refused before they are sent, and occupy no memory."""
    before, waits = stage.memory(), []
    head = f"POST /posts HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {stage.user.token}\r\n"
    kinds = {"Content-Length: 1000000000": b"x" * (1 << 16),
             "Transfer-Encoding: chunked": b"10000\r\n" + b"x" * (1 << 16) + b"\r\n"}
    for _ in range(count):
        for kind, piece in kinds.items():
            with contextlib.closing(crowd.connect(stage.port)) as connection:
                began = time.monotonic()
                connection.sendall(f"{head}{kind}\r\n\r\n".encode())
                connection.setblocking(False)
                answer = b""
                while not answer and time.monotonic() < began + 10:
                    with contextlib.suppress(BlockingIOError, BrokenPipeError):
                        connection.send(piece)
                    with contextlib.suppress(BlockingIOError):
                        answer = connection.recv(1 << 16)
                waits.append(time.monotonic() - began)
            if b" 413 " not in answer[:20]:
                raise Failure(f"{kind}: {answer[:100]}")
    grown = stage.memory() - before
    if max(waits) > 1 or grown > 32:
        raise Failure(f"413 after {max(waits):.2f} s, {grown:.0f} MiB more")
    return f"413 after {1000 * max(waits):.0f} ms at most, {grown:+.0f} MiB"


def keep_idle(stage, count):
    """So many clients keep a connection open while others work, who are hardly slower. In turns with and without."""
    active, rounds = (20, 1) if stage.is_quick else (200, 2)
    times = {False: [], True: []}
    for _ in range(rounds):
        for is_crowded in times:
            with contextlib.ExitStack() as cleanup:
                if is_crowded:
                    idle = cleanup.enter_context(crowd.Crowd(stage.port, count, crowd.get("/docs/none")))
                    eventually("an idle client has no answer",
                               lambda: not idle.receive(1 << 16) and len(idle.answered) == count, 10, 0.1)
                probe = crowd.Probe(stage.port, {"/health": None, "/me": stage.reader.token}, stage.second, active)
                with probe:
                    time.sleep(stage.second * (1 if stage.is_quick else 10))
                if is_crowded and idle.receive(1 << 16):
                    raise Failure("idle clients were cut off")
                times[is_crowded] += [taken for kind in probe.times.values() for taken in kind]
    without, beside = (1000 * crowd.p99(taken) for taken in times.values())
    # What is as quick as that is not slow.
    if beside > max(2 * without, 50 if stage.is_quick else 20):
        raise Failure(f"p99 of {active} active clients {beside:.0f} ms, {without:.0f} without idle ones")
    return f"p99 of {active} active clients {beside:.0f} ms, {without:.0f} without idle ones"
