"""What starts runs without a user, beside the faults: schedules, and other services that call hooks."""

import collections
import contextlib
import hashlib
import hmac
import http.client
import json
import random
import threading
import time

import flows
from clients import PATIENCE, Load, User
from processes import Failure, eventually
from receivers import Receiver, RunWatcher, Watcher

USERS = 3
# How many schedules of each user have which misfire policy.
POLICIES, QUICK_POLICIES = {"all": 6, "once": 2, "skip": 2}, {"all": 2, "once": 1, "skip": 1}
# A schedule begins as if no worker had run for so many minutes: instants are due before the next minute.
MISSED_MINUTES = 5
# The shares of deliveries with a first call that does not wait for its answer, and with a call after the answer.
ABANDONED, REPEATED = 0.2, 0.2
# Statuses after which a service calls again.
REFUSED = {502, 503}

# What the database sees of schedules, notifications and events, of which it keeps less itself.
WITNESSES = """
CREATE TABLE witness.decisions (schedule_id uuid, after timestamptz, until timestamptz, last json);
CREATE FUNCTION witness.decision() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN INSERT INTO witness.decisions VALUES (NEW.id, OLD.decided_until, NEW.decided_until, NEW.last); RETURN NULL; END
$$;
CREATE TABLE witness.notifications (id uuid, execution_id uuid, status text, state text);
CREATE FUNCTION witness.notification() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN INSERT INTO witness.notifications VALUES (NEW.id, NEW.execution_id, NEW.status, NEW.state); RETURN NULL; END
$$;
CREATE TABLE witness.events (xid xid8, id bigint, user_id uuid, execution_id uuid, changes json);
CREATE FUNCTION witness.event() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN INSERT INTO witness.events VALUES (NEW.xid, NEW.id, NEW.user_id, NEW.execution_id, NEW.changes); RETURN NULL; END
$$;
CREATE TRIGGER witness AFTER UPDATE OF last ON schedules FOR EACH ROW EXECUTE FUNCTION witness.decision();
CREATE TRIGGER witness_of_new AFTER INSERT ON end_notifications FOR EACH ROW EXECUTE FUNCTION witness.notification();
CREATE TRIGGER witness_of_state AFTER UPDATE ON end_notifications FOR EACH ROW WHEN (NEW.state <> OLD.state)
    EXECUTE FUNCTION witness.notification();
CREATE TRIGGER witness AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION witness.event();
"""

# What each run keeps says what has started it.
HOOKED = flows.chain("hooked", [
    flows.task("kept", "data.store", input={"name": "hooked", "value": "{{ $.input.body.number }}"}),
    flows.task("pause", "wait", input={"seconds": 0.2}), flows.SIX])
SCHEDULED = flows.chain("scheduled", [flows.task("kept", "data.store"), flows.SIX])

# A schedule that fires each minute: its policy, the name of what it keeps, and its first instant in seconds since 1970.
Schedule = collections.namedtuple("Schedule", "id user misfire name first")


class Hook:
    def __init__(self, user, made, scheme):
        self.user, self.id, self.path = user, made["id"], f"/hooks/{made['token']}"
        self.scheme, self.secret = scheme, made.get("secret") or ""

    def request(self, delivery):
        """The body and the headers of a call. Each service has another header for the delivery's id, and Stripe has it
        in the body."""
        body = json.dumps({"number": delivery.number, "id": delivery.id}).encode()
        headers = {"Content-Type": "application/json"}
        if self.scheme == "stripe":
            now = str(int(time.time()))
            headers["Stripe-Signature"] = f"t={now},v1={code(self.secret, now.encode() + b'.' + body)}"
        elif self.scheme == "github":
            headers |= {"X-Hub-Signature-256": f"sha256={code(self.secret, body)}", "X-GitHub-Delivery": delivery.id}
        else:
            headers["Webhook-Id"] = delivery.id
        return body, headers


def code(secret, message):
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


class Delivery:
    """What a service calls a hook for, again until it is answered. `runs`: those that the answers have named."""

    def __init__(self, number, hook):
        self.number, self.hook, self.id = number, hook, f"delivery-{number}"
        self.calls, self.runs = 0, set()


