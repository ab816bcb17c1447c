"""Clients of event streams, in one process: they count what they get, by one event loop."""

import asyncio
import subprocess
import sys

import processes


class Watcher:
    """One connection, which is opened again after the last event when it ends."""

    def __init__(self, port, path, token):
        self.port, self.path, self.token = port, path, token
        self.last, self.events, self.connections, self.refused, self.ended = None, 0, 0, 0, False

    async def watch(self):
        while not self.ended:
            try:
                await self.read()
            except (OSError, asyncio.IncompleteReadError):
                pass
            if not self.ended:
                await asyncio.sleep(1)

    async def read(self):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        last = f"Last-Event-ID: {self.last}\r\n" if self.last else ""
        writer.write(f"GET {self.path} HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {self.token}\r\n"
                     f"Accept: text/event-stream\r\n{last}\r\n".encode())
        self.connections += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            status = head.split(b" ")[1]
            self.ended = status == b"204"
            if status != b"200":
                self.refused += not self.ended
                return
            while line := await reader.readline():
                if line.startswith(b"id: "):
                    self.last = line[4:-1].decode()
                elif line.startswith(b"event: "):
                    self.events += 1
        finally:
            writer.close()


async def main():
    """Reads the port and then a path and a token of each watcher; answers each line of what follows with its figures:
    events, connections, those that were refused, and watchers that have got anything."""
    port, count = map(int, sys.stdin.readline().split())
    watchers = [Watcher(port, *sys.stdin.readline().split()) for _ in range(count)]
    tasks = [asyncio.create_task(watcher.watch()) for watcher in watchers]
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(sum(watcher.events for watcher in watchers), sum(watcher.connections for watcher in watchers),
              sum(watcher.refused for watcher in watchers), sum(watcher.last is not None for watcher in watchers),
              flush=True)
    for task in tasks:
        task.cancel()


class Watchers:
    """That process, for a measurement."""

    def __init__(self, cleanup, port, targets):
        self.process = subprocess.Popen([sys.executable, "-B", __file__], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        cleanup.callback(self.stop)
        self.process.stdin.write(f"{port} {len(targets)}\n" + "".join(f"{path} {token}\n" for path, token in targets))
        self.process.stdin.flush()
        self.count = len(targets)

    def figures(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return tuple(map(int, self.process.stdout.readline().split()))

    def wait(self):
        """Until each of them has got something."""
        processes.eventually("not all watchers are connected", lambda: self.figures()[3] == self.count, 120, 0.2)

    def stop(self):
        self.process.kill()
        self.process.wait()


if __name__ == "__main__":
    asyncio.run(main())
