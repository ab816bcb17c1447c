"""The measured routes: what is sent, and what must come back before anything is measured."""

import dataclasses
import json

import processes
import servers
import stand

FLOW = {
    "flow": {
        "id": "flow123", "name": "Data processing flow", "start_task": "task1",
        "tasks": [
            {"name": "task1", "description": "Fetch data"},
            {"name": "task2", "description": "Process data"},
            {"name": "task3", "description": "Store data"}],
        "conditions": [
            {"name": "condition_task1_result", "description": "If task1 succeeds, go on to task2, otherwise end.",
             "source_task": "task1", "outcome": "success",
             "target_task_success": "task2", "target_task_failure": "end"},
            {"name": "condition_task2_result", "description": "If task2 succeeds, go on to task3, otherwise end.",
             "source_task": "task2", "outcome": "success",
             "target_task_success": "task3", "target_task_failure": "end"}]},
    "input": {}}
STATISTICS = {"count": 4, "sum": 29, "min": 3, "max": 13, "mean": 7.25}
STEPS = 3


def compact(value):
    return json.dumps(value, separators=(",", ":"))


@dataclasses.dataclass(frozen=True)
class Route:
    name: str
    method: str
    path: str
    needs_token: bool = False
    body: str | None = None

    @property
    def is_recorded(self):
        return self.body is not None


HEALTH = Route("health", "GET", "/health")
ME = Route("me", "GET", "/me", needs_token=True)
FLOW_MANAGER = Route("flow", "POST", "/flow-manager", needs_token=True, body=compact(FLOW))
STEPWISE = Route("stepwise", "POST", "/flow-manager/stepwise", needs_token=True, body=FLOW_MANAGER.body)

# What each round of a route measures, in this order; the next round begins with the second of them.
CONTESTS = {
    HEALTH: [("nginx", HEALTH), ("floor", HEALTH), ("ours", HEALTH)],
    ME: [("nginx", ME), ("floor", ME), ("ours", ME)],
    FLOW_MANAGER: [("nginx", FLOW_MANAGER), ("floor", FLOW_MANAGER), ("ours", FLOW_MANAGER), ("floor", STEPWISE)],
}


def check(bench, other):
    """Ends the program unless ours and the other server answer every route as they should, and each other's answers."""
    expect("GET /health", answers(bench, other, HEALTH), {"status": "ok"})
    accounts = answers(bench, other, ME)
    expect("GET /me: email", accounts["email"], bench.emails[0])
    for server in (other, "ours"):
        forged = bench.tokens[0][:-2] + ("AA" if bench.tokens[0][-2:] != "AA" else "BA")
        status, _ = stand.request(bench.ports[server], "GET", "/me", forged)
        expect(f"{server}: GET /me with a forged token", status, 401)

    bench.sql("TRUNCATE executions, steps")
    flow = answers(bench, other, FLOW_MANAGER)
    expect("POST /flow-manager: result", flow["result"], {"name": "result", "value": STATISTICS})
    expect("POST /flow-manager: tasks", [task["type"] for task in flow["executed_tasks"]],
           ["data.fetch", "data.process", "data.store"])
    recorded = 2
    if (other, STEPWISE) in CONTESTS[FLOW_MANAGER]:
        expect("stepwise", constant(call(bench, other, STEPWISE)), flow)
        recorded += 1
    expect("executions on record", bench.recorded("ours"), (recorded, 0, recorded * STEPS))
    expect("records alike", bench.sql("""
        SELECT count(DISTINCT (flow::text, input::text, status, rows)) FROM executions e, LATERAL (
            SELECT string_agg(concat_ws(',', seq, task, type, s.status, attempt, output, error, condition, next), ' '
                ORDER BY seq) AS rows FROM steps s WHERE execution_id = e.id) AS s"""), "1")
    expect("documents", bench.sql("SELECT value FROM documents"), compact(STATISTICS))


def answers(bench, other, route):
    """The program's answer, which must be the other server's as well, times and ids apart. An earlier build of the
    program may lack members."""
    ours, theirs = (constant(call(bench, server, route)) for server in ("ours", other))
    expected = without_new_members(ours, theirs) if other == servers.Program.name else ours
    expect(f"{other}: {route.method} {route.path}", theirs, expected)
    return ours


def without_new_members(value, earlier):
    if isinstance(value, dict) and isinstance(earlier, dict):
        return {name: without_new_members(member, earlier[name]) for name, member in value.items() if name in earlier}
    if isinstance(value, list) and isinstance(earlier, list) and len(value) == len(earlier):
        return [without_new_members(*pair) for pair in zip(value, earlier)]
    return value


def call(bench, server, route):
    token = bench.tokens[0] if route.needs_token else None
    status, body = stand.request(bench.ports[server], route.method, route.path, token, route.body)
    if status != 200:
        processes.fail(f"{server}: {route.method} {route.path} answers {status}: {body.decode()}\n"
                       f"{bench.log(server).read_text()}")
    return json.loads(body)


# Members that differ from run to run.
VARIABLE = ("execution_id", "id", "duration_ms", "created_at", "started_at", "finished_at")


def constant(value):
    """The value without what differs from run to run."""
    if isinstance(value, dict):
        return {name: constant(member) for name, member in value.items() if name not in VARIABLE}
    return [constant(element) for element in value] if isinstance(value, list) else value


def expect(what, found, expected):
    if found != expected:
        processes.fail(f"{what}: expected {expected}, found {found}")
