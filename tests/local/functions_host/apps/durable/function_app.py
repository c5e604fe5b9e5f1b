"""Work that must survive kills. What happened is appended to the file RECORD; everything durable is the host's."""

import os
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df

app = df.DFApp()


def record(line: str) -> None:
    with Path(os.environ["RECORD"]).open("a") as file:  # one short write, so lines of two calls do not mix
        file.write(line + "\n")


@app.activity_trigger(input_name="text")
def note(text: str) -> str:
    record(text)
    return text


@app.activity_trigger(input_name="number")
async def double(number: int) -> int:
    return 2 * number


@app.activity_trigger(input_name="key")
def fail_once(key: str) -> str:
    """Fail at the first call for a key; the record remembers over kills."""
    if f"failed {key}" not in Path(os.environ["RECORD"]).read_text().splitlines():
        record(f"failed {key}")
        raise ValueError(key)
    return key


@app.orchestration_trigger(context_name="context")
def pipeline(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Steps of every kind, one after another."""
    number = context.get_input()
    name = context.instance_id
    yield context.call_activity("note", f"begin {name}")
    numbers = yield context.task_all([context.call_activity("double", number + n) for n in range(4)])
    yield context.create_timer(context.current_utc_datetime + timedelta(milliseconds=20))
    retry = df.RetryOptions(first_retry_interval_in_milliseconds=5, max_number_of_attempts=5)
    yield context.call_activity_with_retry("fail_once", retry, name)
    generations = yield context.call_sub_orchestrator("counting", {"left": 6, "done": 0})
    yield context.call_activity("note", f"end {name}")
    return [sum(numbers), generations]


@app.orchestration_trigger(context_name="context")
def counting(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """A generation for each of `left`."""
    state = context.get_input()
    if state["left"] == 0:
        return state["done"]
    one = yield context.call_activity("double", 1)
    context.continue_as_new({"left": state["left"] - 1, "done": state["done"] + one})
    return None


@app.orchestration_trigger(context_name="context")
def approval(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    first = yield context.wait_for_external_event("first")
    second = yield context.wait_for_external_event("second")
    return [first, second]
