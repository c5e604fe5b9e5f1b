"""Orchestrators that step into the known pitfalls of the Durable SDK 1.x, each in the smallest way."""

import os
import time
from collections.abc import Generator
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.durable_functions as df

app = df.DFApp()

RETRY = df.RetryOptions(first_retry_interval_in_milliseconds=30, max_number_of_attempts=2)
FAILURES: dict[str, int] = {}


@app.activity_trigger(input_name="text")
def echo(text: str) -> str:
    return text


def wait_for_gate(name: str) -> None:
    """Wait until the test makes a file of that name in the folder GATES."""
    while not Path(os.environ["GATES"], name).exists():
        time.sleep(0.005)


@app.activity_trigger(input_name="gate")
def gated(gate: str) -> str:
    wait_for_gate(gate)
    return gate


@app.activity_trigger(input_name="call")
def fails_once(call: dict) -> str:
    """Fail at the first call for a key; one process is enough memory for these tests."""
    if "gate" in call:
        wait_for_gate(call["gate"])
    if "key" not in call:
        return str(call["text"])
    FAILURES[call["key"]] = FAILURES.get(call["key"], 0) + 1
    if FAILURES[call["key"]] == 1:
        raise ValueError("the first call failed")
    return "the retried call"


@app.activity_trigger(input_name="text")
def fails(text: str) -> str:
    raise ValueError(text)


@app.orchestration_trigger(context_name="context")
def retry_beside_a_race(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Pitfall 1: a retried call loses a race, fails later, is waited for, and new work follows."""
    retried = context.call_activity_with_retry(
        "fails_once", RETRY, {"key": context.instance_id, "gate": "race-is-over"}
    )
    yield context.task_any([retried, context.call_activity("echo", "quick")])
    first = yield retried
    second = yield context.call_activity("echo", "second")
    return [first, second]


@app.orchestration_trigger(context_name="context")
def retry_beside_a_race_of_one_name(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Pitfall 1 again, with one activity for everything, and the failure before the end of the race."""
    retry = df.RetryOptions(first_retry_interval_in_milliseconds=1500, max_number_of_attempts=2)
    retried = context.call_activity_with_retry("fails_once", retry, {"key": context.instance_id})
    quick = context.call_activity("fails_once", {"text": "quick", "gate": "call-has-failed"})
    yield context.task_any([retried, quick])
    first = yield retried
    second = yield context.call_activity("fails_once", {"text": "second"})
    return [first, second]


@app.orchestration_trigger(context_name="context")
def caught_failure_of_retries(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Pitfall 2: one of two retried tasks fails for good and is caught; the other is still under way."""
    caught = []
    tasks = [
        context.call_activity_with_retry("fails", df.RetryOptions(10, 1), "early"),
        context.call_activity_with_retry("fails", df.RetryOptions(300, 2), "late"),
    ]
    try:
        yield context.task_all(tasks)
    except Exception as error:  # noqa: BLE001 - the SDK raises nothing finer
        caught.append("early" if "early" in str(error) else "late")
    answer = yield context.call_activity("echo", "next")
    return [*caught, answer]


@app.orchestration_trigger(context_name="context")
def failure_beside_a_slow_sibling(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Pitfall 3: the failure is known early, what follows waits for the sibling."""
    try:
        yield context.task_all(
            [context.call_activity("fails", "x"), context.call_activity("gated", "sibling")]
        )
    except Exception:  # noqa: BLE001 - the SDK raises nothing finer
        return (yield context.call_activity("echo", "after"))


@app.orchestration_trigger(context_name="context")
def late_listener(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Pitfall 4: events of one name arrive before the first wait."""
    yield context.wait_for_external_event("begin")
    first = yield context.wait_for_external_event("data")
    second = yield context.wait_for_external_event("data")
    return [first, second]


@app.orchestration_trigger(context_name="context")
def case_sensitive_listener(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Pitfall 5: the event is called `Go`."""
    return (yield context.wait_for_external_event("Go"))


@app.orchestration_trigger(context_name="context")
def forgotten_timer(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Pitfall 6: the loser of a race is a timer that nobody cancels."""
    timer = context.create_timer(
        context.current_utc_datetime + timedelta(milliseconds=context.get_input()["timer"])
    )
    activity = context.call_activity("echo", "done")
    yield context.task_any([activity, timer])
    if context.get_input()["cancel"]:
        timer.cancel()
    return "done"


@app.orchestration_trigger(context_name="context")
def sliding_window(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """A window of two: the quick one ends, a third is begun, and waits for nothing but itself."""
    first, second = context.call_activity("echo", "first"), context.call_activity("gated", "second")
    yield context.task_any([first, second])
    third = context.call_activity("gated", "third")
    yield context.task_any([second, third])
    return (yield context.call_activity("echo", "fourth"))
