"""The load: clients that run flows one after the other, and remember what they were told."""

import collections
import contextlib
import http.client
import json
import random
import secrets
import socket
import threading
import time

import flows
from stack import Violation

CLIENTS = 16
# How long a call with a key is repeated, and how long a run that answered 202 is waited for, in seconds.
PATIENCE, RUNNING_PATIENCE = 30, 1


class Call:
    """One run that a client wanted, and what it was told."""

    def __init__(self, number, user, flow, key):
        self.number, self.user, self.flow, self.key = number, user, flow, key
        self.answer = None      # the body that acknowledged it
        self.pointed = None     # the id of the run that a 202 named, which did not end


class User:
    """An account, used by one client. Each call has a connection of its own: a kept one may end while it is used."""

    def __init__(self, port):
        self.port = port
        self.token = None
        email, password = f"{secrets.token_hex(8)}@example.org", secrets.token_hex(8)
        self.id = self.patiently("/create_user", email, password)["id"]
        self.token = self.patiently("/login", email, password)["token"]

    def patiently(self, path, email, password):
        """Clients that log in all at once must wait for each other."""
        while True:
            status, body = self.post(path, {"email": email, "password": password})
            if status != 503:
                return json.loads(body)
            time.sleep(0.05)

    def post(self, path, body, key=None):
        """The status and the body of the answer."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request("POST", path, json.dumps(body), self.headers(key))
            answer = connection.getresponse()
            return answer.status, answer.read()

    def abandon(self, path, body):
        """Sends the call, or only the beginning of it, and goes away before the answer has come, or within it."""
        content = json.dumps(body)
        headers = {"Host": "localhost", "Content-Length": len(content)} | self.headers(None)
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        message = f"POST {path} HTTP/1.1\r\n{head}\r\n{content}".encode()
        is_whole = random.random() < 0.7
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(message if is_whole else message[:random.randrange(len(message))])
            if is_whole and random.random() < 0.3:
                connection.recv(20)

    def headers(self, key):
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if key:
            headers["Idempotency-Key"] = key
        return headers


class Load:
    """Sixteen clients in a `with` block; `tolerated` are the statuses of calls that the fault may cut off.

    Where there are any, a call that is repeated may also find the first one's run, or transaction, not yet ended.
    """

    numbers = iter(range(1, 1 << 62))
    lock = threading.Lock()

    def __init__(self, users, tolerated):
        self.users, self.tolerated = users, tolerated
        self.calls, self.statuses, self.violations = [], collections.Counter(), []
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=[user], daemon=True) for user in users]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.threads:
            thread.join()

    def run(self, user):
        while not self.is_over.is_set():
            with Load.lock:
                number = next(Load.numbers)
            key = f"key-{number}" if random.random() < 0.25 else None
            call = Call(number, user, random.choice(flows.KINDS)(number), key)
            self.calls.append(call)
            try:
                self.make(call)
            except Violation as violation:
                self.violations.append(f"call {number}: {violation}")
            except (OSError, http.client.HTTPException) as error:  # nginx is never killed: no connection may break
                self.violations.append(f"call {number}: {error!r}")
            time.sleep(random.uniform(0, 0.03))

    def make(self, call):
        if call.key:
            self.repeat(call)
        elif random.random() < 0.05:
            self.statuses["abandoned"] += 1
            call.user.abandon("/flow-manager", call.flow.call)
        else:
            self.attempt(call)

    def attempt(self, call):
        """Sends the call once. The run's id if a 202 named one."""
        status, body = call.user.post("/flow-manager", call.flow.call, call.key)
        self.statuses[status] += 1
        if status == (422 if call.flow.status == "failed" else 200):
            call.answer = body.decode()
        elif status == 202 and call.key and self.tolerated:
            return json.loads(body)["id"]
        elif status not in self.tolerated and not (status == 409 and call.key and self.tolerated):
            raise Violation(f"{status} {body[:300]}")
        return None

    def repeat(self, call):
        """Repeats the call until it is acknowledged, or its run is known to have been left behind."""
        deadline = time.monotonic() + PATIENCE
        left_at = None
        while not call.answer:
            call.pointed = self.attempt(call)
            if call.pointed:
                left_at = left_at or time.monotonic()
                if time.monotonic() > left_at + RUNNING_PATIENCE:
                    return
            if time.monotonic() > deadline:
                raise Violation(f"not acknowledged within {PATIENCE} s")
            time.sleep(random.uniform(0, 0.05))
