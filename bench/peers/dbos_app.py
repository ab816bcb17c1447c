"""POST /flow-manager as it would be built with DBOS and FastAPI: a workflow for the flow, a step for each task.

Reads the same bodies and tokens as the program and answers with the same members, as far as `bench/flows` uses them.
"""

import contextlib
import os
import uuid

import fastapi
import jwt
import orjson
from dbos import DBOS, SetWorkflowID

STEP_LIMIT = 100


def process(value):
    numbers = value["records"]
    total = sum(numbers)
    return {"count": len(numbers), "sum": total, "min": min(numbers), "max": max(numbers), "mean": total / len(numbers)}


TASKS = {"pass": lambda value: value, "data.process": process}


@DBOS.step()
def step(task_type, value):
    try:
        return "success", TASKS[task_type](value)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return "failure", None


@DBOS.workflow()
def run(flow, value):
    tasks = {task["name"]: task for task in flow["tasks"]}
    conditions = {condition["source_task"]: condition for condition in flow["conditions"]}
    name, executed = flow["start_task"], []
    while name in tasks and len(executed) < STEP_LIMIT:
        task = tasks[name]
        status, value = step(task["type"], task.get("input", value))
        condition = conditions.get(name)
        holds = condition and condition["outcome"] == status
        name = condition and condition["target_task_success" if holds else "target_task_failure"]
        executed.append({
            "task_name": task["name"], "type": task["type"], "status": status, "data": value, "next": name})
    status = "completed" if executed[-1]["status"] == "success" else "failed"
    return {"flow_id": flow["id"], "status": status, "result": value, "executed_tasks": executed}


@contextlib.asynccontextmanager
async def lifespan(_):
    DBOS(config={
        "name": "bench", "executor_id": str(os.getpid()), "log_level": "WARNING",
        "system_database_url": os.environ["DBOS_URL"], "sys_db_pool_size": int(os.environ["DBOS_CONNECTIONS"])})
    DBOS.launch()
    yield
    DBOS.destroy()


app = fastapi.FastAPI(lifespan=lifespan, openapi_url=None)


def answer(value, status=200):
    return fastapi.Response(orjson.dumps(value), status, media_type="application/json")


async def caller(request: fastapi.Request):
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        if scheme.lower() != "bearer":
            raise jwt.InvalidTokenError
        claims = jwt.decode(token, os.environ["JWT_SECRET_KEY"], algorithms=["HS256"], audience="flow-manager",
                            issuer="flow-manager", options={"require": ["exp", "sub"]})
    except jwt.InvalidTokenError:
        raise fastapi.HTTPException(401, "Authentication failed") from None
    return claims["sub"]


async def call(request: fastapi.Request):
    """The body, if its flow can run."""
    try:
        body = orjson.loads(await request.body())
        flow = body["flow"]
        names = {task["name"] for task in flow["tasks"]}
        targets = {condition[key] for condition in flow["conditions"]
                   for key in ("source_task", "target_task_success", "target_task_failure")}
        valid = (isinstance(flow["id"], str) and flow["start_task"] in names and len(names) == len(flow["tasks"])
                 and targets <= names | {"end"} and all(task["type"] in TASKS for task in flow["tasks"]))
    except (orjson.JSONDecodeError, LookupError, TypeError):
        valid = False
    if not valid:
        raise fastapi.HTTPException(422, "The flow is not valid")
    return body


@app.get("/health")
async def health():
    return answer({"status": "ok"})


# Not async: DBOS' steps wait for the database, so that each run takes a thread.
@app.post("/flow-manager")
def flow_manager(body=fastapi.Depends(call), _=fastapi.Depends(caller)):
    with SetWorkflowID(str(uuid.uuid4())) as workflow:
        outcome = run(body["flow"], body.get("input", {}))
    return answer({"execution_id": workflow.wfid} | outcome)
