"""The flow in motion: asks each step in turn what it has to do, and hands it what came of it. Pure.

A call is begun, is under way, and ends by itself; the others go on meanwhile. Whoever drives this carries the calls out:
`run_files` by the durable engine, the tests in a world of their own.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from domain.contracts import Answer, Fault, from_wire
from domain.flow.flow import Flow
from domain.flow.pacing import EARLY_SECONDS
from domain.flow.state import Call
from domain.flow.step import SLOW_SECONDS, Step
from domain.flow.steps.cancel import Cancel
from domain.flow.steps.collect import Collect
from domain.flow.steps.deliver import Archive, Write
from domain.flow.steps.hold import Hold
from domain.flow.steps.list_files import ListFiles
from domain.flow.steps.poll import Poll
from domain.flow.steps.prepare import Prepare
from domain.flow.steps.send import Send
from domain.flow.steps.share import AgreeOnShare
from domain.flow.steps.submit import Submit

# In the order in which they are asked: what frees places before what takes them, the look at the batches after all that
# changes what it asks for.
STEPS: tuple[Step[Any], ...] = (
    Archive(),
    Write(),
    Hold(),
    Collect(),
    Cancel(),
    Submit(),
    Send(),
    Prepare(),
    ListFiles(),
    Poll(),
    AgreeOnShare(),
)
_BY_ACTIVITY = {step.activity: step for step in STEPS}


def begin_calls(flow: Flow, now: float, *, most: int) -> list[Call]:
    """Begin what may begin now, at most so many calls; they count as under way until `end_call`."""
    flow.settle()
    begun: list[Call] = []
    for step in STEPS:
        for call in _calls(flow, step, now):
            if len(begun) >= most:
                return begun
            begun.append(msgspec.structs.replace(call, begun_at=now))
            flow.in_flight.append(begun[-1])
    return begun


def _calls(flow: Flow, step: Step[Any], now: float) -> Iterator[Call]:
    soon = now + EARLY_SECONDS
    ready = [due.subject for due in step.due(flow, soon) if due.at <= soon]
    return step.calls(flow, ready, soon) if ready else iter(())


def wake_at(flow: Flow, now: float) -> float | None:
    """Give the next time (epoch seconds) at which something may be done that cannot be now; None: when a call ends.

    Raises RuntimeError when there is nothing to wait for: a defect, better seen than slept over.
    """
    soon = now + EARLY_SECONDS
    ahead, blocked = [], False
    for step in STEPS:
        for due in step.due(flow, soon):
            if due.at > soon:
                ahead.append(due.at)
            else:
                blocked = True
    if blocked:
        # What could begin if there were room finds some when a call turns out to be slow.
        ahead += [
            call.begun_at + SLOW_SECONDS for call in flow.in_flight if call.begun_at + SLOW_SECONDS > soon
        ]
    if not ahead and not flow.in_flight:
        raise RuntimeError(f"{flow.snapshot_id}: files are left, but nothing to do and nothing to wait for.")
    return min(ahead, default=None)


def end_call(flow: Flow, call: Call, answer: Answer, now: float) -> None:
    """Take the answer to a call that was under way; one that is not waited for any more changes nothing."""
    if all(other.identity != call.identity for other in flow.in_flight):
        return
    flow.in_flight = [other for other in flow.in_flight if other.identity != call.identity]
    step = _BY_ACTIVITY[call.activity]
    if answer.fault:
        step.failed(flow, call, answer.fault, now)
    else:
        step.answered(flow, call, answer.ok, now)


def answer_of(call: Call, result: object) -> Answer:
    """Read what the engine gives for a call: an answer from the wire, or an exception from below the activity.

    The worker died or took too long, or a message could not be carried: whose call it was has a fault like any other.
    What concerns the snapshot as a whole is tried again for longer.
    """
    if isinstance(result, Exception):
        message = str(result).partition("\n")[0][:500]
        return Answer(fault=Fault(code="call_failed", message=message, passing=not call.key))
    return from_wire(result, Answer)
