"""The state file: what belongs together is written together, what is stale is dropped."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.functions_host import history
from local.functions_host.commit import Effects, TurnCommit
from local.functions_host.decisions import ScheduleActivity, SetTimer
from local.functions_host.errors import StateError
from local.functions_host.history import Event, EventType, RuntimeStatus
from local.functions_host.storage.database import Database
from local.functions_host.storage.orchestrations import Instance, Message, OrchestrationStore, Turn
from local.functions_host.turn import TurnOutcome

NOW = 1_800_000_000.0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "state.sqlite3")
    yield database
    database.close()


@pytest.fixture
def store(database: Database) -> OrchestrationStore:
    return OrchestrationStore(database)


@pytest.fixture
def commit(database: Database, store: OrchestrationStore) -> TurnCommit:
    return TurnCommit(database, store, "1.0")


def instance(**changes: Any) -> Instance:
    values: dict[str, Any] = {"instance_id": "i", "execution_id": "e1", "name": "run", "version": ""}
    return Instance(**{**values, "created_at": NOW, "updated_at": NOW, **changes})


def started(store: OrchestrationStore, commit: TurnCommit) -> Turn:
    commit.start(instance(), replaces=False)
    turn = store.next_turn("i", NOW)
    assert turn is not None
    return turn


def outcome(turn: Turn, *events: Event, **changes: Any) -> TurnOutcome:
    status = changes.pop("status", RuntimeStatus.RUNNING)
    return TurnOutcome(instance=instance(status=status), events=(*turn.messages, *events), **changes)


def raised(name: str) -> Event:
    return history.event_raised(NOW, name, "1")


def test_an_instance_comes_back_as_it_was_saved(store: OrchestrationStore) -> None:
    saved = instance(
        status=RuntimeStatus.FAILED,
        raw_input='"1"',
        output='"no"',
        custom_status="{}",
        parent=history.parent_instance("p", "e", 3),
    )
    store.save(saved)

    assert store.find("i") == saved
    assert store.find("nobody") is None


def test_messages_come_in_order_and_timers_when_they_are_due(
    store: OrchestrationStore, commit: TurnCommit
) -> None:
    turn = started(store, commit)
    timer = SetTimer(id=0, fire_at=history.wire_time(NOW + 5), is_cancelled=False)
    commit.write(turn, outcome(turn, timers=(timer,)), NOW)
    store.post([Message(instance_id="i", event=raised(name), visible_at=NOW + 1) for name in "ab"])

    early, late = store.next_turn("i", NOW + 4.9), store.next_turn("i", NOW + 5)
    assert early is not None
    assert [event.get("Name") for event in early.messages] == ["a", "b"]
    assert late is not None
    assert [event["EventType"] for event in late.messages] == [15, 15, 11]


def test_a_turn_that_is_not_written_is_there_again(store: OrchestrationStore, commit: TurnCommit) -> None:
    turn = started(store, commit)

    assert store.next_turn("i", NOW) == turn


def test_past_events_count_as_played_but_for_decisions_and_the_bookends_of_turns(
    store: OrchestrationStore, commit: TurnCommit
) -> None:
    turn = started(store, commit)
    events = (
        history.orchestrator_started(NOW),
        history.task_failed(NOW, 0, "reason", "details"),
        history.task_scheduled(NOW, 1, "work"),
        history.timer_created(NOW, 2, history.wire_time(NOW)),
        history.orchestrator_completed(NOW),
    )
    commit.write(turn, outcome(turn, *events), NOW)

    played = {event["EventType"] for event in store.history("i") if event["IsPlayed"]}
    assert played == {EventType.TASK_FAILED, EventType.EXECUTION_STARTED}


def test_an_error_in_the_middle_of_a_turn_leaves_nothing_behind(
    database: Database, store: OrchestrationStore, commit: TurnCommit
) -> None:
    turn = started(store, commit)
    bad_timer = SetTimer(id=1, fire_at="not a time", is_cancelled=False)
    activity = ScheduleActivity(id=0, name="work", input=None)
    with pytest.raises(ValueError, match="not a time"):
        commit.write(turn, outcome(turn, activities=(activity,), timers=(bad_timer,)), NOW)

    assert store.open_activities() == []
    assert store.next_turn("i", NOW) == turn


def test_a_turn_of_an_instance_whose_place_was_taken_meanwhile_is_dropped(
    store: OrchestrationStore, commit: TurnCommit
) -> None:
    turn = started(store, commit)
    child = instance(execution_id="e2", name="child")
    commit.start(child, replaces=True)
    call = ScheduleActivity(id=0, name="work", input="1")

    assert commit.write(turn, outcome(turn, activities=(call,)), NOW) == Effects()
    assert store.find("i") == child
    upcoming = store.next_turn("i", NOW)
    assert upcoming is not None
    assert [event.get("Name") for event in upcoming.messages] == ["child"]


def test_activities_are_kept_until_they_are_answered(store: OrchestrationStore, commit: TurnCommit) -> None:
    turn = started(store, commit)
    calls = tuple(ScheduleActivity(id=number, name="work", input="1") for number in range(3))
    tasks = commit.write(turn, outcome(turn, activities=calls), NOW).activities
    answers = [(task, history.task_completed(NOW, task.task_id, "1")) for task in tasks[:2]]
    store.answer_activities(answers, NOW)

    assert store.open_activities() == tasks[2:]
    upcoming = store.next_turn("i", NOW)
    assert upcoming is not None
    assert [event["TaskScheduledId"] for event in upcoming.messages] == [0, 1]


def test_the_next_execution_gets_carried_events_first_and_no_mail_of_the_last(
    database: Database, store: OrchestrationStore, commit: TurnCommit
) -> None:
    turn = started(store, commit)
    stale_timer = history.timer_fired(NOW, 0, history.wire_time(NOW))
    store.post(
        [
            Message(instance_id="i", event=raised("after"), visible_at=NOW),
            Message(instance_id="i", execution_id="e1", event=stale_timer, visible_at=NOW + 1000),
        ]
    )
    commit.write(turn, outcome(turn, new_input='"2"', carried_events=(raised("carried"),)), NOW)

    upcoming = store.next_turn("i", NOW)
    assert upcoming is not None
    assert [event.get("Name") for event in upcoming.messages] == ["run", "carried", "after"]
    assert (upcoming.history, upcoming.instance.raw_input) == ("", '"2"')
    assert upcoming.instance.execution_id != "e1"
    assert all(moment < NOW + 1000 for _, moment in store.wake_times())


def test_an_answer_to_an_execution_that_is_over_is_dropped(
    database: Database, store: OrchestrationStore, commit: TurnCommit
) -> None:
    turn = started(store, commit)
    commit.write(turn, outcome(turn), NOW)
    late = history.task_completed(NOW, 0, "1")
    store.post([Message(instance_id="i", execution_id="e0", event=late, visible_at=NOW)])

    assert store.next_turn("i", NOW) is None
    assert store.wake_times() == []


def test_a_finished_instance_has_no_mail(store: OrchestrationStore, commit: TurnCommit) -> None:
    turn = started(store, commit)
    commit.write(turn, outcome(turn, status=RuntimeStatus.COMPLETED), NOW)
    store.post([Message(instance_id="i", event=raised("late"), visible_at=NOW)])

    assert store.next_turn("i", NOW) is None
    assert store.wake_times() == []


def test_a_state_file_of_another_version_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "state.sqlite3") as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()

    with pytest.raises(StateError, match="is of version 99"):
        Database(tmp_path / "state.sqlite3")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite3").write_text("something else" * 1000)

    with pytest.raises(StateError, match="file is not a database"):
        Database(tmp_path / "state.sqlite3")
