"""One turn of an orchestration instance: its new messages, one call of the SDK, one walk, one outcome. No I/O.

Only the user's own code could do I/O here, and orchestrators must not.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from local.functions_host import history
from local.functions_host.decisions import ScheduleActivity, SetTimer, StartSubOrchestration
from local.functions_host.errors import NonDeterministicError, NotSupportedError
from local.functions_host.history import Event, EventType, RuntimeStatus
from local.functions_host.sdk_call import Answer, call_orchestrator
from local.functions_host.storage.orchestrations import Instance, Turn
from local.functions_host.walk import WalkResult, walk

MAX_CUSTOM_STATUS_KILOBYTES = 16  # whole ones, of UTF-16, as the extension counts


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStart:
    """A sub-orchestration to start."""

    task_id: int
    instance_id: str
    name: str
    version: str | None
    raw_input: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOutcome:
    """What to write down after a turn, all at once."""

    instance: Instance
    """With its new status, output and custom status."""
    events: tuple[Event, ...]
    activities: tuple[ScheduleActivity, ...] = ()
    timers: tuple[SetTimer, ...] = ()
    children: tuple[ChildStart, ...] = ()
    new_input: str | None = None
    """Raw input of the next execution, if the instance continues as new."""
    carried_events: tuple[Event, ...] = ()
    failure: BaseException | None = None
    """Why the instance failed, for the log."""


def run_turn(turn: Turn, handle: Callable[[str], str], now: float) -> TurnOutcome:
    """Run `turn` at the moment `now` (seconds since 1970)."""
    return _TurnRun(turn, now).run(handle)


def fail_turn(turn: Turn, reason: str, now: float) -> TurnOutcome:
    """End the instance of `turn` as failed, as if its code had raised; it is not called."""
    return _TurnRun(turn, now).failed(reason)


def end_turn(turn: Turn, output: str, now: float) -> TurnOutcome:
    """End the instance of `turn` as failed, with these words alone as its output."""
    return _TurnRun(turn, now).ended(output)


class _TurnRun:
    def __init__(self, turn: Turn, now: float) -> None:
        self._turn = turn
        self._now = now
        self._instance = turn.instance
        self._events: list[Event] = [history.orchestrator_started(now), *turn.messages]
        self._next_id = 0

    def run(self, handle: Callable[[str], str]) -> TurnOutcome:
        for message in self._turn.messages:
            if message["EventType"] == EventType.EXECUTION_TERMINATED:  # whatever the code would say to it
                return self._finished(RuntimeStatus.TERMINATED, json.dumps(message["Input"]))
        text = self._whole_history()
        answer = self._call(handle, text)
        self._instance = replace(self._instance, custom_status=_json_or_none(answer.custom_status))
        if answer.is_broken:
            return self.failed(str(answer.error), answer.exception)
        kilobytes = len((self._instance.custom_status or "").encode("utf-16-le")) // 1024
        if kilobytes > MAX_CUSTOM_STATUS_KILOBYTES:
            self._instance = replace(self._instance, custom_status=None)
            return self.failed(
                f"The UTF-16 size of the JSON-serialized payload must not exceed {MAX_CUSTOM_STATUS_KILOBYTES} KB. "
                f"The current payload size is {kilobytes} KB."
            )
        try:
            result = walk(json.loads(f"[{text}]"), answer.actions)
        except (NonDeterministicError, NotSupportedError) as error:
            return self.failed(str(error), error)
        self._next_id = result.next_id
        return self._outcome(answer, result)

    def failed(self, reason: str, failure: BaseException | None = None) -> TurnOutcome:
        text = f"Orchestrator function '{self._instance.name}' failed: {reason}"
        return replace(self._finished(RuntimeStatus.FAILED, json.dumps(text)), failure=failure)

    def ended(self, output: str) -> TurnOutcome:
        return self._finished(RuntimeStatus.FAILED, json.dumps(output))

    def _whole_history(self) -> str:
        new = json.dumps(self._events, separators=(",", ":"))[1:-1]
        return f"{self._turn.history},{new}" if self._turn.history else new

    def _call(self, handle: Callable[[str], str], text: str) -> Answer:
        parent = self._instance.parent
        return call_orchestrator(
            handle,
            history=text,
            raw_input=self._instance.raw_input,
            instance_id=self._instance.instance_id,
            parent_instance_id=None if parent is None else parent["OrchestrationInstance"]["InstanceId"],
            is_replaying=bool(self._turn.history),
        )

    def _outcome(self, answer: Answer, result: WalkResult) -> TurnOutcome:
        if not result.is_finished:
            return self._going_on(result)
        if answer.error is not None:
            return self.failed(answer.error, answer.exception)
        if result.new_input is not None:
            return self._continued_as_new(result, json.dumps(result.new_input))
        if answer.is_done:
            return self._finished(RuntimeStatus.COMPLETED, _json_or_none(answer.output))
        return self._going_on(result)

    def _going_on(self, result: WalkResult) -> TurnOutcome:
        status = RuntimeStatus.SUSPENDED if result.is_suspended else RuntimeStatus.RUNNING
        activities: list[ScheduleActivity] = []
        timers: list[SetTimer] = []
        children: list[ChildStart] = []
        for decision in result.decisions:
            match decision:
                case ScheduleActivity():
                    activities.append(decision)
                    event = history.task_scheduled(self._now, decision.id, decision.name)
                case SetTimer():
                    if not decision.is_cancelled:  # nobody would notice it fire
                        timers.append(decision)
                    event = history.timer_created(self._now, decision.id, decision.fire_at)
                case StartSubOrchestration():
                    child = self._child(decision)
                    children.append(child)
                    event = self._child_event(child)
            self._events.append(event)
        return TurnOutcome(
            instance=self._with_status(status),
            events=self._closed(),
            activities=tuple(activities),
            timers=tuple(timers),
            children=tuple(children),
        )

    def _child(self, decision: StartSubOrchestration) -> ChildStart:
        return ChildStart(
            task_id=decision.id,
            instance_id=decision.instance_id or f"{self._instance.execution_id}:{decision.id}",
            name=decision.name,
            version=decision.version,
            raw_input=json.dumps(decision.input),
        )

    def _child_event(self, child: ChildStart) -> Event:
        return history.sub_orchestration_created(
            self._now,
            child.task_id,
            name=child.name,
            version=child.version or "",
            instance_id=child.instance_id,
            raw_input=child.raw_input,
        )

    def _finished(self, status: RuntimeStatus, output: str | None) -> TurnOutcome:
        self._events.append(history.execution_completed(self._now, self._next_id, status, output))
        return TurnOutcome(instance=self._with_status(status, output), events=self._closed())

    def _continued_as_new(self, result: WalkResult, raw_input: str) -> TurnOutcome:
        self._events.append(history.continued_as_new(self._now, self._next_id, raw_input))
        return TurnOutcome(
            instance=self._with_status(RuntimeStatus.RUNNING),
            events=self._closed(),
            new_input=raw_input,
            carried_events=result.carried_events,
        )

    def _with_status(self, status: RuntimeStatus, output: str | None = None) -> Instance:
        return replace(self._instance, status=status, output=output, updated_at=self._now)

    def _closed(self) -> tuple[Event, ...]:
        return (*self._events, history.orchestrator_completed(self._now))


def _json_or_none(value: Any) -> str | None:
    return None if value is None else json.dumps(value, separators=(",", ":"))
