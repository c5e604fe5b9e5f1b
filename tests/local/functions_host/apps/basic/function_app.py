"""A small durable app for the host's tests: every feature of the engine, nothing else."""

import json
import os
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
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


@app.activity_trigger(input_name="call")
def fail_first(call: dict) -> str:
    """Fail the first `failures` calls for a key; calls are counted in files, so a killed host does not forget them."""
    counter = Path(os.environ["COUNTS"], call["key"])
    with counter.open("a") as file:
        file.write("x")
    calls = len(counter.read_text())
    if calls <= call["failures"]:
        raise ValueError(f"call {calls}")
    return f"call {calls}"


@app.orchestration_trigger(context_name="context")
def retried(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    retry = df.RetryOptions(first_retry_interval_in_milliseconds=10, max_number_of_attempts=3)
    call = {"key": context.instance_id, "failures": context.get_input()}
    return (yield context.call_activity_with_retry("fail_first", retry, call))


@app.orchestration_trigger(context_name="context")
def retried_child(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    retry = df.RetryOptions(first_retry_interval_in_milliseconds=10, max_number_of_attempts=3)
    call = {"key": context.instance_id, "failures": 2}
    return (yield context.call_sub_orchestrator_with_retry("failing_child", retry, call))


@app.orchestration_trigger(context_name="context")
def failing_child(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    return (yield context.call_activity("fail_first", context.get_input()))


@app.orchestration_trigger(context_name="context")
def careful_parent(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    try:
        yield context.call_sub_orchestrator("failing_child", {"key": context.instance_id, "failures": 9})
    except Exception as error:  # noqa: BLE001 - the SDK raises nothing finer
        return str(error)


@app.orchestration_trigger(context_name="context")
def approval(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    context.set_custom_status({"waiting for": "approval"})
    deadline = context.create_timer(context.current_utc_datetime + timedelta(hours=1))
    approved = context.wait_for_external_event("approved")
    winner = yield context.task_any([approved, deadline])
    if winner == approved:
        deadline.cancel()
        return approved.result
    return "too late"


@app.orchestration_trigger(context_name="context")
def two_steps(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    first = yield context.wait_for_external_event("first")
    second = yield context.wait_for_external_event("second")
    return [first, second]


@app.orchestration_trigger(context_name="context")
def collector(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Collect one event per generation, until three are there."""
    collected = context.get_input()
    collected.append((yield context.wait_for_external_event("item")))
    if len(collected) == 3:
        return collected
    context.continue_as_new(collected)
    return None


@app.orchestration_trigger(context_name="context")
def speaking(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    context.set_custom_status("x" * context.get_input())
    yield context.call_activity("square", 1)
    return "said"


@app.orchestration_trigger(context_name="context")
def raising(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    yield context.call_activity("square", 1)
    raise ValueError("no way")


@app.orchestration_trigger(context_name="context")
def calls_nobody(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    return (yield context.call_activity("nobody"))


@app.orchestration_trigger(context_name="context")
def calls_an_entity(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    return (yield context.call_entity(df.EntityId("counter", "1"), "get"))


@app.orchestration_trigger(context_name="context")
def calls_http(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    return (yield context.call_http("GET", "http://127.0.0.1:9/"))


@app.orchestration_trigger(context_name="context")
def not_awaiting(context: df.DurableOrchestrationContext) -> str:
    return f"{context.get_input()} in one turn, version {context.version!r}"


@app.activity_trigger(input_name="size")
def big_text(size: int) -> str:
    return "x" * size


@app.activity_trigger(input_name="text")
def length(text: str) -> int:
    return len(text)


@app.orchestration_trigger(context_name="context")
def big_payload(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    return (yield context.call_activity("length", (yield context.call_activity("big_text", 5_000_000))))


@app.orchestration_trigger(context_name="context")
def child_with_id(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    return (yield context.call_sub_orchestrator("sequence", 1, context.get_input()))
