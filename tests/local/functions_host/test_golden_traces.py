"""Whole executions through the real SDK, turn by turn, as the histories the Durable extension would write.

A trace is one line per turn: event numbers, `(id)` for decisions, `(id<-)` for what answers them.
"""

import importlib.util
import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.functions_host import history
from local.functions_host.decisions import ScheduleActivity
from local.functions_host.history import Event, EventType, RuntimeStatus
from local.functions_host.storage.orchestrations import Instance, Turn
from local.functions_host.turn import TurnOutcome, run_turn
from tests.local.functions_host.called_directly import called_directly
from tests.local.functions_host.conftest import APPS

NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def handles() -> dict[str, Any]:
    """What the SDK makes of the orchestrators in apps/basic."""
    spec = importlib.util.spec_from_file_location("basic_app", APPS / "basic" / "function_app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {
        function.get_function_name(): called_directly(function.get_user_function())
        for function in module.app.get_functions()
    }


class Execution:
    """Drives one orchestrator by hand: turns out, messages in."""

    def __init__(self, handles: dict[str, Any], name: str, argument: Any = None) -> None:
        self.handle = handles[name]
        raw_input = json.dumps(json.dumps(argument))
        self.instance = Instance(
            instance_id="i",
            execution_id="e",
            name=name,
            version="",
            raw_input=raw_input,
            created_at=NOW,
            updated_at=NOW,
        )
        self.turns: list[tuple[Event, ...]] = []
        started = history.execution_started(
            NOW, name=name, version="", raw_input=raw_input, instance_id="i", execution_id="e", parent=None
        )
        self.last = self.turn(started)

    def turn(self, *messages: Event) -> TurnOutcome:
        past = [{**event, "IsPlayed": True} for events in self.turns for event in events]
        turn = Turn(
            instance=self.instance,
            number=len(self.turns),
            history=json.dumps(past)[1:-1],
            messages=messages,
            consumed=(),
        )
        self.last = run_turn(turn, self.handle, NOW + len(self.turns))
        self.instance = self.last.instance
        self.turns.append(self.last.events)
        return self.last

    def fire_timers(self) -> TurnOutcome:
        return self.turn(*(history.timer_fired(NOW, timer.id, timer.fire_at) for timer in self.last.timers))

    def trace(self) -> list[str]:
        return [" ".join(notation(events)) for events in self.turns]


def notation(events: tuple[Event, ...]) -> Iterator[str]:
    for event in events:
        answered = event.get("TaskScheduledId", event.get("TimerId"))
        if answered is not None:
            yield f"{event['EventType']}({answered}<-)"
        elif event["EventId"] >= 0:
            yield f"{event['EventType']}({event['EventId']})"
        else:
            yield str(event["EventType"])


def completed(number: int, result: Any) -> Event:
    return history.task_completed(NOW, number, json.dumps(result))


def failed(number: int, message: str) -> Event:
    return history.task_failed(NOW, number, f"Activity function 'a' failed:  ValueError: {message}", "{}")


def test_fan_out(handles: dict[str, Any]) -> None:
    execution = Execution(handles, "fan_out", 3)
    activities = execution.last.activities
    execution.turn(completed(1, 1))
    execution.turn(completed(0, 0), completed(2, 4))

    assert activities == tuple(ScheduleActivity(id=n, name="square", input=str(n)) for n in range(3))
    assert execution.trace() == [
        "12 0 4(0) 4(1) 4(2) 13",
        "12 5(1<-) 13",
        "12 5(0<-) 5(2<-) 1(3) 13",
    ]
    assert execution.instance.output == "5"


def test_a_retried_activity_that_succeeds_at_last(handles: dict[str, Any]) -> None:
    execution = Execution(handles, "retried", 2)
    execution.turn(failed(0, "1"))
    execution.fire_timers()
    execution.turn(failed(2, "2"))
    execution.fire_timers()
    execution.turn(completed(4, "ok after 3"))

    assert execution.trace() == [
        "12 0 4(0) 13",
        "12 6(0<-) 10(1) 13",
        "12 11(1<-) 4(2) 13",
        "12 6(2<-) 10(3) 13",
        "12 11(3<-) 4(4) 13",
        "12 5(4<-) 1(5) 13",
    ]
    assert execution.instance.output == '"ok after 3"'