class Triggers:
    """Users with schedules, hooks, a receiver of notifications and watchers of events, in a `with` block. Its end waits
    until each has got what is due to it."""

    def __init__(self, stack, admin, quick):
        self.stack, self.quick = stack, quick
        self.users = [User.make(admin) for _ in range(USERS)]
        self.schedules, self.deliveries, self.wrong = [], [], []
        # Until then all instants are decided, in seconds since 1970.
        self.decided_until = None
        self.is_over = threading.Event()
        self.receiver = Receiver()
        self.watchers = [Watcher(user, form) for user in self.users for form in Watcher.forms]
        self.run_watchers = [RunWatcher(user, self.is_over) for user in self.users]
        self.services = []

    def __enter__(self):
        if not self.stack.select("1", "pg_tables WHERE schemaname = 'witness' AND tablename = 'decisions'"):
            self.stack.sql(WITNESSES)
        for watcher in self.watchers:
            watcher.start()
        eventually("a watcher does not begin", lambda: all(watcher.begin for watcher in self.watchers))
        for user, watcher in zip(self.users, self.run_watchers):
            for scheme in [None, "stripe", "github"]:
                hook = self.make_hook(user, scheme)
                self.services.append(threading.Thread(target=self.serve, args=[hook, watcher], daemon=True))
            policies = QUICK_POLICIES if self.quick else POLICIES
            for misfire in (policy for policy, count in policies.items() for _ in range(count)):
                self.make_schedule(user, misfire)
        for thread in self.services + self.run_watchers:
            thread.start()
        return self

    def make_workflow(self, user, flow):
        draft = {"name": flow["id"], "flow": flow, "on_end": {"url": self.receiver.url}}
        made = user.expect(201, "/api/workflows", draft)
        self.receiver.secrets[made["id"]] = made["on_end"]["secret"]
        return made["id"]

    def make_hook(self, user, scheme):
        draft = {"signature": {"scheme": scheme}} if scheme else {}
        return Hook(user, user.expect(201, f"/api/workflows/{self.make_workflow(user, HOOKED)}/hooks", draft), scheme)

    def make_schedule(self, user, misfire):
        workflow, name = self.make_workflow(user, SCHEDULED), f"scheduled-{len(self.schedules)}"
        body = {"cron": "* * * * *", "misfire": misfire, "overlap": "allow", "paused": True,
                "input": {"name": name, "value": misfire}}
        status, answer = user.send("PUT", f"/api/workflows/{workflow}/schedule", body)
        if status not in (200, 201):
            raise Failure(f"a schedule: {status} {answer[:300]}")
        # A paused one has decided about nothing yet.
        first = f"date_trunc('minute', clock_timestamp()) - interval '{MISSED_MINUTES} minutes'"
        id, instant = json.loads(self.stack.sql(f"""
            UPDATE schedules SET paused = false, decided_until = t - interval '1 second', next_times = ARRAY[t]
            FROM (SELECT {first} AS t) first WHERE workflow_id = '{workflow}'
            RETURNING json_build_array(id, extract(epoch FROM t)::bigint)"""))
        self.schedules.append(Schedule(id, user, misfire, name, instant))

    def serve(self, hook, watcher):
        """Calls the hook again and again, as another service does. Some runs are watched."""
        while not self.is_over.is_set():
            with Load.lock:
                delivery = Delivery(next(Load.numbers), hook)
            self.deliveries.append(delivery)
            try:
                if random.random() < ABANDONED:
                    self.abandon(delivery)
                self.deliver(delivery)
                watcher.runs.extend(delivery.runs)
                if random.random() < REPEATED:
                    self.deliver(delivery)
            except (Failure, OSError, http.client.HTTPException) as error:
                self.wrong.append(f"{delivery.id}: {error!r}")
            self.is_over.wait(random.uniform(0.3, 1.5))

    def deliver(self, delivery):
        """Calls until there is an answer."""
        deadline = time.monotonic() + PATIENCE
        while True:
            delivery.calls += 1
            body, headers = delivery.hook.request(delivery)
            status, answer = delivery.hook.user.send("POST", delivery.hook.path, body, headers)
            if status in (200, 202):
                delivery.runs.add(json.loads(answer)["id"])
                return
            if status not in REFUSED:
                raise Failure(f"{status} {answer[:300]}")
            if time.monotonic() > deadline:
                raise Failure(f"not answered within {PATIENCE} s")
            time.sleep(random.uniform(0, 0.1))

    def abandon(self, delivery):
        """Sends the call, and loses its answer."""
        delivery.calls += 1
        body, headers = delivery.hook.request(delivery)
        with contextlib.closing(delivery.hook.user.connect()) as connection:
            connection.request("POST", delivery.hook.path, body, headers)
            time.sleep(random.uniform(0, 0.03))

    def __exit__(self, *_):
        self.is_over.set()
        for thread in self.services + self.run_watchers:
            thread.join(PATIENCE)
            if thread.is_alive():
                self.wrong.append("a service or watcher of a run does not end")
        for wait in [self.decide_instants, self.end_runs, self.send_notifications, self.pass_on_events]:
            try:
                wait()
            except Failure as violation:
                self.wrong.append(str(violation))
        for watcher in self.watchers:
            watcher.stop()
        self.receiver.close()

    @property
    def owned(self):
        ids = ", ".join(f"'{user.id}'" for user in self.users)
        return f"user_id IN ({ids})"

    def decide_instants(self):
        """Pauses the schedules at a time at which nothing is due."""
        def pause():
            now, due = self.stack.select(
                "json_build_array(floor(extract(epoch FROM clock_timestamp()))::bigint, (SELECT count(*) "
                f"FROM schedules WHERE {self.owned} AND next_at <= clock_timestamp()))", "(SELECT) now")[0]
            if due:
                return False
            self.stack.sql(f"UPDATE schedules SET paused = true, next_times = '{{}}' WHERE {self.owned}")
            self.decided_until = now
            return True
        eventually("schedules stay due", pause, 60, 0.2)

    def end_runs(self):
        eventually("runs of schedules and hooks stay in the queue",
                   lambda: self.stack.select("count(*)", f"queue WHERE {self.owned}") == [0], 60, 0.2)

    def send_notifications(self):
        """In the short form, the next attempts do not wait."""
        def is_sent():
            return self.stack.select("count(*)", f"end_notifications WHERE {self.owned} AND state = 'pending'") == [0]
        if self.quick:
            with contextlib.suppress(Failure):
                eventually("", is_sent, 3, 0.2)
            self.stack.sql(f"""UPDATE end_notifications SET due_at = clock_timestamp()
                               WHERE {self.owned} AND state = 'pending'""")
        eventually("notifications are not sent", is_sent, 200, 0.2)

    def pass_on_events(self):
        """Waits until each watcher has got the last event of its user."""
        last = {id: tuple(place) for id, place in self.stack.select(
            "json_build_array(user_id, (SELECT json_build_array(l.xid::text::bigint, l.id) FROM witness.events l "
            "WHERE l.user_id = e.user_id ORDER BY l.xid DESC, l.id DESC LIMIT 1))",
            f"(SELECT DISTINCT user_id FROM witness.events WHERE {self.owned}) e")}
        eventually("events are not passed on", lambda: all(
            watcher.place >= last.get(watcher.user.id, (0, 0)) for watcher in self.watchers), 20, 0.1)
