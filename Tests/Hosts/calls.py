"""The calls that must have the same effect behind every web server."""

import concurrent.futures
import contextlib
import http.client
import json
import os
import re
import socket
import ssl
import subprocess
import threading
import time
import urllib.parse
import uuid

ADMIN = ("defaultadmin@admin.as", "adminpass")
SUM = {"id": "sum", "name": "Sum", "start_task": "add",
       "tasks": [{"name": "add", "type": "calc.addition", "input": {"arguments": [2, "{{ $.input }}"]}}]}
PAUSE = {"id": "pause", "name": "Pause", "start_task": "pause",
         "tasks": [{"name": "pause", "type": "wait", "input": {"seconds": 1}}]}


APPROVAL = {"id": "approval", "name": "Approval", "start_task": "approval",
            "tasks": [{"name": "approval", "type": "approval"}]}


class Answer:
    def __init__(self, response, body):
        self.status, self.headers, self.body = response.status, response.headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:300]!r}"


class Site:
    """A deployed program, seen by a client."""

    def __init__(self, host):
        self.host, self.base, self.port = host, host.base, host.port
        self.secrets = []

    def send(self, method, path, body=None, token=None, headers=(), below=None, tls=False, chunked=False):
        """One call on a connection of its own. `below`: another base path; the path is sent as it is."""
        fields = dict(headers)
        if token:
            fields["Authorization"] = f"Bearer {token}"
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            fields.setdefault("Content-Type", "application/json")
        if tls:
            connection = http.client.HTTPSConnection(
                "127.0.0.1", self.host.tls_port, timeout=70, context=ssl._create_unverified_context())
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=70)
        try:
            target = (self.base if below is None else below) + path
            connection.request(method, target, iter([body]) if chunked else body, fields, encode_chunked=chunked)
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()

    def log_in(self, email, password, **options):
        answer = self.send("POST", "/login", {"email": email, "password": password}, **options)
        expect(answer.status == 200, "the log-in", answer)
        self.secrets += [answer.json["token"], answer.json["refresh_token"], password]
        return answer

    def new_user(self):
        """E-mail and password of a new account."""
        account = f"{uuid.uuid4()}@example.com", f"a long {uuid.uuid4()}"
        answer = self.send("POST", "/register", {"email": account[0], "password": account[1]})
        expect(answer.status == 200, "the registration", answer)
        return account


class Failure(Exception):
    pass


def expect(condition, what, seen=None):
    if not condition:
        raise Failure(f"{what}: {seen!r}")


def log_in_and_chain(site, user):
    refused = site.send("POST", "/login", {"email": user.email, "password": "wrong password"})
    expect(refused.status == 401 and refused.json["code"] == "invalid_credentials", "a wrong password", refused)
    missing = site.send("GET", "/me")
    expect(missing.status == 401 and missing.headers["WWW-Authenticate"], "a call without a token", missing)
    answer = site.send("POST", "/flow-manager", {"flow": SUM, "input": 3}, user.token)
    expect(answer.status == 200 and answer.json["result"] == {"result": 5}, "the chain", answer)
    record = site.send("GET", f"/api/executions/{answer.json['execution_id']}", token=user.token)
    expect(record.json["status"] == "completed", "its record", record)


def credits(site, user):
    def balance():
        return site.send("GET", "/api/credits", token=user.token).json["balance"]

    before = balance()
    answer = site.send("POST", "/api/operations/addition/run", {"arguments": [1, 2]}, user.token)
    expect(answer.status == 200, "an operation", answer)
    expect(0 <= balance() < before <= 20, "the credits after an operation", answer)


def idempotency(site, user):
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    answers = [site.send("POST", "/posts", {"title": "A title", "content": "Text"}, user.token, headers)
               for _ in range(2)]
    expect([answer.status for answer in answers] == [201, 201], "a repeated call", answers)
    expect(answers[0].json["id"] == answers[1].json["id"], "the post of a repeated call", answers)


def location(site, user):
    """What `Location` names can be followed."""
    post = site.send("POST", "/posts", {"title": "A title", "content": "Text"}, user.token)
    place = post.headers["Location"]
    expect(place == f"{site.base}/posts/{post.json['id']}", "Location", post)
    expect(site.send("GET", place, token=user.token, below="").json["id"] == post.json["id"], "what Location names")


