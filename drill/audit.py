"""What was answered to the clients, compared with what the database holds and what it has witnessed."""

import collections
import json
import re

import flows
import processes
import stack as parts
from audit_triggers import TriggerAudit

STEPS = """(SELECT json_agg(json_build_array(s.task, s.status, s.output, s.seq) ORDER BY s.seq)
            FROM steps s WHERE s.execution_id = e.id)"""
RUN = f"""json_build_array(e.id, e.user_id, e.flow->>'id', e.status, e.finished_at IS NOT NULL, e.parent_id, e.item,
                           e.input, e.error, e.cost, e.trigger, {STEPS})"""
Run = collections.namedtuple("Run", "id user flow status has_ended parent item input error cost trigger steps")

# Of each run that moved credits: held, settled, released, charged at once.
MONEY = ", ".join(f"coalesce(sum(amount) FILTER (WHERE (debit, credit) = {pair}), 0)" for pair in [
    ("available", "held"), ("held", "revenue"), ("held", "available"), ("available", "revenue")])

# Signs, in the line of an error, that the database was away.
AWAY = ["status=503", "queue-unavailable", "database-waits-refused",
        "run-postponed detail=\"the database cannot be reached",
        "run-postponed detail=\"the connection to the database was lost"]


class Audit:
    """Everything that is wrong, and counts of what was looked at. Nothing may be under way any more."""

    def __init__(self, stack, calls, orders, triggers):
        self.stack, self.calls, self.orders = stack, calls, orders
        self.wrong, self.lost = [], set()
        # The runs that schedules and hooks are known to have started.
        self.triggered = set()
        runs = [Run(*row) for row in stack.select(RUN, "executions e")]
        self.by_id = {run.id: run for run in runs}
        self.runs, self.children = collections.defaultdict(list), collections.defaultdict(list)
        for run in sorted(runs, key=lambda run: run.item or 0):
            self.runs[run.flow].append(run)
            self.children[run.parent].append(run)
        self.keys = {key: rest for key, *rest in stack.select(
            "json_build_array(key, execution_id, status, body)", "idempotency_keys")}
        # What the runs on record must have kept, as often as they must have.
        self.effects = collections.Counter()
        for call in calls:
            self.check(call)
        for order in orders:
            self.check_order(order)
        for run in runs:
            self.check_end(run)
        # What each of the other parts is due, as lines of a table.
        self.lines = [line for part in triggers for line in TriggerAudit(self, part).lines]
        self.check_effects()
        self.check_money()
        self.check_strays()
        unacknowledged = [call for call in calls if call.answer is None]
        found = sum(flows.identity(call.number) in self.runs for call in unacknowledged)
        self.counts = (
            f"{len(calls)} calls, {len(calls) - len(unacknowledged)} acknowledged and on record; of "
            f"{len(unacknowledged)} others {found} on record, {len(unacknowledged) - found} without a trace; "
            f"{len(orders)} runs queued, {sum(run.parent is not None for run in runs)} by others; "
            f"{sum(len(run.steps or []) for run in runs)} steps, {sum(self.effects.values())} effects, "
            f"{len(self.keys)} keys")

    def complain(self, call, text):
        if call in self.calls:
            self.lost.add(call.number)
        name = f" ({call.name})" if hasattr(call, "name") else ""
        self.wrong.append(f"{type(call).__name__.lower()} {call.number}{name}: {text}")

    def check(self, call):
        found = self.runs.get(flows.identity(call.number), [])
        if len(found) > 1:
            self.complain(call, f"{len(found)} runs of one call")
        if not found and (call.answer or call.pointed):
            self.complain(call, "acknowledged, and not there")
        for run in found:
            self.check_run(call, run)
            self.check_answer(call, run)
            self.expect(call.user, call.flow.effects)
        if call.key:
            self.check_key(call, found)

    def expect(self, user, effects):
        self.effects.update((user.id, name, canonical(value)) for name, value in effects)

    def check_run(self, call, run):
        """All of its steps, also where a worker had to go on after its responder."""
        steps = run.steps or []
        if run.user != call.user.id:
            self.complain(call, "belongs to another user")
        if [step[0] for step in steps] != call.flow.names or not is_numbered(steps):
            self.complain(call, f"other steps: {steps}")
        if run.status != call.flow.status:
            self.complain(call, f"{run.status} after {len(steps)} steps: {run.error}")

    def check_answer(self, call, run):
        if call.pointed and call.pointed != run.id:
            self.complain(call, "a 202 named another run")
        if not call.answer:
            return
        answer = json.loads(call.answer)
        answered = [[task["task_name"], task["status"], task["data"]] for task in answer["executed_tasks"]]
        if (answer["execution_id"], answer["status"]) != (run.id, run.status):
            self.complain(call, f"answered {answer['status']}, on record {run.status}")
        if answered != [step[:3] for step in run.steps or []]:
            self.complain(call, "other steps on record than answered")

    def check_key(self, call, found):
        """The key's row is as old as the first commit. Its answer is the last one's, unless a worker made that."""
        row = self.keys.get(call.key)
        ids = [run.id for run in found]
        if (row is not None) != bool(found) or row and [row[0]] != ids:
            self.complain(call, f"key {row}, runs {ids}")
        elif row and row[1] is not None and call.answer and row[2] != call.answer:
            self.complain(call, "another answer is kept than was given")

    def check_order(self, order):
        """It is there, with the exact result, and so are the runs that it started."""
        run = self.by_id.get(order.execution_id)
        if not run:
            self.complain(order, "acknowledged, and not there")
            return
        workflow, number = order.workflow, order.number
        if (run.user, run.input) != (order.user.id, order.user.given(workflow, number)):
            self.complain(order, "another user or input")
        self.check_result(order, run, workflow, number)
        items, children = workflow.items(number), self.children[run.id]
        if [child.input for child in children] != items:
            self.complain(order, f"started {[child.input for child in children]}")
        for child in children:
            self.check_result(order, child, flows.NOTES, number, [child.input] * 3)
            self.expect(order.user, [flows.kept(child.input)[0]] * 3)
        self.expect(order.user, workflow.effects(number))

    def check_result(self, order, run, workflow, number, outputs=None):
        steps = run.steps or []
        wanted = outputs or workflow.outputs(number)
        is_exact = len(steps) == len(wanted) and is_numbered(steps) and all(
            step[0] == task["name"] and output in (flows.ANY, step[2])
            and step[1] == ("failure" if task["type"] == "fail" else "success")
            for step, task, output in zip(steps, workflow.tasks, wanted))
        if run.status != workflow.status or not is_exact:
            self.complain(order, f"{workflow.name} {run.id} {run.status}: {run.error} {steps}")
        if run.cost != workflow.price:
            self.complain(order, f"{workflow.name} {run.id} cost {run.cost} instead of {workflow.price}")

    def check_end(self, run):
        if run.status == "running" or not run.has_ended:
            self.wrong.append(f"run {run.id} has not ended")

    def check_effects(self):
        """Each as often as the steps on record have brought it about: the database has counted."""
        done = collections.Counter((user, name, canonical(value)) for user, name, value in self.stack.select(
            "json_build_array(user_id, name, value)", "witness.effects"))
        for effect in done.keys() | self.effects.keys():
            if done[effect] != self.effects[effect]:
                self.wrong.append(f"effect {effect}: {done[effect]} times instead of {self.effects[effect]}")
        for user, name, value in self.stack.select("json_build_array(user_id, name, value)", "documents"):
            if (user, name, canonical(value)) not in self.effects:
                self.wrong.append(f"document {name} of no client: {value}")

    def check_money(self):
        """What each run cost was taken once, nothing is held, and the books are exact."""
        money = {run: rest for run, *rest in self.stack.select(
            f"json_build_array(execution_id, {MONEY})", "ledger WHERE execution_id IS NOT NULL GROUP BY execution_id")}
        for id in money.keys() | self.by_id.keys():
            held, settled, released, charged = money.get(id, [0, 0, 0, 0])
            cost = self.by_id[id].cost if id in self.by_id else 0
            if held != settled + released or settled + charged != cost:
                self.wrong.append(f"run {id} cost {cost}: {money.get(id)} held, settled, released, charged")
        self.count("users with credits held", "credits WHERE held <> 0")
        try:
            processes.run([self.stack.binary, "ledger", "verify"], env=self.stack.environment)
        except processes.Failure as violation:
            self.wrong.append(str(violation))

    def check_strays(self):
        numbers = {flows.identity(call.number) for call in self.calls}
        queued = {order.execution_id for order in self.orders} | self.triggered
        self.wrong += [f"run of no call: {flow}" for flow in self.runs if flow and flow not in numbers]
        self.wrong += [
            f"run of no order: {run.id}" for run in self.runs[None] if not run.parent and run.id not in queued]
        self.count("runs that ended twice", """(SELECT FROM witness.endings
            GROUP BY execution_id HAVING count(*) > 1) AS twice""")
        self.count("steps without their run", """steps s
            WHERE NOT EXISTS (SELECT FROM executions e WHERE e.id = s.execution_id)""")
        self.count("runs in the queue", "queue")
        self.check_leftovers()
        if number := open_transactions(self.stack):
            self.wrong.append(f"{number} open transactions")
        self.wrong += [f"logged: {event.line}" for event in self.stack.events.all() if self.is_wrong(event)]

    def check_leftovers(self):
        """What killed processes have left is removed, by the program itself or by `prune`."""
        lines = processes.run([self.stack.binary, "prune"], env=self.stack.environment).splitlines()
        pruned = {line.split()[0] for line in lines}
        self.count("watchers of runs that have ended", "watchers")
        self.count("rows of idle workers from before the drill", "idle_workers WHERE since < now() - interval '1 day'")
        if missing := {"watchers", "idle_workers", "idempotency_keys", "rate_limits", "guests"} - pruned:
            self.wrong.append(f"nothing prunes {missing}")

    def count(self, what, source):
        """There must be none."""
        number, = self.stack.select("count(*)", source)
        if number:
            self.wrong.append(f"{number} {what}")

    def is_wrong(self, event):
        """A process that ended without a kill, and any error but those of faults and that the database was away."""
        if event.name in ("responder-exited", "worker-exited"):
            # A process that has hardly started dies of the signal to drain.
            if re.search(r"cause=signalled\(15\) seconds=0\.", event.line):
                return False
            return "cause=exited(0)" not in event.line and event.pid not in self.stack.killed
        if event.pid in self.stack.killed or event.name in self.stack.announced:
            return False
        return event.level == "error" and not any(sign in event.line for sign in AWAY)


