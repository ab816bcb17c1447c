"""Many connections at once, and a client that measures beside them."""

import asyncio
import collections
import contextlib
import multiprocessing
import re
import selectors
import socket
import time

from processes import Failure, eventually

# One address has ports for 28,000 connections to another; those that ended keep theirs for a minute.
ADDRESSES = [f"127.0.2.{number}" for number in range(1, 255)]
Answer = collections.namedtuple("Answer", "status head seconds")


def connect(target, number=0, buffer=None):
    """A connection to a port of this machine, or to a socket's path. `buffer`: of what is received, in bytes."""
    if not isinstance(target, int):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(10)
        connection.connect(str(target))
        return connection
    connection = socket.socket()
    if buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    connection.settimeout(10)
    connection.bind((ADDRESSES[number % len(ADDRESSES)], 0))
    connection.connect(("127.0.0.1", target))
    return connection


class Crowd:
    """So many connections, open until the `with` block ends, each of which has sent the message."""

    def __init__(self, target, count, message=b"", buffer=None):
        self.connections, self.answered = [], set()
        try:
            for number in range(count):
                connection = connect(target, number, buffer)
                self.connections.append(connection)
                connection.sendall(message)
                connection.setblocking(False)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in self.connections:
            connection.close()

    def send(self, content):
        """Sends more on each; a connection that the server has closed is left alone."""
        for connection in self.connections:
            with contextlib.suppress(OSError):
                connection.send(content)

    def receive(self, size):
        """At most so many bytes of each, if they are there. Returns how many connections have ended."""
        ended = 0
        for connection in self.connections:
            try:
                if connection.recv(size):
                    self.answered.add(connection)
                else:
                    ended += 1
            except BlockingIOError:
                pass
            except OSError:
                ended += 1
        return ended

    def wait_until_closed(self, seconds):
        """The server has to close all of them."""
        count = len(self.connections)
        eventually(f"of {count} connections some are open after {seconds} s",
                   lambda: self.receive(1 << 16) == count, seconds, 0.2)


def get(path, token=None, *headers):
    """The bytes of a request."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", *headers]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def post(path, body, token=None, *headers):
    content = body.encode()
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", "Content-Type: application/json", *headers,
             f"Content-Length: {len(content)}"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + content


def record(kind, content):
    """A FastCGI record of request 1 (specification, section 3.3)."""
    return bytes([1, kind, 0, 1]) + len(content).to_bytes(2, "big") + bytes(2) + content


def begin(**params):
    """The records that begin a request on a connection that is kept, and its params, which are short."""
    pairs = (bytes([len(name), len(value)]) + name.encode() + value.encode() for name, value in params.items())
    return record(1, bytes([0, 1, 1]) + bytes(5)) + record(4, b"".join(pairs)) + record(4, b"")


def ask(target, messages, seconds):
    """Sends each message on a connection of its own, all at once. The answers in the order of their arrival; fewer than
    there are messages if some have none after so many seconds."""
    answers, began, connections = [], time.monotonic(), {}
    with contextlib.ExitStack() as cleanup, selectors.DefaultSelector() as selector:
        for number, message in enumerate(messages):
            connection = cleanup.enter_context(connect(target, number))
            connection.sendall(message)
            connections[connection] = b""
            selector.register(connection, selectors.EVENT_READ)
        while connections and (left := began + seconds - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                connection = key.fileobj
                received = connection.recv(1 << 16)
                connections[connection] += received
                if not received or b"\r\n\r\n" in connections[connection]:
                    head = connections.pop(connection).decode("latin-1")
                    selector.unregister(connection)
                    status = int(head.split()[1]) if head else 0
                    answers.append(Answer(status, head.lower(), time.monotonic() - began))
    return answers


class Probe:
    """Clients in a process of their own that repeat calls on kept connections during a `with` block.

    - Parameter calls: the token, or None, by path. Each client makes all of them, one call in every `interval`.
    """

    def __init__(self, port, calls, interval=0.02, clients=1):
        self.port, self.calls, self.interval, self.clients = port, calls, interval, clients
        context = multiprocessing.get_context("fork")
        self.has_ended, self.output = context.Event(), context.SimpleQueue()
        self.process = context.Process(target=self.work, daemon=True)
        self.times = {}

    def __enter__(self):
        self.process.start()
        return self

    def __exit__(self, *_):
        self.has_ended.set()
        self.times, failed = self.output.get()
        self.process.join()
        if failed:
            raise Failure(f"calls beside it failed: {failed}")

    def work(self):
        times, failed = {path: [] for path in self.calls}, collections.Counter()

        async def run():
            await asyncio.gather(*(self.act(number, times, failed) for number in range(self.clients)))
        asyncio.run(run())
        self.output.put((times, dict(failed)))

    async def act(self, number, times, failed):
        await asyncio.sleep(self.interval * number / self.clients)
        reader = writer = None
        while not self.has_ended.is_set():
            for path, token in self.calls.items():
                began = time.monotonic()
                try:
                    if not writer:
                        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.write(get(path, token))
                    status = await asyncio.wait_for(answered(reader), 10)
                except (OSError, EOFError, asyncio.TimeoutError) as error:
                    status, writer = repr(error), None
                times[path].append(time.monotonic() - began)
                # What needs the database, or a thread, may be refused.
                if status not in (200, 503):
                    failed[f"{path}: {status}"] += 1
                await asyncio.sleep(max(0, began + self.interval - time.monotonic()))

    def check(self, limit):
        """99 of 100 calls of each path ended within so many seconds. What to say of it."""
        said = ", ".join(f"{path} {1000 * p99(times):.0f} ms" for path, times in self.times.items())
        if any(p99(times) > limit for times in self.times.values()):
            raise Failure(f"p99 of {said}")
        return f"p99 of {said}"


async def answered(reader):
    """The status of an answer that is read to its end."""
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(re.search(rb"(?i)\r\ncontent-length: (\d+)", head)[1]))
    return int(head.split()[1])


def p99(times):
    return sorted(times)[max(0, -(-len(times) * 99 // 100) - 1)]
