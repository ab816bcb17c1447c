"""Who gets what the program sends by itself, beside the faults: a receiver of notifications, and watchers of events."""

import collections
import contextlib
import hashlib
import hmac
import http.client
import http.server
import json
import random
import socket
import threading
import time

from processes import Failure

# The shares of notifications that the receiver fails to answer at first: with an error, and not at all.
FAILED, SILENT = 0.05, 0.03


class Receiver:
    """A server for notifications of the ends of runs. `received`: of each notification, the run and the status, as
    often as it came."""

    def __init__(self):
        self.secrets, self.received, self.wrong = {}, collections.defaultdict(list), []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.receive(self.headers, body)
                if status:
                    self.send_response(status)
                    self.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 128

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/ends"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def receive(self, headers, body):
        """The status of the answer; None: there is none."""
        id, content = headers["Webhook-Id"], json.loads(body)
        execution = content["execution"]
        if content["id"] != id or not self.is_signed(execution["workflow_id"], headers["Webhook-Signature"], body):
            self.wrong.append(f"notification {id}: another id or signature")
        is_first = id not in self.received
        self.received[id].append((execution["id"], execution["status"]))
        draw = random.random() if is_first else 1
        return None if draw < SILENT else 500 if draw < SILENT + FAILED else 200

    def is_signed(self, workflow, signature, body):
        time, _, code = signature.partition(",v1=")
        message = time.removeprefix("t=").encode() + b"." + body
        return hmac.compare_digest(code, hmac.new(self.secrets[workflow].encode(), message, hashlib.sha256).hexdigest())

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Watcher(threading.Thread):
    """A client of the user's events, or of those of one run, in one of the forms. It continues after the last one.

    `events` are the ids, names and data that it got; `begin` and `place` are positions in the log.
    """

    forms = ["stream", "pages"]

    def __init__(self, user, form, path="/api/events"):
        super().__init__(daemon=True)
        self.user, self.form, self.path = user, form, path
        self.events, self.wrong, self.connections = [], [], 0
        self.cursor = self.begin = self.place = self.connection = None
        self.is_over = False

    def run(self):
        follow = self.follow_stream if self.form == "stream" else self.read_page
        while not self.is_over:
            try:
                self.connection = self.user.connect()
                self.connections += 1
                with contextlib.closing(self.connection):
                    follow()
            except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
                # The connection ends with its responder. Another thread may close it, and its parts are missing then.
                if isinstance(error, (ValueError, AttributeError)) and not self.is_over:
                    self.wrong.append(repr(error))
                self.pause()

    def pause(self):
        if not self.is_over:
            time.sleep(random.uniform(0.05, 0.3))

    def stop(self):
        self.is_over = True
        with contextlib.suppress(OSError, AttributeError):
            self.connection.sock.shutdown(socket.SHUT_RDWR)
        self.join(20)

    def request(self, headers):
        """The answer, if it has events."""
        self.connection.request("GET", self.path, headers=self.user.headers(None) | headers)
        response = self.connection.getresponse()
        if response.status == 401:
            self.user.log_in()
        elif response.status == 204:
            self.is_over = True
        elif response.status not in (200, 502, 503):
            self.wrong.append(f"{self.path}: {response.status} {response.read()[:300]}")
        if response.status != 200:
            self.pause()
            return None
        return response

    def follow_stream(self):
        last = {"Last-Event-ID": self.cursor} if self.cursor else {}
        response = self.request({"Accept": "text/event-stream"} | last)
        fields = {}
        while response and not self.is_over and (line := response.readline()):
            if line == b"\n":
                self.take(fields)
                fields = {}
            name, _, value = line.decode().rstrip("\n").partition(": ")
            fields[name] = value

    def read_page(self):
        after = {"Last-Event-ID": self.cursor} if self.cursor else {}
        if response := self.request({"Prefer": "wait=5"} | after):
            page = json.loads(response.read())
            for event in page["items"]:
                self.take({"id": event["id"], "event": event["event"], "data": json.dumps(event["data"])})
            self.take({"id": page["next_cursor"]} if page["next_cursor"] else {})

    def take(self, fields):
        """A whole message of a stream, or an event of a page."""
        if "id" not in fields:
            return
        self.cursor = fields["id"]
        if not self.cursor.startswith("s"):
            transaction, row, _ = self.cursor.removesuffix("e").split("-")
            self.place = (int(transaction), int(row))
            self.begin = self.begin or self.place
        if "event" in fields:
            self.events.append((self.cursor.removesuffix("e"), fields["event"], json.loads(fields["data"])))
            if self.cursor.endswith("e") and self.path != "/api/events":
                self.is_over = True


class RunWatcher(threading.Thread):
    """Watches one run of a user after the other, from `runs`, each to its end."""

    def __init__(self, user, is_over):
        super().__init__(daemon=True)
        self.user, self.is_over = user, is_over
        self.runs, self.watched = collections.deque(maxlen=1), {}

    def run(self):
        while not self.is_over.is_set():
            if not self.runs:
                time.sleep(0.02)
                continue
            run = self.runs.pop()
            watcher = Watcher(self.user, random.choice(Watcher.forms), f"/api/executions/{run}/events")
            self.watched[run] = watcher
            watcher.run()


def is_final(event):
    """Whether an event of a run is its end."""
    _, name, data = event
    return name == "execution" and data["duration_ms"] is not None
