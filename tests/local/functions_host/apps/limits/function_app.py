"""Activities that wait for each other or for ever, under the limits of this folder's host.json."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import azure.durable_functions as df

app = df.DFApp()
log = logging.getLogger(__name__)
pair = threading.Barrier(2)
running: list[str] = []


@app.activity_trigger(input_name="name")
def in_pairs(name: str) -> int:
    """Wait for another call, and tell how many there were."""
    running.append(name)
    pair.wait()
    count = len(running)
    pair.wait()
    running.remove(name)
    log.info("%s had company", name)
    return count


@app.activity_trigger(input_name="gate")
def gated(gate: str) -> str:
    while not Path(os.environ["GATES"], gate).exists():
        time.sleep(0.005)
    return gate


@app.activity_trigger(input_name="nothing")
async def endless(nothing: str) -> None:
    await asyncio.Event().wait()


@app.orchestration_trigger(context_name="context")
def pairs(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    return (yield context.task_all([context.call_activity("in_pairs", f"call {n}") for n in range(6)]))


@app.orchestration_trigger(context_name="context")
def one_call(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    name, argument = context.get_input()
    return (yield context.call_activity(name, argument))
