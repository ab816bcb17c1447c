"""The load: clients that run flows one after the other, and remember the answers."""

import collections
import concurrent.futures
import contextlib
import http.client
import json
import random
import secrets
import socket
import threading
import time

import flows
from processes import Failure

CLIENTS = 16
# How long a call with a key is repeated, and how long a run that answered 202 is waited for, in seconds.
PATIENCE, RUNNING_PATIENCE = 180, 1
# What each user is given to spend.
WEALTH = 1_000_000_000


class Call:
    """One run that a client wanted, and what was answered."""

    def __init__(self, number, user, flow, key):
        self.number, self.user, self.flow, self.key = number, user, flow, key
        self.answer = None      # the body that acknowledged it
        self.pointed = None     # the id of the run that a 202 named, which did not end


class User:
    """An account, used by one client. Each call has a connection of its own: a kept one may end while it is used."""

    def __init__(self, port, email, password):
        self.port, self.token = port, None
        self.id, self.workflows = None, {}
        self.email, self.password = email, password
        # Of its own: the users together need more ports than one address has.
        self.address = f"127.0.1.{secrets.randbelow(254) + 1}"

    @staticmethod
    def admin(port):
        """The one of the demo profile."""
        user = User(port, "defaultadmin@admin.as", "adminpass")
        user.log_in()
        return user

    @staticmethod
    def make(admin):
        """A new one who can spend without end."""
        user = User(admin.port, f"{secrets.token_hex(8)}@example.org", secrets.token_hex(8))
        user.id = user.patiently("/create_user")["id"]
        user.log_in()
        admin.expect(201, "/api/credits/grants", {"user_id": user.id, "amount": WEALTH})
        return user

    @staticmethod
    def make_all(admin):
        """One for each client, with workflows."""
        users = [User.make(admin) for _ in range(CLIENTS)]
        for user in users:
            user.store_workflows()
        return users

    def store_workflows(self):
        for workflow in flows.WORKFLOWS:
            self.workflows[workflow] = self.expect(201, "/api/workflows", workflow.draft)["id"]

    def given(self, workflow, number):
        """The input of a run, with the ids that are this user's."""
        given = workflow.given(number)
        return given | {"workflow": self.workflows[flows.NOTES]} if "workflow" in given else given

    def expect(self, wanted, path, body):
        status, answer = self.post(path, body)
        if status != wanted:
            raise Failure(f"{path}: {status} {answer[:300]}")
        return json.loads(answer)

    def log_in(self):
        self.token = self.patiently("/login")["token"]

    def patiently(self, path):
        """Clients that log in all at once must wait for each other."""
        while True:
            status, body = self.post(path, {"email": self.email, "password": self.password})
            if status != 503:
                return json.loads(body)
            time.sleep(0.05)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60, source_address=(self.address, 0))

    def post(self, path, body, key=None):
        return self.send("POST", path, body, self.headers(key))

    def send(self, method, path, body, headers=None):
        """The status and the body of the answer. Without headers, the call is the user's own."""
        content = body if isinstance(body, bytes) else json.dumps(body)
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, content, self.headers(None) if headers is None else headers)
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


def is_in_progress(status, body):
    """Whether the first call with the key has not ended."""
    return status == 409 and json.loads(body)["code"] == "idempotency_in_progress"


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
            except Failure as violation:
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
        elif status not in self.tolerated and not (self.tolerated and call.key and is_in_progress(status, body)):
            raise Failure(f"{status} {body[:300]}")
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
                raise Failure(f"not acknowledged within {PATIENCE} s")
            time.sleep(random.uniform(0, 0.05))


class Order:
    """One run that a client queued. It repeats the call until it is acknowledged, so every one is."""

    def __init__(self, number, user, workflow, name="storm"):
        self.number, self.user, self.workflow = number, user, workflow
        self.name = name        # under which fault
        self.execution_id = None

    def place(self, tolerated=()):
        path = f"/api/workflows/{self.user.workflows[self.workflow]}/execute"
        deadline, wanted = time.monotonic() + PATIENCE, {202}
        while True:
            body = {"input": self.user.given(self.workflow, self.number)}
            status, answer = self.user.post(path, body, f"order-{self.number}")
            if status in wanted:
                self.execution_id = json.loads(answer)["id"]
                return self
            if status not in tolerated and not (tolerated and is_in_progress(status, answer)):
                raise Failure(f"order {self.number}: {status} {answer[:300]}")
            if time.monotonic() > deadline:
                raise Failure(f"order {self.number}: not acknowledged within {PATIENCE} s")
            # The run of the call before, if it was begun, may have ended when this one is repeated.
            wanted = {200, 202}
            time.sleep(random.uniform(0, 0.1))


def queue_runs(users, count, seconds, tolerated):
    """Places that many orders, spread over the time; returns those acknowledged and what was wrong."""
    def queue(user, share):
        orders, wrong = [], []
        for _ in range(share):
            with Load.lock:
                number = next(Load.numbers)
            began = time.monotonic()
            try:
                workflow, = random.choices(flows.WORKFLOWS, flows.WEIGHTS)
                orders.append(Order(number, user, workflow).place(tolerated))
            except (Failure, OSError, http.client.HTTPException) as error:
                wrong.append(f"order {number}: {error!r}")
            time.sleep(max(0, random.uniform(0, 2 * seconds / share) - (time.monotonic() - began)))
        return orders, wrong
    with concurrent.futures.ThreadPoolExecutor(len(users)) as pool:
        results = list(pool.map(lambda user: queue(user, count // len(users)), users))
    return [order for orders, _ in results for order in orders], [text for _, wrong in results for text in wrong]
