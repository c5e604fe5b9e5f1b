"""What the SDK's answer can ask for (actions) and what the walk makes of it (decisions)."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeAlias

Action: TypeAlias = dict[str, Any]


class ActionType(IntEnum):
    """`actionType` in the SDK's answer."""

    CALL_ACTIVITY = 0
    CALL_ACTIVITY_WITH_RETRY = 1
    CALL_SUB_ORCHESTRATOR = 2
    CALL_SUB_ORCHESTRATOR_WITH_RETRY = 3
    CONTINUE_AS_NEW = 4
    CREATE_TIMER = 5
    WAIT_FOR_EXTERNAL_EVENT = 6
    CALL_ENTITY = 7
    CALL_HTTP = 8
    SIGNAL_ENTITY = 9
    WHEN_ANY = 11
    WHEN_ALL = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleActivity:
    """Call an activity."""

    id: int
    name: str
    input: str | None
    """JSON text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartSubOrchestration:
    """Start a child instance."""

    id: int
    name: str
    input: str | None
    """JSON text, to be encoded once more as the child's input."""
    instance_id: str | None
    """None lets the host derive one."""
    version: str | None
    """None is the app's default version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTimer:
    """Wake the execution at a time."""

    id: int
    fire_at: str
    is_cancelled: bool


Decision: TypeAlias = ScheduleActivity | StartSubOrchestration | SetTimer
