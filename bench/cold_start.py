"""From the start of a responder to its first answer, over FastCGI without a web server between."""

import os
import select
import socket
import struct
import time

import processes
import servers

BEGIN_REQUEST, PARAMS, STDIN = 1, 4, 5
RESPONDER = 1


def record(kind, content=b""):
    """A record of request 1 (FastCGI specification, section 3.3)."""
    return struct.pack(">BBHHBx", 1, kind, 1, len(content), 0) + content


def pair(name, value):
    """Section 3.4."""
    lengths = [bytes([len(text)]) if len(text) < 128 else struct.pack(">I", len(text) | 1 << 31)
               for text in (name, value)]
    return b"".join(lengths) + name + value


def health_request(gate):
    params = {"REQUEST_METHOD": "GET", "REQUEST_URI": "/health", "CONTENT_LENGTH": "", "FLOW_GATE": gate}
    content = b"".join(pair(name.encode(), value.encode()) for name, value in params.items())
    begin = record(BEGIN_REQUEST, struct.pack(">HB5x", RESPONDER, 0))
    return begin + record(PARAMS, content) + record(PARAMS) + record(STDIN)


def milliseconds(bench, commands, count):
    """What that many starts of each server's command took, in turns: the times by server."""
    times = {server: [] for server in commands}
    for number in range(count):
        for server in list(commands)[::1 if number % 2 == 0 else -1]:
            times[server].append(start(bench, [str(word) for word in commands[server]]))
    return times


def start(bench, command):
    path = bench.folder / "cold.sock"
    with servers.listen(path) as listener, socket.socket(socket.AF_UNIX) as client:
        # The request waits in the socket for the process that is to answer it.
        client.settimeout(10)
        client.connect(str(path))
        client.sendall(health_request(bench.environment["FLOW_GATE"]))
        path.unlink()
        log = os.open(bench.log("cold"), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        inherited = [(os.POSIX_SPAWN_DUP2, source, target)
                     for target, source in enumerate((listener.fileno(), log, log))]
        began = time.perf_counter()
        pid = os.posix_spawn(command[0], command, bench.environment, file_actions=inherited, setsid=True)
        try:
            answer = b""
            while b'{"status":"ok"}' not in answer:
                answer += client.recv(4096) or processes.fail(f"{command[0]}:\n{bench.log('cold').read_text()}")
            return (time.perf_counter() - began) * 1000
        finally:
            os.kill(pid, 15)
            os.close(log)
            reap(pid)


def reap(pid):
    process = os.pidfd_open(pid)  # readable when it has ended
    if not select.select([process], [], [], 10)[0]:
        os.kill(pid, 9)
    os.close(process)
    os.waitpid(pid, 0)
