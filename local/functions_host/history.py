"""History events as the Durable SDK reads them, and the number spaces of the protocol.

An event is a JSON object with `EventType`, `EventId`, `IsPlayed`, `Timestamp` and fields of its own. Events that
are decisions (activity, timer, sub-orchestration) carry the next number of one counter per execution as `EventId`;
all others carry -1. Absent values are null, never left out: the SDK reads some of them without a default.
"""

from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import Any, TypeAlias

Event: TypeAlias = dict[str, Any]


class EventType(IntEnum):
    """`EventType` of a history event."""

    EXECUTION_STARTED = 0
    EXECUTION_COMPLETED = 1
    EXECUTION_TERMINATED = 3
    TASK_SCHEDULED = 4
    TASK_COMPLETED = 5
    TASK_FAILED = 6
    SUB_ORCHESTRATION_CREATED = 7
    SUB_ORCHESTRATION_COMPLETED = 8
    SUB_ORCHESTRATION_FAILED = 9
    TIMER_CREATED = 10
    TIMER_FIRED = 11
    ORCHESTRATOR_STARTED = 12
    ORCHESTRATOR_COMPLETED = 13
    EVENT_RAISED = 15
    CONTINUE_AS_NEW = 16
    EXECUTION_SUSPENDED = 19
    EXECUTION_RESUMED = 20


class RuntimeStatus(StrEnum):
    """`runtimeStatus` of an instance, as the management API spells it."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUSPENDED = "Suspended"
    COMPLETED = "Completed"
    FAILED = "Failed"
    TERMINATED = "Terminated"

    @property
    def is_final(self) -> bool:
        """Whether an instance with this status never changes again by itself."""
        return self in _COMPLETION_NUMBERS


_COMPLETION_NUMBERS = {RuntimeStatus.COMPLETED: 1, RuntimeStatus.FAILED: 3, RuntimeStatus.TERMINATED: 5}


@lru_cache(maxsize=64)  # all events of a turn share a moment
def wire_time(moment: float) -> str:
    """Write a moment (seconds since 1970) as the protocol does: UTC, microseconds, `Z`."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment_of(text: str) -> float:
    """Read a time of the protocol as seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()


def orchestrator_started(now: float) -> Event:
    """Open a turn; its timestamp is the orchestrator's clock for the turn."""
    return _event(EventType.ORCHESTRATOR_STARTED, now)


def orchestrator_completed(now: float) -> Event:
    """Close a turn."""
    return _event(EventType.ORCHESTRATOR_COMPLETED, now)


def execution_started(
    now: float,
    *,
    name: str,
    version: str,
    raw_input: str | None,
    instance_id: str,
    execution_id: str,
    parent: Event | None,
) -> Event:
    """Begin an execution. `raw_input` is JSON text; `parent` the reference from `parent_instance`."""
    return _event(
        EventType.EXECUTION_STARTED,
        now,
        Name=name,
        Version=version or None,
        Input=raw_input,
        OrchestrationInstance={"InstanceId": instance_id, "ExecutionId": execution_id},
        ParentInstance=parent,
        Tags=None,
    )


def parent_instance(instance_id: str, execution_id: str, task_id: int) -> Event:
    """Name the sub-orchestration task that an instance answers."""
    return {
        "OrchestrationInstance": {"InstanceId": instance_id, "ExecutionId": execution_id},
        "TaskScheduleId": task_id,
    }


def execution_completed(now: float, event_id: int, status: RuntimeStatus, result: str | None) -> Event:
    """End an execution for good."""
    return _event(
        EventType.EXECUTION_COMPLETED,
        now,
        event_id,
        OrchestrationStatus=_COMPLETION_NUMBERS[status],
        Result=result,
    )


def execution_terminated(now: float, reason: str) -> Event:
    """Ask an execution to end at once."""
    return _event(EventType.EXECUTION_TERMINATED, now, Input=reason)


def execution_suspended(now: float, reason: str) -> Event:
    """Ask an execution to pause."""
    return _event(EventType.EXECUTION_SUSPENDED, now, Reason=reason)


def execution_resumed(now: float, reason: str) -> Event:
    """Ask a paused execution to go on."""
    return _event(EventType.EXECUTION_RESUMED, now, Reason=reason)


def continued_as_new(now: float, event_id: int, raw_input: str) -> Event:
    """End an execution in favour of a fresh one."""
    return _event(EventType.CONTINUE_AS_NEW, now, event_id, Result=raw_input)


def task_scheduled(now: float, event_id: int, name: str) -> Event:
    """Record the call of an activity; its input travels with the work item and is not repeated here."""
    return _event(EventType.TASK_SCHEDULED, now, event_id, Name=name, Version="", Input=None)


def task_completed(now: float, task_id: int, result: str | None) -> Event:
    """Record what an activity returned (JSON text)."""
    return _event(EventType.TASK_COMPLETED, now, TaskScheduledId=task_id, Result=result)


def task_failed(now: float, task_id: int, reason: str, details: str) -> Event:
    """Record that an activity raised."""
    return _event(EventType.TASK_FAILED, now, TaskScheduledId=task_id, Reason=reason, Details=details)


def sub_orchestration_created(
    now: float, event_id: int, *, name: str, version: str, instance_id: str, raw_input: str
) -> Event:
    """Record the start of a child; `raw_input` is JSON text."""
    return _event(
        EventType.SUB_ORCHESTRATION_CREATED,
        now,
        event_id,
        Name=name,
        Version=version,
        InstanceId=instance_id,
        Input=raw_input,
    )


def sub_orchestration_completed(now: float, task_id: int, result: str | None) -> Event:
    """Record what a sub-orchestration returned (JSON text)."""
    return _event(EventType.SUB_ORCHESTRATION_COMPLETED, now, TaskScheduledId=task_id, Result=result)


def sub_orchestration_failed(now: float, task_id: int, reason: str, details: str) -> Event:
    """Record that a sub-orchestration failed or was terminated."""
    return _event(
        EventType.SUB_ORCHESTRATION_FAILED, now, TaskScheduledId=task_id, Reason=reason, Details=details
    )


def timer_created(now: float, event_id: int, fire_at: str) -> Event:
    """Record that a timer was set."""
    return _event(EventType.TIMER_CREATED, now, event_id, FireAt=fire_at)


def timer_fired(now: float, timer_id: int, fire_at: str) -> Event:
    """Tell that a timer has come due."""
    return _event(EventType.TIMER_FIRED, now, TimerId=timer_id, FireAt=fire_at)


def event_raised(now: float, name: str, payload: str) -> Event:
    """Tell of an external event; `payload` is JSON text."""
    return _event(EventType.EVENT_RAISED, now, Name=name, Input=payload)


def _event(kind: EventType, now: float, event_id: int = -1, **fields: Any) -> Event:
    return {
        "EventType": int(kind),
        "EventId": event_id,
        "IsPlayed": False,
        "Timestamp": wire_time(now),
        **fields,
    }
