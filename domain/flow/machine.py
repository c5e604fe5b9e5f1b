"""The flow in motion: asks each step in turn what it has to do, and hands it what came of it. Pure.

A call is begun, is under way, and ends by itself; the others go on meanwhile. The driver carries the calls out:
`run_files` by the durable engine, the tests in a world of their own.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from domain.contracts import Answer, CallGroup, Fault, GroupAnswer, NamedCall, from_wire, to_wire
from domain.flow.flow import Flow
from domain.flow.grouping import GROUP_ACTIVITY, Groups
from domain.flow.heeding import follow
from domain.flow.pacing import EARLY_SECONDS
from domain.flow.state import Call
from domain.flow.step import SLOW_SECONDS, Step
from domain.flow.steps.cancel import Cancel
from domain.flow.steps.collect import Collect
from domain.flow.steps.deliver import Archive, Write
from domain.flow.steps.deliver_settled import DeliverSettled
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
    DeliverSettled(),
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


class Look(NamedTuple):
    """What came of a look at the flow: the calls that have begun, those of each activity together, and the time of the next look.

    Without a time: when a call ends.
    """

    groups: list[list[Call]]
    wake_at: float | None

    @property
    def begun(self) -> list[Call]:
        """All calls that have begun."""
        return [call for group in self.groups for call in group]


def begin_calls(flow: Flow, now: float, *, most: int) -> Look:
    """Begin what may begin now, in at most so many activities; it counts as under way until `end_call`. Times are epoch seconds.

    Raises RuntimeError when there is nothing to wait for: a defect, better seen than slept over.
    """
    soon = now + EARLY_SECONDS
    follow(flow)
    flow.settle(soon)
    groups = Groups(flow.settings, most)
    ahead: list[float] = []
    for step in STEPS:
        ready = []
        for due in step.due(flow, soon):
            if due.at <= soon:
                ready.append(due.subject)
            else:
                ahead.append(due.at)
        before = len(flow.in_flight)
        for asked in step.calls(flow, ready, soon) if ready else ():
            call = msgspec.structs.replace(asked, begun_at=now)
            if not groups.add(call):
                return Look(groups.all(), None)
            flow.in_flight.append(call)
        if len(flow.in_flight) - before < len(ready):
            ahead += _slow_at(flow, step.activity, soon)
    if not (ahead or flow.in_flight or flow.finished):
        raise RuntimeError(f"{flow.snapshot_id}: files are left, but nothing to do and nothing to wait for.")
    return Look(groups.all(), min(ahead, default=None))


def _slow_at(flow: Flow, activity: str, now: float) -> list[float]:
    """Give the times at which calls turn out to be slow, and give their places to those that wait for one."""
    return [at for call in flow.calls_of(activity) if (at := call.begun_at + SLOW_SECONDS) > now]


def end_call(flow: Flow, call: Call, answer: Answer, now: float) -> None:
    """Take the answer to a call that was under way; one that is not waited for any more changes nothing."""
    if not _take_out(flow, call):
        return
    step = _BY_ACTIVITY[call.activity]
    if answer.fault:
        step.failed(flow, call, answer.fault, now)
    else:
        step.answered(flow, call, answer.ok, now)


def _take_out(flow: Flow, call: Call) -> bool:
    """Count a call as under way no longer; False where it is not."""
    for place, other in enumerate(flow.in_flight):
        # By the key first: that of most others is another one.
        if other.key == call.key and other.identity == call.identity:
            del flow.in_flight[place]
            return True
    return False


def end_group(flow: Flow, group: Sequence[Call], answers: Sequence[Sequence[Answer]], now: float) -> None:
    """Take the answers to calls that shared an activity: to each and to what followed from it, none where it was given back."""
    for call, told in zip(group, answers, strict=True):
        if not told:
            _take_out(flow, call)
            continue
        end_call(flow, call, told[0], now)
        for next_call, answer in zip(call.then[: len(told) - 1], told[1:], strict=True):
            flow.settle(now)
            flow.in_flight.append(next_call)
            end_call(flow, next_call, answer, now)


def asked_of(flow: Flow, group: Sequence[Call]) -> tuple[str, Any]:
    """Give the activity that carries out these calls, and its input."""
    first, *others = group
    if not (others or first.then):
        return first.activity, first.input
    calls = [[NamedCall(activity=c.activity, input=c.input) for c in (call, *call.then)] for call in group]
    return GROUP_ACTIVITY, to_wire(CallGroup(calls=calls, seconds=flow.settings.seconds_per_call))


def answers_of(group: Sequence[Call], result: object) -> list[list[Answer]]:
    """Read what the engine gives for an activity: what `end_group` takes.

    A fault of the activity as a whole is a fault of each of its calls.
    """
    first, *others = group
    told = _answer_of(first, result)
    if told.fault:
        return [[told] for _ in group]
    if not (others or first.then):
        return [[told]]
    return from_wire(told.ok, GroupAnswer).answers


def _answer_of(call: Call, result: object) -> Answer:
    """Read an answer from the wire, or an exception from below the activity.

    The worker died or took too long, or a message could not be carried: whose call it was has a fault like any other.
    What concerns the snapshot as a whole is tried again for longer.
    """
    if isinstance(result, Exception):
        message = str(result).partition("\n")[0][:500]
        return Answer(fault=Fault(code="call_failed", message=message, passing=not call.key))
    return from_wire(result, Answer)
