"""Writing a turn's outcome: everything in one transaction, so a killed host has either the whole turn or none of it."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from json import loads
from math import floor

from local.functions_host import history
from local.functions_host.failures import child_details
from local.functions_host.history import Event, RuntimeStatus, moment_of
from local.functions_host.storage.database import Database
from local.functions_host.storage.orchestrations import (
    ActivityTask,
    Instance,
    Message,
    OrchestrationStore,
    Turn,
)
from local.functions_host.turn import ChildStart, TurnOutcome

FIRST = 0.0
"""Moment of messages that come before all others: the start of an execution and what it inherits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What has to be set in motion after a turn has been written."""

    activities: list[ActivityTask] = field(default_factory=list)
    wake: list[tuple[float, str]] = field(default_factory=list)
    """Moments, and the instances to wake then."""


class TurnCommit:
    """Writes outcomes of turns."""

    def __init__(self, database: Database, store: OrchestrationStore, default_version: str) -> None:
        self._database = database
        self._store = store
        self._default_version = default_version

    def write(self, turn: Turn, outcome: TurnOutcome, now: float) -> Effects:
        """Write an outcome and return what follows from it: nothing if a child has taken the instance's place meanwhile."""
        effects = Effects()
        with self._database.transaction():
            current = self._store.find(turn.instance.instance_id)
            if current is None or current.execution_id != turn.instance.execution_id:
                return effects
            self._store.consume(turn)
            if outcome.new_input is not None:
                self._begin_next_execution(outcome, outcome.new_input, now, effects)
            else:
                self._continue_execution(turn, outcome, now, effects)
        return effects

    def start(self, instance: Instance, *, replaces: bool) -> None:
        """Write a fresh instance with the message that starts it, maybe in place of a finished one of its id."""
        if replaces:
            self._store.forget(instance.instance_id)
        self._store.save(instance)
        self._store.post([start_message(instance)])

    def _begin_next_execution(
        self, outcome: TurnOutcome, new_input: str, now: float, effects: Effects
    ) -> None:
        instance = replace(
            outcome.instance, execution_id=uuid.uuid4().hex, raw_input=new_input, updated_at=now
        )
        self._store.end_execution(outcome.instance)
        self._store.save(instance)
        self._store.post([start_message(instance), *_inherited(instance, outcome.carried_events)])
        effects.wake.append((now, instance.instance_id))

    def _continue_execution(self, turn: Turn, outcome: TurnOutcome, now: float, effects: Effects) -> None:
        instance = outcome.instance
        self._store.append_history(turn, outcome.events)
        self._store.save(instance)
        if outcome.activities:
            calls = [(call.id, call.name, call.input) for call in outcome.activities]
            effects.activities.extend(self._store.add_activities(instance, calls))
        for timer in outcome.timers:
            moment = fires_at(timer.fire_at, now)
            event = history.timer_fired(moment, timer.id, timer.fire_at)
            self._store.post([_answer_to(instance.instance_id, instance.execution_id, event, moment)])
            effects.wake.append((moment, instance.instance_id))
        for child in outcome.children:
            self._start_child(instance, child, now, effects)
        if instance.status.is_final:
            self._store.clear_inbox(instance.instance_id)
            self._answer_parent(instance, now, effects)

    def _start_child(self, parent: Instance, child: ChildStart, now: float, effects: Effects) -> None:
        # A child takes the place of whatever has its id, be it running: nothing looks, in the extension neither.
        existing = self._store.find(child.instance_id)
        self.start(
            Instance(
                instance_id=child.instance_id,
                execution_id=uuid.uuid4().hex,
                name=child.name,
                version=self._default_version if child.version is None else child.version,
                raw_input=child.raw_input,
                created_at=now,
                updated_at=now,
                parent=history.parent_instance(parent.instance_id, parent.execution_id, child.task_id),
            ),
            replaces=existing is not None,
        )
        effects.wake.append((now, child.instance_id))

    def _answer_parent(self, instance: Instance, now: float, effects: Effects) -> None:
        if instance.parent is None:
            return
        task_id, parent = instance.parent["TaskScheduleId"], instance.parent["OrchestrationInstance"]
        if instance.status is RuntimeStatus.COMPLETED:
            event = history.sub_orchestration_completed(now, task_id, instance.output)
        else:
            reason = loads(instance.output or '""')
            event = history.sub_orchestration_failed(now, task_id, reason, child_details(reason))
        self._store.post([_answer_to(parent["InstanceId"], parent["ExecutionId"], event, now)])
        effects.wake.append((now, parent["InstanceId"]))


def fires_at(fire_at: str, now: float) -> float:
    """Give the moment at which a timer fires: up to a second early, as in Azure.

    There it is a message of a queue, hidden for whole seconds; what is left of the last one is cut off (Azure/durabletask,
    TaskHubQueue.cs; read 2026-11).
    """
    return now + max(0, floor(moment_of(fire_at) - now))


def start_message(instance: Instance) -> Message:
    """Build the message that starts an instance's current execution."""
    event = history.execution_started(
        instance.updated_at,
        name=instance.name,
        version=instance.version,
        raw_input=instance.raw_input,
        instance_id=instance.instance_id,
        execution_id=instance.execution_id,
        parent=instance.parent,
    )
    return _answer_to(instance.instance_id, instance.execution_id, event, FIRST)


def _inherited(instance: Instance, events: tuple[Event, ...]) -> Iterator[Message]:
    for event in events:
        yield Message(instance_id=instance.instance_id, event=event, visible_at=FIRST)


def _answer_to(instance_id: str, execution_id: str, event: Event, moment: float) -> Message:
    return Message(instance_id=instance_id, execution_id=execution_id, event=event, visible_at=moment)
