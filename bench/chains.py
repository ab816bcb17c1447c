"""The measured chains of three tasks, and what must come back of them before anything is measured."""


import routes
import stand


def chain(*tasks):
    """A flow of tasks, each with a type and perhaps an input, one after the other as long as they succeed."""
    names = [f"step{number}" for number in range(1, len(tasks) + 1)]
    definitions = [{"name": name, "description": task["type"]} | task for name, task in zip(names, tasks)]
    conditions = [{"name": f"after_{name}", "description": f"If {name} succeeds, go on to {successor}.",
                   "source_task": name, "outcome": "success",
                   "target_task_success": successor, "target_task_failure": "end"}
                  for name, successor in zip(names, names[1:])]
    flow = {"id": "chain", "name": "Chain", "start_task": names[0], "tasks": definitions, "conditions": conditions}
    return routes.compact({"flow": flow, "input": {}})


def flow(name, *tasks):
    return routes.Route(name, "POST", "/flow-manager", needs_token=True, body=chain(*tasks))


# Nothing of a pure chain needs to be kept before its end: one commit. Stores are a commit each.
PURE = flow("pure", {"type": "pass", "input": {"records": [1, 2, 3]}}, {"type": "data.process"}, {"type": "pass"})
STORES = flow("stores", *({"type": "data.store", "input": {"name": f"document{number}", "value": {"sum": number}}}
                          for number in (1, 2, 3)))
ORDER = [("ours", PURE), ("ours", STORES), ("dbos", PURE)]

# The same values, written in the flow, and made by templates in the last two steps. The chains differ in nothing else.
SUM = {"type": "pass", "input": {"total": 6, "text": "The sum is 6"}}
SELECTED = {"type": "pass", "input": {"total": "{{ $.tasks.step1.output.total }}",
                                      "text": "The sum is {{ $.tasks.step1.output.total }}"}}
LITERALS, TEMPLATES = flow("literals", SUM, SUM, SUM), flow("templates", SUM, SELECTED, SELECTED)
TEMPLATED_STEPS = 2
VALUES = [("ours", LITERALS), ("ours", TEMPLATES)]

STATISTICS = {"count": 3, "sum": 6, "min": 1, "max": 3, "mean": 2}
# What an answer says of the run, and of each task, times and ids apart.
RUN_MEMBERS, TASK_MEMBERS = ("flow_id", "status", "result"), ("task_name", "type", "status", "data", "next")


def check(bench):
    """Ends the program unless everything answers as it should, refuses as it should, and is on record."""
    for server in ("ours", "dbos"):
        bench.empty(server)
        token, refused = bench.tokens[0], PURE.body.replace('"start_task":"step1"', '"start_task":"step9"')
        for what, caller, body, expected in (("forged token", token[:-4] + "AAAA", PURE.body, 401),
                                             ("no token", None, PURE.body, 401), ("bad flow", token, refused, 422)):
            status, _ = stand.request(bench.ports[server], PURE.method, PURE.path, caller, body)
            routes.expect(f"{server}: status for {what}", status, expected)

        answer = routes.call(bench, server, PURE)
        routes.expect(f"{server}: run", {name: answer[name] for name in RUN_MEMBERS},
                      {"flow_id": "chain", "status": "completed", "result": STATISTICS})
        routes.expect(f"{server}: tasks", executed(answer), [
            task(1, "pass", {"records": [1, 2, 3]}, "step2"), task(2, "data.process", STATISTICS, "step3"),
            task(3, "pass", STATISTICS, None)])
        routes.expect(f"{server}: on record", bench.recorded(server), (1, 0, routes.STEPS))

    routes.expect("ours: status of stores", routes.call(bench, "ours", STORES)["status"], "completed")
    routes.expect("ours: on record", bench.recorded("ours"), (2, 0, 2 * routes.STEPS))
    routes.expect("documents", bench.sql("SELECT string_agg(name || value, ' ' ORDER BY name) FROM documents"),
                  " ".join(f'document{number}{{"sum":{number}}}' for number in (1, 2, 3)))


def check_values(bench):
    """Ends the program unless both chains give the same values."""
    bench.empty("ours")
    for server, route in VALUES:
        answer = routes.call(bench, server, route)
        routes.expect(f"{route.name}: values", [task["data"] for task in answer["executed_tasks"]],
                      [SUM["input"]] * routes.STEPS)


def task(number, task_type, data, successor):
    return dict(zip(TASK_MEMBERS, (f"step{number}", task_type, "success", data, successor)))


def executed(answer):
    return [{name: task[name] for name in TASK_MEMBERS} for task in answer["executed_tasks"]]