def canonical(value):
    return json.dumps(value, sort_keys=True)


def is_numbered(steps):
    return [step[3] for step in steps] == list(range(1, len(steps) + 1))


def open_transactions(stack):
    """The number of sessions that are within a transaction and do nothing."""
    number, = stack.select("count(*)", """pg_stat_activity
        WHERE datname = 'flow_manager' AND state LIKE 'idle in transaction%'""")
    return number


class Footprint:
    """What each kind of process occupies while there are no calls, to see whether anything is left over.

    - Parameter is_warm: whether every thread has served; then memory is compared, too.
    """

    # By how much a process may have grown.
    growth = 1.2

    def __init__(self, stack, is_warm=False):
        self.is_warm = is_warm
        kinds = {"supervisor": [stack.supervisor], "responder": stack.responders(), "worker": stack.workers(),
                 "nginx": processes.family(stack.nginx)}
        self.figures = {
            (kind, name): max(map(measure, pids)) for kind, pids in kinds.items() for name, measure in
            {"descriptors": parts.descriptors, "threads": parts.threads, "MiB": parts.resident}.items()}

    def limit(self, kind, name):
        """Each thread may have a connection to the database now; two threads begin with the first calls that wait."""
        figure = self.figures[kind, name]
        if name == "MiB":
            return self.growth * figure
        if kind in ("responder", "worker"):
            return figure + 2 + (parts.THREADS if name == "descriptors" else 0)
        return figure

    def memory(self):
        """Of each kind of process, as text."""
        return ", ".join(f"{kind} {figure:.0f}" for (kind, name), figure in self.figures.items() if name == "MiB")

    def leftovers(self, stack):
        """What is more than at first."""
        now = Footprint(stack).figures
        found = [f"{name} of a {kind}: {figure:.0f} instead of {self.limit(kind, name):.0f}"
                 for (kind, name), figure in now.items()
                 if figure > self.limit(kind, name) and (self.is_warm or name != "MiB" and kind != "nginx")]
        number = open_transactions(stack)
        return found + [f"{number} open transactions"] * (number > 0)
