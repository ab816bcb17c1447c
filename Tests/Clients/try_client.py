"""try_client.py: uses the Python client that was generated from the API description, on ADDRESS, as customers do."""

import importlib
import os
import pkgutil
import uuid

import flow_manager_client
from flow_manager_client import AuthenticatedClient, Client, models
from flow_manager_client.api.accounts import get_me, login
from flow_manager_client.api.api_keys import create_api_key, delete_api_key, list_api_keys
from flow_manager_client.api.executions import get_execution, list_executions
from flow_manager_client.api.flows import list_task_types, run_flow
from flow_manager_client.api.posts import create_post, list_posts

ADDRESS = os.environ["ADDRESS"]
EMAIL, PASSWORD = "user3784mail@gmail.com", "aFtg&89M"
STRICT = {"base_url": ADDRESS, "raise_on_unexpected_status": True}


def every_module():
    """A fault of the generator may show only when the module is imported."""
    modules = list(pkgutil.walk_packages(flow_manager_client.__path__, flow_manager_client.__name__ + "."))
    for module in modules:
        importlib.import_module(module.name)
    print(f"{len(modules)} modules")


def log_in():
    anonymous = Client(**STRICT)
    tokens = login.sync(client=anonymous, body=models.Login(email=EMAIL, password=PASSWORD))
    assert isinstance(tokens, models.Tokens), tokens
    form = login.sync(client=anonymous, body=models.LoginForm(username=EMAIL, password=PASSWORD))
    assert isinstance(form, models.Tokens), form
    client = AuthenticatedClient(token=tokens.access_token, **STRICT)
    profile = get_me.sync(client=client)
    assert isinstance(profile, models.Profile) and profile.email == EMAIL, profile
    assert profile.role is models.Role.CLIENT, profile.role
    return client


def runs(client):
    task_types = list_task_types.sync(client=client)
    assert isinstance(task_types.items[0], models.TaskType), task_types
    flow = models.Flow(
        id="sum", name="Sum", start_task="add",
        tasks=[models.FlowTask(name="add", type_="calc.addition", input_={"arguments": [2, 3]})])
    answer = run_flow.sync(client=client, body=models.FlowCall(flow=flow))
    assert isinstance(answer, models.FlowAnswer), answer
    assert answer.status is models.FinalStatus.COMPLETED, answer
    assert answer.executed_tasks[0].status is models.StepStatus.SUCCESS, answer
    assert isinstance(answer.execution_id, uuid.UUID)

    execution = get_execution.sync(answer.execution_id, client=client)
    assert isinstance(execution, models.Execution), execution
    assert execution.id == answer.execution_id and execution.status is models.ExecutionStatus.COMPLETED
    assert isinstance(execution.steps[0], models.Step) and execution.steps[0].output == answer.result == {"result": 5}

    # Two kinds of 422: a run that failed, and a flow that is not valid.
    flow.tasks[0] = models.FlowTask(name="add", type_="calc.division", input_={"arguments": [1, "{{ $.input }}"]})
    failed = run_flow.sync_detailed(client=client, body=models.FlowCall(flow=flow, input_=0))
    assert failed.status_code == 422 and isinstance(failed.parsed, models.FlowAnswer), failed
    error = failed.parsed.executed_tasks[0].error
    assert isinstance(error, models.TaskError) and error.code == "division_by_zero", failed
    flow.start_task = "subtract"
    refused = run_flow.sync_detailed(client=client, body=models.FlowCall(flow=flow))
    assert refused.status_code == 422 and isinstance(refused.parsed, models.Problem), refused


def pages(client):
    """Reads the two runs page by page, with some fields of them."""
    found, cursor = [], flow_manager_client.types.UNSET
    fields = [models.ExecutionField.ID, models.ExecutionField.STATUS]
    for _ in range(2):
        page = list_executions.sync(
            client=client, limit=1, sort=models.ExecutionSort.CREATED_AT_DESC, fields=fields, cursor=cursor)
        assert isinstance(page, models.ExecutionPage) and len(page.items) == 1, page
        assert set(page.items[0].to_dict()) == {"id", "status"}, page
        found.append(page.items[0].status)
        cursor = page.next_cursor
    assert found == [models.ExecutionStatus.FAILED, models.ExecutionStatus.COMPLETED], found
    completed = list_executions.sync(client=client, status=[models.ExecutionStatus.COMPLETED])
    assert completed.items and all(item.status is models.ExecutionStatus.COMPLETED for item in completed.items)


def problems(client):
    refused = get_me.sync_detailed(client=AuthenticatedClient(token="wrong", **STRICT))
    assert refused.status_code == 401 and isinstance(refused.parsed, models.Problem), refused
    missing = get_execution.sync(uuid.uuid4(), client=client)
    assert isinstance(missing, models.Problem) and missing.code == "not_found", missing
    invalid = create_post.sync(client=client, body=models.PostDraft(title="", content="Text"))
    assert isinstance(invalid, models.Problem) and isinstance(invalid.errors[0], models.Violation), invalid
    assert invalid.errors[0].pointer == "/title", invalid


def keys(client):
    """An API key takes the token's place."""
    draft = models.APIKeyDraft(name="try_client", scopes=[models.Scope.READ])
    key = create_api_key.sync(client=client, body=draft)
    assert isinstance(key, models.NewAPIKey) and key.scopes == [models.Scope.READ], key
    reader = AuthenticatedClient(token=key.key, **STRICT)
    assert isinstance(list_posts.sync(client=reader), models.PostPage)
    refused = create_post.sync(client=reader, body=models.PostDraft(title="A title", content="Text"))
    assert isinstance(refused, models.Problem) and refused.code == "forbidden", refused
    deleted = delete_api_key.sync_detailed(key.id, client=client)
    assert deleted.status_code == 204 and deleted.parsed is None, deleted
    assert key.id not in [item.id for item in list_api_keys.sync(client=client).items]


every_module()
client = log_in()
runs(client)
pages(client)
problems(client)
keys(client)
print("the generated client works")