def bodies(site, user):
    whole = {"value": "x" * ((1 << 20) - 100)}
    for chunked in [False, True]:
        answer = site.send("PUT", "/api/data/large", whole, user.token, chunked=chunked)
        # Apache passes no length to a CGI program.
        expected = (411,) if chunked and site.host.name == "apache-cgi" else (200, 201)
        expect(answer.status in expected, f"a body of 1 MiB, chunked: {chunked}", answer)
    read = site.send("GET", "/api/data/large", token=user.token)
    expect(read.json["value"] == whole["value"], "1 MiB read again", read)
    for chunked in [False, True]:
        answer = site.send("PUT", "/api/data/large", {"value": "x" * (3 << 20)}, user.token, chunked=chunked)
        expect(answer.status == 413, f"a body of 3 MiB, chunked: {chunked}", answer)
    expect(site.send("GET", "/me", token=user.token).status == 200, "the call after a large body")
    empty = site.send("POST", "/flow-manager", b"", user.token, {"Content-Type": "application/json"})
    expect(empty.status == 400, "an empty body", empty)
    text = site.send("POST", "/flow-manager", b"text", user.token, {"Content-Type": "text/plain"})
    expect(text.status == 415, "a body that is no JSON", text)


def slow_bodies(site, user):
    """Clients that do not send the rest of their bodies leave threads to others."""
    # Slow calls of the user itself would be limited.
    head = (f"PUT {site.base}/api/data/slow HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {{}}\r\n"
            "Content-Type: application/json\r\nContent-Length: 400\r\n\r\n{{\"value\": ")
    with contextlib.ExitStack() as slow:
        for token in [user.admin_token, "none"] * 12:
            client = slow.enter_context(socket.create_connection(("127.0.0.1", site.port)))
            client.sendall(head.format(token).encode())
        for _ in range(3):
            began = time.monotonic()
            answer = site.send("PUT", "/api/data/quick", {"value": 1}, user.token)
            expect(answer.status in (200, 201), "a call beside slow bodies", answer)
            expect(time.monotonic() - began < 5, "the time of a call beside slow bodies", time.monotonic() - began)
    # The incomplete bodies are not stored.
    expect(site.send("GET", "/api/data/slow", token=user.admin_token).status == 404, "an incomplete body")


def methods(site, user):
    answer = site.send("GET", "/health")
    head = site.send("HEAD", "/health")
    expect(head.status == 200 and not head.body, "HEAD", head)
    expect(head.headers["Content-Length"] in (None, str(len(answer.body))), "the length of HEAD", head)
    options = site.send("OPTIONS", "/posts")
    expect(options.status == 204 and "POST" in options.headers["Allow"] and not options.body, "OPTIONS", options)
    refused = site.send("DELETE", "/health")
    expect(refused.status == 405 and "GET" in refused.headers["Allow"], "DELETE where there is none", refused)
    post = site.send("POST", "/posts", {"title": "A title", "content": "Text"}, user.token).json["id"]
    changed = site.send("PATCH", f"/posts/{post}", {"title": "Other"}, user.token, {"If-Match": "*"})
    expect(changed.status == 200 and changed.json["title"] == "Other", "PATCH", changed)
    deleted = site.send("DELETE", f"/posts/{post}", token=user.token)
    expect(deleted.status == 204 and not deleted.body, "DELETE", deleted)


def entity_tags(site, user):
    post = site.send("POST", "/posts", {"title": "A title", "content": "Text"}, user.token)
    path, tag = f"/posts/{post.json['id']}", post.headers["ETag"]
    same = site.send("GET", path, token=user.token, headers={"If-None-Match": tag})
    expect(same.status == 304 and not same.body and same.headers["ETag"] == tag, "If-None-Match", same)
    stale = site.send("PUT", path, {"title": "B", "content": "T"}, user.token, {"If-Match": '"999"'})
    expect(stale.status == 412, "If-Match of another version", stale)
    stored = site.send("PUT", path, {"title": "B", "content": "T"}, user.token, {"If-Match": tag})
    expect(stored.status == 200 and stored.headers["ETag"] != tag, "If-Match", stored)