def test_a_retried_activity_that_fails_for_good(handles: dict[str, Any]) -> None:
    execution = Execution(handles, "retried", 9)
    for number in (0, 2, 4):
        execution.turn(failed(number, str(number)))
        execution.fire_timers()

    assert execution.trace()[-2:] == ["12 6(4<-) 10(5) 13", "12 11(5<-) 1(6) 13"]
    assert execution.instance.status is RuntimeStatus.FAILED


def test_sub_orchestrations(handles: dict[str, Any]) -> None:
    execution = Execution(handles, "parent", [5, 6])
    children = execution.last.children
    execution.turn(
        history.sub_orchestration_completed(NOW, 0, "5"), history.sub_orchestration_completed(NOW, 1, "6")
    )

    assert [(child.instance_id, child.raw_input) for child in children] == [("e:0", '"5"'), ("e:1", '"6"')]
    assert execution.trace() == ["12 0 7(0) 7(1) 13", "12 8(0<-) 8(1<-) 1(2) 13"]


def test_a_timer(handles: dict[str, Any]) -> None:
    execution = Execution(handles, "sleep", 250)
    (timer,) = execution.last.timers
    execution.fire_timers()

    assert timer.fire_at == history.wire_time(NOW + 0.25)
    assert execution.trace() == ["12 0 10(0) 13", "12 11(0<-) 1(1) 13"]


def test_an_event_against_a_cancelled_timer(handles: dict[str, Any]) -> None:
    execution = Execution(handles, "approval")
    execution.turn(history.event_raised(NOW, "approved", '"yes"'))

    assert execution.trace() == ["12 0 10(0) 13", "12 15 1(1) 13"]
    assert execution.instance.custom_status == '{"waiting for":"approval"}'
    assert execution.instance.output == '"yes"'


def test_continue_as_new(handles: dict[str, Any]) -> None:
    execution = Execution(handles, "count_down", 3)
    execution.turn(completed(0, 1))

    assert execution.last.new_input == '"2"'
    assert execution.trace() == ["12 0 4(0) 13", "12 5(0<-) 16(1) 13"]


def test_a_generation_that_awaits_an_event_carries_the_ones_that_follow(handles: dict[str, Any]) -> None:
    execution = Execution(handles, "collector", [])
    execution.turn(*(history.event_raised(NOW, "item", text) for text in ('"a"', '"b"')))

    assert json.loads(json.loads(execution.last.new_input or "")) == ["a"]
    assert [event["Input"] for event in execution.last.carried_events] == ['"b"']


def test_a_terminated_execution_ends_at_once(handles: dict[str, Any]) -> None:
    execution = Execution(handles, "fan_out", 2)
    execution.turn(completed(0, 0), history.execution_terminated(NOW, "enough"))

    assert execution.trace()[-1] == "12 5(0<-) 3 1(0) 13"
    assert (execution.instance.status, execution.instance.output) == (RuntimeStatus.TERMINATED, '"enough"')


def test_a_suspended_execution_records_what_comes_and_begins_nothing(handles: dict[str, Any]) -> None:
    execution = Execution(handles, "sequence", 2)
    paused = execution.turn(history.execution_suspended(NOW, ""), completed(0, 1))
    resumed = execution.turn(history.execution_resumed(NOW, ""))

    assert execution.trace() == ["12 0 4(0) 13", "12 19 5(0<-) 13", "12 20 4(1) 13"]
    assert [turn.instance.status for turn in (paused, resumed)] == ["Suspended", "Running"]


def test_only_the_newest_turns_messages_count_as_not_played(handles: dict[str, Any]) -> None:
    execution = Execution(handles, "sequence", 2)
    execution.turn(completed(0, 1))

    assert all(not event["IsPlayed"] for event in execution.last.events)
    assert execution.last.events[0]["EventType"] == EventType.ORCHESTRATOR_STARTED
