"""A small durable app for the host's tests: every feature of the engine, nothing else."""

import json
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route(route="start/{name}", methods=["POST"])
@app.durable_client_input(client_name="client")
async def start(req: func.HttpRequest, client: df.DurableOrchestrationClient) -> func.HttpResponse:
    body = req.get_body()
    instance_id = await client.start_new(
        req.route_params["name"], req.params.get("id"), json.loads(body) if body else None
    )
    response: func.HttpResponse = client.create_check_status_response(req, instance_id)
    return response


@app.orchestration_trigger(context_name="context")
def fan_out(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    count = context.get_input()
    results = yield context.task_all([context.call_activity("square", n) for n in range(count)])
    return sum(results)


@app.activity_trigger(input_name="number")
def square(number: int) -> int:
    return number * number


@app.activity_trigger(input_name="number")
async def add_one(number: int) -> int:
    return number + 1


@app.orchestration_trigger(context_name="context")
def sequence(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    value = 0
    for _ in range(context.get_input()):
        value = yield context.call_activity("add_one", value)
    return value


@app.orchestration_trigger(context_name="context")
def sleep(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    started = context.current_utc_datetime
    yield context.create_timer(started + timedelta(milliseconds=context.get_input()))
    return (context.current_utc_datetime - started).total_seconds()


@app.orchestration_trigger(context_name="context")
def parent(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    children = [context.call_sub_orchestrator("sequence", n) for n in context.get_input()]
    return (yield context.task_all(children))


@app.orchestration_trigger(context_name="context")
def count_down(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    left = context.get_input()
    if left == 0:
        return "lift-off"
    yield context.call_activity("add_one", left)
    context.continue_as_new(left - 1)
    return None