def cookies(site, user):
    login = site.send("POST", "/login", {"email": user.email, "password": user.password})
    set_cookies = login.headers.get_all("Set-Cookie")
    paths = {cookie.split("=")[0]: re.search("Path=([^;]*)", cookie)[1] for cookie in set_cookies}
    expect(paths == {"access_token": f"{site.base}/", "refresh_token": f"{site.base}/refresh"}, "the cookies", login)
    cookie = {"Cookie": next(text.split(";")[0] for text in set_cookies if text.startswith("access_token"))}
    expect(site.send("GET", "/me", headers=cookie).status == 200, "a cookie")
    draft = {"title": "A title", "content": "Text"}
    expect(site.send("POST", "/posts", draft, headers=cookie).status == 403, "a cookie without a CSRF token")
    proof = cookie | {"X-CSRF-TOKEN": login.json["csrf_token"]}
    expect(site.send("POST", "/posts", draft, headers=proof).status == 201, "a cookie with a CSRF token")
    foreign = proof | {"Origin": "https://evil.example"}
    expect(site.send("POST", "/posts", draft, headers=foreign).status == 403, "a page of another site")
    own = proof | {"Origin": f"http://127.0.0.1:{site.port}"}
    expect(site.send("POST", "/posts", draft, headers=own).status == 201, "a page of this site")


def waiting(site, user):
    answer = site.send("POST", "/flow-manager", {"flow": PAUSE}, user.token, {"Prefer": "wait=10"})
    expect(answer.status == 200 and answer.json["status"] == "completed", "a run that is waited for", answer)
    accepted = site.send("POST", "/flow-manager", {"flow": PAUSE}, user.token, {"Prefer": "respond-async"})
    expect(accepted.status == 202, "a run that is not waited for", accepted)
    place = accepted.headers["Location"]
    end = time.monotonic() + 20
    while site.send("GET", place, token=user.token, below="").json["status"] != "completed":
        expect(time.monotonic() < end, "the run does not end")
        time.sleep(0.1)


def paths(site, user):
    """The path that the client sent is judged by the program alone, and no server reads it differently."""
    name = "a b+ä%"
    stored = site.send("PUT", "/api/data/a%20b+%C3%A4%25", {"value": 1}, user.token)
    expect(stored.status in (200, 201) and stored.json["name"] == name, "an encoded name", stored)
    expect(site.send("GET", "/health/").status == 200, "a slash at the end")
    for path in ["//health", "/api//data", "/health//", "/api/data/a%2fb", "/api/data/..%2f..%2fhealth",
                 "/api/data/%2e%2e/health", "/a%00b", "/api/data/%ff", "/%5c", "/a%0aX:y"]:
        answer = site.send("GET", path, token=user.token)
        expect(answer.status in (400, 404), f"the path {path}", answer)
    encoded = site.send("GET", "/%68ealth")
    expect(encoded.status == 200, "an encoded letter", encoded)


def queries(site, user):
    site.send("POST", "/posts", {"title": "A title", "content": "Text"}, user.token)
    page = site.send("GET", "/posts?limit=1&sort=-created_at&fields=id%2Ctitle", token=user.token)
    expect(page.status == 200 and len(page.json["items"]) == 1 and set(page.json["items"][0]) == {"id", "title"},
           "a query", page)
    # A CGI program gets the words of such a query as arguments.
    for query in ["--env-file+/etc/passwd", "migrate", "version"]:
        answer = site.send("GET", f"/health?{query}")
        expect(answer.status == 400 and answer.json["code"], f"the query {query}", answer)


def client_address(site, user):
    """The address of the connection, whatever a header says."""
    email, password = site.new_user()
    site.log_in(email, password, headers={"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9",
                                          "Forwarded": "for=203.0.113.9"})
    entries = site.send("GET", "/api/audit?limit=5", token=user.admin_token)
    expect(all(entry["address"] == "127.0.0.1" for entry in entries.json["items"]), "the address", entries)


def https(site, user):
    plain = site.send("POST", "/login", {"email": user.email, "password": user.password})
    expect("Secure" not in plain.headers["Set-Cookie"], "a cookie over plain HTTP", plain)
    secure = site.send("POST", "/login", {"email": user.email, "password": user.password}, tls=True)
    expect(all("Secure" in cookie for cookie in secure.headers.get_all("Set-Cookie")), "a cookie over TLS", secure)
    expect(secure.headers["Strict-Transport-Security"], "HSTS", secure)


