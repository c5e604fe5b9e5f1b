"""The durable engine with a clock that jumps: the real SDK and the embedded host's turns, messages in memory.

Hours pass in milliseconds, and every turn, timer and event is counted. Timers come up to a second early, as in Azure.
"""

import heapq
import itertools
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from azure.functions import OrchestrationContext

from local.functions_host import history
from local.functions_host.commit import fires_at, start_message
from local.functions_host.history import Event, RuntimeStatus
from local.functions_host.storage.orchestrations import Instance, Turn
from local.functions_host.turn import TurnOutcome, run_turn
from tests.local.functions_host.called_directly import called_directly

BEGIN = 1_790_000_000.0

Handle = Callable[[OrchestrationContext], str]
Activity = Callable[[str, Any, float], tuple[float, Any]]
"""Given name, input and time: how many seconds it takes, and what it answers, or the exception that it ends with."""


@dataclass
class Execution:
    """One instance: its current execution, what it has been told, what it still has to be told."""

    instance: Instance
    events: list[Event] = field(default_factory=list)
    inbox: list[Event] = field(default_factory=list)
    children: int = 0


class VirtualEngine:
    """Runs orchestrations to their end."""

    def __init__(self, handles: dict[str, Handle], activity: Activity, *, version: str = "2.2") -> None:
        self.now = BEGIN
        self.instances: dict[str, Execution] = {}
        self.turns: Counter[str] = Counter()
        self.timers: Counter[tuple[str, str]] = Counter()
        self.wake_ups = 0
        self.longest_history = 0
        # Seconds by which an instance stirred later than its custom status had said.
        self.latest_stir = float("-inf")
        self.calls: list[tuple[float, str, Any]] = []
        self._handles, self._activity, self._version = handles, activity, version
        self._due: list[tuple[float, int, str, str, Event]] = []
        self._order = itertools.count()

    def start(self, name: str, given: object, instance_id: str, parent: Event | None = None) -> None:
        instance = Instance(
            instance_id=instance_id,
            execution_id=f"{instance_id}:{next(self._order)}",
            name=name,
            version=self._version,
            raw_input=json.dumps(json.dumps(given)),
            created_at=self.now,
            updated_at=self.now,
            parent=parent,
        )
        self.instances[instance_id] = Execution(instance)
        self._post(self.now, instance, start_message(instance).event)

    def run(self, *, until: float = float("inf")) -> None:
        """Go on until nothing is left to happen."""
        while self._due and self._due[0][0] <= until:
            self.now = max(self.now, self._due[0][0])
            told = set()
            while self._due and self._due[0][0] <= self.now:
                _, _, instance_id, execution_id, event = heapq.heappop(self._due)
                execution = self.instances[instance_id]
                if execution.instance.execution_id == execution_id and not execution.instance.status.is_final:
                    execution.inbox.append(event)
                    told.add(instance_id)
            self.wake_ups += len(told)
            for instance_id in sorted(told):
                self._turn(self.instances[instance_id])

    def output(self, instance_id: str) -> Any:
        instance = self.instances[instance_id].instance
        assert instance.status is RuntimeStatus.COMPLETED, (instance.status, instance.output)
        return json.loads(instance.output or "null")

    def status(self, instance_id: str) -> Any:
        return json.loads(self.instances[instance_id].instance.custom_status or "null")

    def _post(self, at: float, instance: Instance, event: Event) -> None:
        heapq.heappush(self._due, (at, next(self._order), instance.instance_id, instance.execution_id, event))

    def _turn(self, execution: Execution) -> None:
        messages, execution.inbox = tuple(execution.inbox), []
        self.turns[execution.instance.name] += 1
        if promised := (json.loads(execution.instance.custom_status or "null") or {}).get("stirs_by"):
            self.latest_stir = max(self.latest_stir, self.now - promised)
        so_far = json.dumps(execution.events)[1:-1]
        turn = Turn(instance=execution.instance, number=0, history=so_far, messages=messages, consumed=())
        outcome = run_turn(turn, called_directly(self._handles[execution.instance.name]), self.now)
        execution.instance = outcome.instance
        execution.events += json.loads(json.dumps(outcome.events))
        self.longest_history = max(self.longest_history, len(execution.events))
        self._follow(execution, outcome)

    def _follow(self, execution: Execution, outcome: TurnOutcome) -> None:
        instance = execution.instance
        if outcome.new_input is not None:
            fresh = f"{instance.instance_id}:{next(self._order)}"
            execution.instance = replace(instance, execution_id=fresh, raw_input=outcome.new_input)
            execution.events = []
            self._post(self.now, execution.instance, start_message(execution.instance).event)
            return
        for activity in outcome.activities:
            given = json.loads(activity.input or "null")
            self.calls.append((self.now, activity.name, given))
            seconds, answer = self._activity(activity.name, given, self.now)
            at = self.now + seconds
            event = (
                history.task_failed(
                    at, activity.id, f"Activity function '{activity.name}' failed:  {answer}", ""
                )
                if isinstance(answer, Exception)
                else history.task_completed(at, activity.id, json.dumps(answer))
            )
            self._post(at, instance, event)
        for timer in outcome.timers:
            self.timers[instance.execution_id, timer.fire_at] += 1
            at = fires_at(timer.fire_at, self.now)
            self._post(at, instance, history.timer_fired(at, timer.id, timer.fire_at))
        for child in outcome.children:
            parent = history.parent_instance(instance.instance_id, instance.execution_id, child.task_id)
            self.start(child.name, json.loads(json.loads(child.raw_input)), child.instance_id, parent)
        if instance.status.is_final and instance.parent:
            self._answer_parent(instance)

    def _answer_parent(self, instance: Instance) -> None:
        assert instance.parent
        task_id, parent = instance.parent["TaskScheduleId"], instance.parent["OrchestrationInstance"]
        event = (
            history.sub_orchestration_completed(self.now, task_id, instance.output)
            if instance.status is RuntimeStatus.COMPLETED
            else history.sub_orchestration_failed(self.now, task_id, json.loads(instance.output or '""'), "")
        )
        self._post(self.now, self.instances[parent["InstanceId"]].instance, event)
