"""What the clients were told, held against what the database holds."""

import collections
import json

import flows
import stack as parts

STEPS = """(SELECT json_agg(json_build_array(s.task, s.status, s.output, s.seq) ORDER BY s.seq)
            FROM steps s WHERE s.execution_id = e.id)"""
RUN = f"json_build_array(e.id, e.user_id, e.flow->>'id', e.status, e.finished_at IS NOT NULL, {STEPS})"

Run = collections.namedtuple("Run", "id user flow status has_ended steps")


class Audit:
    """Everything that is wrong, and counts of what was looked at."""

    def __init__(self, stack, calls):
        self.stack, self.calls = stack, calls
        self.wrong = []
        runs = [Run(*row) for row in stack.select(RUN, "executions e")]
        self.runs = collections.defaultdict(list)
        for run in runs:
            self.runs[run.flow].append(run)
        self.documents = {(user, name): value for user, name, value in stack.select(
            "json_build_array(user_id, name, value)", "documents")}
        self.keys = {key: rest for key, *rest in stack.select(
            "json_build_array(key, execution_id, status, body)", "idempotency_keys")}
        for call in calls:
            self.check(call)
        self.check_documents()
        self.check_strays()
        acknowledged = sum(call.answer is not None for call in calls)
        unacknowledged = [call for call in calls if call.answer is None]
        found = sum(flows.identity(call.number) in self.runs for call in unacknowledged)
        left = sum(run.status == "running" for run in runs)
        self.counts = (
            f"{len(calls)} calls, {acknowledged} acknowledged and on record; of {len(unacknowledged)} others "
            f"{found} on record ({left} at a commit before the end), {len(unacknowledged) - found} without a trace; "
            f"{sum(len(run.steps or []) for run in runs)} steps, {len(self.documents)} documents, "
            f"{len(self.keys)} keys")

    def complain(self, call, text):
        self.wrong.append(f"call {call.number}: {text}")

    def check(self, call):
        found = self.runs.get(flows.identity(call.number), [])
        if len(found) > 1:
            self.complain(call, f"{len(found)} runs of one call")
        if not found and (call.answer or call.pointed):
            self.complain(call, "acknowledged, and not there")
        for run in found:
            self.check_run(call, run)
            self.check_answer(call, run)
        if call.key:
            self.check_key(call, found)

    def check_run(self, call, run):
        """All of its steps, or those up to one of its commits."""
        steps = run.steps or []
        if run.user != call.user.id:
            self.complain(call, "belongs to another user")
        if [step[0] for step in steps] != call.flow.names[:len(steps)] or [step[3] for step in steps] != list(
                range(1, len(steps) + 1)):
            self.complain(call, f"other steps: {steps}")
        if run.status == "running":
            if len(steps) not in call.flow.commits[:-1] or run.has_ended:
                self.complain(call, f"running after {len(steps)} steps")
        elif run.status != call.flow.status or len(steps) != len(call.flow.tasks) or not run.has_ended:
            self.complain(call, f"{run.status} after {len(steps)} steps")

    def check_answer(self, call, run):
        if call.pointed and call.pointed != run.id:
            self.complain(call, "a 202 named another run")
        if not call.answer:
            return
        answer = json.loads(call.answer)
        told = [[task["task_name"], task["status"], task["data"]] for task in answer["executed_tasks"]]
        if (answer["execution_id"], answer["status"]) != (run.id, run.status):
            self.complain(call, f"answered {answer['status']}, on record {run.status}")
        if told != [step[:3] for step in run.steps or []]:
            self.complain(call, "other steps on record than answered")

    def check_key(self, call, found):
        """The key's row is as old as the first commit, and its answer as the last one."""
        row = self.keys.get(call.key)
        ids = [run.id for run in found]
        if (row is not None) != bool(found) or row and [row[0]] != ids:
            self.complain(call, f"key {row}, runs {ids}")
        elif row and (row[1] is None) != (found[0].status == "running"):
            self.complain(call, f"the key's status is {row[1]}, the run is {found[0].status}")
        elif row and call.answer and row[2] != call.answer:
            self.complain(call, "another answer is kept than was given")

    def check_documents(self):
        """Those that the steps on record have kept, and no others."""
        expected = {}
        for call in self.calls:
            for run in self.runs.get(flows.identity(call.number), []):
                kept = call.flow.documents(len(run.steps or []))
                expected |= {(call.user.id, name): value for name, value in kept.items()}
        for user, name in self.documents.keys() | expected.keys():
            kept, due = self.documents.get((user, name)), expected.get((user, name))
            if kept != due:
                self.wrong.append(f"document {name}: {kept} instead of {due}")

    def check_strays(self):
        numbers = {flows.identity(call.number) for call in self.calls}
        self.wrong += [f"run of no call: {flow}" for flow in self.runs if flow not in numbers]
        orphans = "steps s WHERE NOT EXISTS (SELECT FROM executions e WHERE e.id = s.execution_id)"
        self.wrong += [f"{count} steps without their run" for count in self.stack.select("count(*)", orphans) if count]
        open_sessions = "pg_stat_activity WHERE datname = 'flow_manager' AND state LIKE 'idle in transaction%'"
        self.wrong += [f"{count} open transactions" for count in self.stack.select("count(*)", open_sessions) if count]
        self.wrong += [f"logged: {event.line}" for event in self.stack.log.events() if self.is_wrong(event)]

    def is_wrong(self, event):
        """A process that nobody killed, and any error but that the database was away."""
        if event.name in ("responder-exited", "worker-exited"):
            return "cause=exited(0)" not in event.line and event.pid not in self.stack.killed
        return event.level == "error" and "status=503" not in event.line and event.name != "queue-unavailable"


class Footprint:
    """Descriptors and threads of the processes while nobody calls, to tell whether any are left over."""

    def __init__(self, stack):
        self.supervisor = parts.descriptors(stack.supervisor)
        self.responder = max(map(parts.descriptors, stack.responders()))
        self.threads = max(map(parts.threads, stack.responders()))

    def leftovers(self, stack):
        """What is more than at first; each thread may have a connection to the database now."""
        now = Footprint(stack)
        names = {"supervisor": (now.supervisor, self.supervisor), "threads": (now.threads, self.threads),
                 "responder": (now.responder, self.responder + parts.THREADS)}
        return [f"{name}: {count} instead of {limit}" for name, (count, limit) in names.items() if count > limit]