def headers(site, user):
    for answer in [site.send("GET", "/health"), site.send("GET", "/me"), site.send("GET", "/")]:
        expect(answer.headers["X-Content-Type-Options"] == "nosniff", "nosniff", answer)
        expect(answer.headers["Referrer-Policy"] == "no-referrer", "Referrer-Policy", answer)
        policies = answer.headers.get_all("Content-Security-Policy")
        expect(len(policies or []) == 1 and "default-src 'none'" in policies[0], "the policy", answer)
        expect(len(answer.headers.get_all("X-Request-Id") or []) == 1, "the request id", answer)
    own = site.send("GET", "/health", headers={"X-Request-Id": "from-the-client"})
    expect(own.headers["X-Request-Id"] == "from-the-client", "the client's request id", own)
    proxy = site.send("GET", "/health", headers={"Proxy": "http://127.0.0.1:1"})
    expect(proxy.status == 200, "a Proxy header", proxy)


def documentation(site, user):
    page = site.send("GET", "/docs/")
    expect(page.status == 200 and "text/html" in page.headers["Content-Type"], "/docs/", page)
    policies = page.headers.get_all("Content-Security-Policy")
    expect(len(policies) == 1 and "script-src 'self'" in policies[0], "its policy", page)
    for link in re.findall(r'(?:src|href)="([^":]+)"', page.body.decode()):
        path = urllib.parse.urljoin(f"{site.base}/docs/", link)
        answer = site.send("GET", path, below="")
        expect(answer.status == 200 and answer.body, f"the link {link}", answer)
    moved = site.send("GET", "/docs")
    expect(moved.status in (301, 307, 308), "/docs", moved)
    expect(re.fullmatch(rf"(https?://[^/]*{site.base}/)?docs/|{site.base}/docs/", moved.headers["Location"]),
           "where /docs leads", moved)
    served = site.send("GET", "/openapi.json").json["servers"][0]["url"]
    expect(served == (site.base or "/"), "the server of the description", served)


def base_path(site, user):
    page = site.send("GET", "/")
    for link in re.findall(r'href="(/[^"]*)"', page.body.decode()):
        expect(link.startswith(site.base + "/"), "a link of the landing page", link)
    if site.base:
        outside = site.send("GET", "/health", below="")
        expect(outside.status == 404, "a path outside the base path", outside)
        expect(site.send("GET", "", below=site.base).status in (200, 301, 307, 308), "the base path itself")


def leaving_clients(site, user):
    """Clients that leave before their answer, or send half of a body, leave no trace."""
    token = f"Authorization: Bearer {user.token}\r\n"
    for text in [f"POST {site.base}/flow-manager HTTP/1.1\r\nHost: x\r\n{token}Content-Length: 500\r\n\r\n{{",
                 f"GET {site.base}/posts HTTP/1.1\r\nHost: x\r\n{token}\r\n"] * 5:
        with socket.create_connection(("127.0.0.1", site.port)) as connection:
            connection.sendall(text.encode())
    expect(site.send("GET", "/me", token=user.token).status == 200, "a call after clients have left")


def throttle(site, user):
    """Failed log-ins are delayed, whichever process has counted the ones before."""
    email, _ = site.new_user()
    statuses = [site.send("POST", "/login", {"email": email, "password": "wrong password"}).status for _ in range(12)]
    expect(429 in statuses and statuses[0] == 401, "the throttle", statuses)


def crowd_of_logins(site, user):
    """50 log-ins at once run no more hashes than there are cores. What cannot be hashed soon is refused, not queued."""
    accounts = [site.new_user() for _ in range(5)]
    cores, done, seen = os.cpu_count(), threading.Event(), []

    def watch():
        while not done.is_set():
            # It may be refused like other calls.
            with contextlib.suppress(OSError):
                page = site.host.metrics()
                if found := re.search(r"^flow_manager_password_hashes_running (\d+)$", page, re.M):
                    seen.append(int(found[1]))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with concurrent.futures.ThreadPoolExecutor(50) as crowd:
            def log_in(number):
                email, password = accounts[number % 5]
                return site.send("POST", "/login", {"email": email, "password": password}).status
            statuses = list(crowd.map(log_in, range(50)))
    finally:
        done.set()
        watcher.join()
    expect(set(statuses) <= {200, 503, 429} and 200 in statuses, "the statuses of 50 log-ins", statuses)
    expect(seen and 1 <= max(seen) <= cores, "the hashes at once", (max(seen, default=None), cores, len(seen)))


