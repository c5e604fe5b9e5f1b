"""The walk: from a history and the SDK's actions to the host's decisions. Pure.

The Durable SDK answers every turn with *all* actions of the execution so far. The Durable extension does not simply
execute the new ones: it replays them as a program of its own, event by event, and counts the decisions with a counter
the SDK keeps as well, independently. Where the two disagree, results reach the wrong task; that this happens here
exactly as in Azure is the point of this module. The rules:

- Actions are awaited one after another. `WhenAll` awaits all its children even after a failure, `WhenAny` any one.
  A task that an earlier action began is not repeated in a later `WhenAny`; the walk waits for the new ones alone.
- A decision takes the next number the moment its action begins, and a decision in the history must be the one that
  the walk took under that number, else the code has changed: NonDeterministicError. (The SDK does not check.)
- A timer beyond six days is made of timers of three days, and goes on until its time has come; one of up to six days ends
  when it fires, be it up to a second early.
- A retried call is attempt, timer, attempt, timer …, with one timer more after the last failure.
- Event names ignore case; the latest waiter is served first; with no waiter an event is kept, in order of arrival.
- While suspended, everything but resuming waits, and nothing is begun.
- The execution is finished when the actions are through *and* no activity, sub-orchestration or uncancelled timer is
  open.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeAlias

from local.functions_host.awaits import DONE, Await, all_of, any_of
from local.functions_host.decisions import (
    Action,
    ActionType,
    Decision,
    ScheduleActivity,
    SetTimer,
    StartSubOrchestration,
)
from local.functions_host.errors import NonDeterministicError, NotSupportedError
from local.functions_host.history import Event, EventType


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkResult:
    """Where an execution stands after its history so far."""

    decisions: tuple[Decision, ...]
    """Decisions that are not in the history yet, in order of their numbers."""
    next_id: int
    is_finished: bool
    is_suspended: bool
    new_input: str | None
    """JSON text for the next execution, if the execution continues as new."""
    carried_events: tuple[Event, ...]
    """External events that came after the decision to continue as new."""


def walk(history: Sequence[Event], actions: Sequence[Action]) -> WalkResult:
    """Replay `actions` against `history`.

    Raises NonDeterministicError if the history holds other decisions than the actions lead to, and NotSupportedError
    for actions this host does not know how to execute.
    """
    walker = _Walker(actions)
    for event in history:
        walker.receive(event)
    return walker.result()


# Of the extension with Azure Storage; the SDK is told of both.
LONGEST_TIMER = timedelta(days=6)
TIMER_STEP = timedelta(days=3)

_Settle: TypeAlias = Callable[[bool], None]
_MATCHES: dict[int, type[Decision]] = {
    EventType.TASK_SCHEDULED: ScheduleActivity,
    EventType.SUB_ORCHESTRATION_CREATED: StartSubOrchestration,
    EventType.TIMER_CREATED: SetTimer,
}
_SETTLES: dict[int, tuple[str, bool]] = {  # field with the task's number, whether the task succeeded
    EventType.TASK_COMPLETED: ("TaskScheduledId", True),
    EventType.TASK_FAILED: ("TaskScheduledId", False),
    EventType.SUB_ORCHESTRATION_COMPLETED: ("TaskScheduledId", True),
    EventType.SUB_ORCHESTRATION_FAILED: ("TaskScheduledId", False),
    EventType.TIMER_FIRED: ("TimerId", True),
}
_KINDS = {ScheduleActivity: "an activity", StartSubOrchestration: "a sub-orchestration", SetTimer: "a timer"}


class _Walker:
    """The state of one walk."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self._actions = actions
        self._position = 0
        self._is_through = False
        self._clock = datetime.min.replace(tzinfo=UTC)
        self._next_id = 0
        self._unmatched: dict[int, Decision] = {}
        self._open: dict[int, _Settle] = {}
        self._waiters: defaultdict[str, list[Await]] = defaultdict(list)
        self._early: defaultdict[str, deque[Event]] = defaultdict(deque)
        self._is_suspended = False
        self._held: list[Event] = []
        self._new_input: str | None = None
        self._carried: list[Event] = []

    def result(self) -> WalkResult:
        return WalkResult(
            decisions=tuple(self._unmatched[number] for number in sorted(self._unmatched)),
            next_id=self._next_id,
            is_finished=self._is_through and not self._open,
            is_suspended=self._is_suspended,
            new_input=self._new_input,
            carried_events=tuple(self._carried),
        )

    # Events

    def receive(self, event: Event) -> None:
        kind = event["EventType"]
        if kind == EventType.ORCHESTRATOR_STARTED:
            self._clock = max(self._clock, datetime.fromisoformat(event["Timestamp"]))
        elif kind in _MATCHES:
            self._match(event)
        elif kind == EventType.EXECUTION_SUSPENDED:
            self._is_suspended = True
        elif kind == EventType.EXECUTION_RESUMED:
            self._resume()
        elif self._is_suspended:
            self._held.append(event)
        else:
            self._apply(event)

    def _resume(self) -> None:
        self._is_suspended = False
        held, self._held = self._held, []
        for event in held:
            self._apply(event)

    def _apply(self, event: Event) -> None:
        kind = event["EventType"]
        if kind == EventType.EXECUTION_STARTED:
            self._advance()
        elif kind in _SETTLES:
            field, succeeded = _SETTLES[kind]
            settle = self._open.pop(event[field], None)
            if settle is not None:  # else a duplicate, or the timer was cancelled
                settle(succeeded)
        elif kind == EventType.EVENT_RAISED:
            self._raise_event(event)

    def _match(self, event: Event) -> None:
        number, expected = event["EventId"], _MATCHES[event["EventType"]]
        decision = self._unmatched.pop(number, None)
        if isinstance(decision, expected) and _name(decision) == str(event.get("Name") or "").lower():
            return
        past = f"{_KINDS[expected]} {event.get('Name') or ''}".rstrip()
        present = "nothing" if decision is None else f"{_KINDS[type(decision)]} {_name(decision)}".rstrip()
        raise NonDeterministicError(
            f"Non-Deterministic workflow detected: decision {number} of this execution was {past}, "
            f"the orchestrator's code now decides for {present}. "
            "Was the code changed while the instance was running?"
        )

    def _raise_event(self, event: Event) -> None:
        if self._new_input is not None:
            self._carried.append(event)
            return
        name = event["Name"].lower()
        if self._waiters[name]:
            self._waiters[name].pop().finish()
        else:
            self._early[name].append(event)

    # Actions

    def _advance(self) -> None:
        """Begin actions until one has to be waited for."""
        while self._position < len(self._actions):
            action = self._actions[self._position]
            self._position += 1
            awaited = self._begin(action)
            if not awaited.is_done:
                awaited.when_done(self._advance)
                return
        self._is_through = True

    def _begin(self, action: Action) -> Await:  # noqa: PLR0911 - one per kind of action
        kind = ActionType(action["actionType"])
        match kind:
            case ActionType.WHEN_ALL:
                return all_of([self._begin(child) for child in action["compoundActions"]])
            case ActionType.WHEN_ANY:
                return any_of([self._begin(child) for child in action["compoundActions"]])
            case ActionType.CALL_ACTIVITY | ActionType.CALL_SUB_ORCHESTRATOR:
                return self._call(action)
            case ActionType.CALL_ACTIVITY_WITH_RETRY | ActionType.CALL_SUB_ORCHESTRATOR_WITH_RETRY:
                return self._call_with_retry(action)
            case ActionType.CREATE_TIMER:
                return self._timer(action["fireAt"], is_cancelled=action.get("isCanceled", False))
            case ActionType.WAIT_FOR_EXTERNAL_EVENT:
                return self._wait_for_event(action["externalEventName"].lower())
            case ActionType.CONTINUE_AS_NEW:
                self._new_input = action["input"]
                return DONE
            case _:
                raise NotSupportedError(f"{kind.name.lower()} is not supported by this host")

    def _call(self, action: Action) -> Await:
        answered = Await()
        self._schedule_call(action, lambda _succeeded: answered.finish())
        return answered

    def _call_with_retry(self, action: Action) -> Await:
        options = action["retryOptions"]
        delay = timedelta(milliseconds=options["firstRetryIntervalInMilliseconds"])
        answered = Await()

        def attempt(attempts_left: int) -> None:
            self._schedule_call(action, partial(settle, attempts_left))

        def settle(attempts_left: int, succeeded: bool) -> None:  # noqa: FBT001 - called by `_open` entries only
            if succeeded:
                answered.finish()
            elif attempts_left:
                self._timer_after(delay).when_done(partial(attempt, attempts_left - 1))
            else:  # the SDK counts on a timer after the last failure, too
                self._timer_after(timedelta()).when_done(answered.finish)

        attempt(options["maxNumberOfAttempts"] - 1)
        return answered

    def _schedule_call(self, action: Action, settle: _Settle) -> None:
        number = self._take_number()
        decision: Decision
        if action["actionType"] in (ActionType.CALL_ACTIVITY, ActionType.CALL_ACTIVITY_WITH_RETRY):
            decision = ScheduleActivity(id=number, name=action["functionName"], input=action.get("input"))
        else:
            decision = StartSubOrchestration(
                id=number,
                name=action["functionName"],
                input=action.get("input"),
                instance_id=action.get("instanceId"),
                version=action.get("version"),
            )
        self._unmatched[number] = decision
        self._open[number] = settle

    def _timer(self, fire_at: str, *, is_cancelled: bool) -> Await:
        due = datetime.fromisoformat(fire_at)
        if not is_cancelled and due - self._clock > LONGEST_TIMER:
            return self._timer_in_steps(due)
        number = self._take_number()
        self._unmatched[number] = SetTimer(id=number, fire_at=fire_at, is_cancelled=is_cancelled)
        if is_cancelled:
            return DONE
        fired = Await()
        self._open[number] = lambda _succeeded: fired.finish()
        return fired

    def _timer_in_steps(self, due: datetime) -> Await:
        fired = Await()

        def step() -> None:
            left = due - self._clock
            if left <= timedelta():
                fired.finish()
            else:
                self._timer_after(TIMER_STEP if left > LONGEST_TIMER else left).when_done(step)

        step()
        return fired

    def _timer_after(self, delay: timedelta) -> Await:
        fire_at = (self._clock + delay).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return self._timer(fire_at, is_cancelled=False)

    def _wait_for_event(self, name: str) -> Await:
        if self._early[name]:
            self._early[name].popleft()
            return DONE
        arrived = Await()
        self._waiters[name].append(arrived)
        return arrived

    def _take_number(self) -> int:
        number = self._next_id
        self._next_id += 1
        return number


def _name(decision: Decision) -> str:
    """Return the name a decision is compared by; timers have none."""
    return "" if isinstance(decision, SetTimer) else decision.name.lower()