def quiet_logs(site, user):
    """No log has a token, a password, or the token of a web hook."""
    secret = uuid.uuid4().hex
    for path in [f"/hooks/{secret}", f"/%68ooks/{secret}", f"//hooks/{secret}", f"/./hooks/{secret}",
                 f"/docs/../hooks/{secret}", f"/health?token={secret}", f"/api/keys/fm_{secret}",
                 f"/api/keys/%66m_{secret}", f"/api/data/fm_{secret}/eyJx", f"/api/data/eyJ{secret}",
                 f"/api/data/%65yJ{secret}"]:
        site.send("POST" if "hooks" in path else "GET", path, headers={"Authorization": f"Bearer {secret}"})
    marker = uuid.uuid4().hex
    site.send("GET", f"/{marker}", headers={"X-Request-Id": marker})
    end = time.monotonic() + 10
    while marker not in site.host.access_log.read_text():
        expect(time.monotonic() < end, "the access log does not grow")
        time.sleep(0.05)
    logs = site.host.logs()
    for text in [secret, *site.secrets]:
        expect(text not in logs, "a secret in a log", re.findall(rf".*{re.escape(text)}.*", logs)[:1])


def doctor(site, user):
    """`flow-manager doctor` finds nothing wrong with the samples; it says what the web server cannot do."""
    host = site.host
    done = subprocess.run(
        [host.place.binary, "doctor", "--json", "--url", f"https://127.0.0.1:{host.tls_port}{site.base}/",
         "--ca", host.place.certificate],
        env={"PATH": os.environ["PATH"], "FLOW_MANAGER_ENV": str(host.settings)}, capture_output=True, text=True)
    findings = json.loads(done.stdout)["findings"]
    worse = {finding["check"]: finding for finding in findings if finding["verdict"] != "ok"}
    if not host.buffers_bodies:
        expect(worse.pop("buffering", {}).get("verdict") == "info", "bodies are forwarded as they come", findings)
    if not host.has_streams:
        expect(worse.pop("streaming", {}).get("verdict") == "info", "the process has no streams", findings)
    expect(done.returncode == 0 and not worse, "the doctor's findings", (done.returncode, worse, done.stderr))


def events(site, user):
    """Each event reaches the client at once, and the stream ends with its run; without streams, by several answers."""
    accepted = site.send("POST", "/flow-manager", {"flow": APPROVAL}, user.token, {"Prefer": "respond-async"})
    expect(accepted.status == 202, "a run that waits", accepted)
    path, told, last, answers = f"/api/executions/{accepted.json['id']}", [], None, 0
    end = time.monotonic() + 30
    while not told or told[-1] != ("execution", "canceled"):
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=20)
        fields = {"Authorization": f"Bearer {user.token}", "Accept": "text/event-stream"}
        began, answers = time.monotonic(), answers + 1
        # Without streams, each answer has what there is at that moment, perhaps nothing.
        expect(began < end, "the run's events do not end", told)
        try:
            if last:
                fields["Last-Event-ID"] = last
            connection.request("GET", f"{site.base}{path}/events", headers=fields)
            response = connection.getresponse()
            expect(response.status == 200, "a stream of events", response.status)
            while line := response.readline():
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "id":
                    last = value
                elif name == "event":
                    event = value
                elif name == "data":
                    told.append((event, json.loads(value)["status"]))
                    expect(time.monotonic() - began < 10, "the time until an event", told)
                    if len(told) == 1:
                        site.send("POST", f"{path}/cancel", {}, user.token)
        finally:
            connection.close()
    expect(len(told) == len(set(told)), "events without repetition", told)
    expect((answers == 1) == site.host.has_streams, "the answers until the end of the run", answers)
    fields["Last-Event-ID"] = last
    after = site.send("GET", f"{path}/events", headers=fields)
    expect(after.status == 204, "a stream after the end of its run", after)


CALLS = [log_in_and_chain, credits, idempotency, location, bodies, slow_bodies, methods, entity_tags, cookies, waiting,
         events, paths, queries, client_address, https, headers, documentation, base_path, doctor, leaving_clients,
         throttle, crowd_of_logins, quiet_logs]


class User:
    """A new client, and an admin."""

    def __init__(self, site):
        self.email, self.password = site.new_user()
        self.token = site.log_in(self.email, self.password).json["token"]
        self.admin_token = site.log_in(*ADMIN).json["token"]
