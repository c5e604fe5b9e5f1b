"""The known pitfalls of the Durable SDK 1.x happen here as they do in Azure.

These tests do not say what is right. They say that an orchestrator which steps into one of them is found out on a
laptop, and they fail when a new SDK no longer has the pitfall.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.local.functions_host.conftest import MakeHost
from tests.local.functions_host.running_host import RunningHost


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder whose files let activities go on."""
    return tmp_path_factory.mktemp("gates")


@pytest.fixture(scope="module")
def host(make_host: MakeHost, gates: Path) -> RunningHost:
    return make_host("pitfalls", GATES=str(gates)).start()


def completion(host: RunningHost, instance_id: str, result: str) -> dict[str, Any]:
    """The event that brought an activity's result; it also tells when the activity was scheduled."""
    answers = [event for event in host.history(instance_id) if "FunctionName" in event]
    [event] = [event for event in answers if event.get("Result") == result]
    return event


def test_a_retried_call_that_lost_a_race_makes_later_work_look_non_deterministic(
    host: RunningHost, gates: Path
) -> None:
    instance_id = host.begin("retry_beside_a_race")
    host.wait_for(lambda: "TaskCompleted" in host.event_types(instance_id))
    (gates / "race-is-over").touch()
    outcome = host.outcome(instance_id)

    assert outcome["runtimeStatus"] == "Failed"
    assert "Non-Deterministic workflow detected" in outcome["output"]


def test_a_retried_call_that_lost_a_race_swaps_results_of_one_activity(
    host: RunningHost, gates: Path
) -> None:
    instance_id = host.begin("retry_beside_a_race_of_one_name")
    host.wait_for(lambda: "TaskFailed" in host.event_types(instance_id))
    (gates / "call-has-failed").touch()
    outcome = host.outcome(instance_id)

    assert outcome["runtimeStatus"] == "Completed"
    assert outcome["output"] == ["the retried call", "the retried call"]


def test_a_caught_failure_among_retried_calls_is_raised_again_by_the_next_call(host: RunningHost) -> None:
    outcome = host.run("caught_failure_of_retries")

    assert outcome["runtimeStatus"] == "Failed"
    assert "ValueError: late" in outcome["output"]


def test_after_a_failed_task_all_nothing_starts_until_its_siblings_end(
    host: RunningHost, gates: Path
) -> None:
    instance_id = host.begin("failure_beside_a_slow_sibling")
    host.wait_for(lambda: "TaskFailed" in host.event_types(instance_id))
    (gates / "sibling").touch()
    host.outcome(instance_id)

    sibling, after = (completion(host, instance_id, result) for result in ("sibling", "after"))
    assert after["ScheduledTime"] >= sibling["Timestamp"]


def test_of_two_early_events_the_first_is_lost_and_the_second_comes_twice(host: RunningHost) -> None:
    instance_id = host.begin("late_listener")
    host.raise_event(instance_id, "data", "first")
    host.raise_event(instance_id, "data", "second")
    host.raise_event(instance_id, "begin", {})

    assert host.outcome(instance_id)["output"] == ["second", "second"]


def test_an_event_spelt_in_another_case_is_swallowed(host: RunningHost) -> None:
    instance_id = host.begin("case_sensitive_listener")
    host.raise_event(instance_id, "go", "lost")
    host.wait_for(lambda: "TaskId: go" in host.log)  # the SDK has seen it, and knows no task of that name
    assert "ExecutionCompleted" not in host.event_types(instance_id)
    host.raise_event(instance_id, "Go", "found")

    assert host.outcome(instance_id)["output"] == "found"


def test_a_timer_nobody_cancels_keeps_the_instance_running(host: RunningHost) -> None:
    outcome = host.run("forgotten_timer", {"timer": 300, "cancel": False})

    assert "TimerFired" in host.event_types(outcome["instanceId"])


def test_a_cancelled_timer_lets_the_instance_end(host: RunningHost) -> None:
    outcome = host.run("forgotten_timer", {"timer": 3_600_000, "cancel": True})

    assert outcome["output"] == "done"


def test_a_sliding_window_waits_for_its_newest_task(host: RunningHost, gates: Path) -> None:
    instance_id = host.begin("sliding_window")
    host.wait_for(lambda: host.event_types(instance_id).count("TaskCompleted") == 1)
    (gates / "second").touch()
    host.wait_for(lambda: host.event_types(instance_id).count("TaskCompleted") == 2)
    (gates / "third").touch()  # there has been room for the fourth since the second ended
    host.outcome(instance_id)

    third, fourth = (completion(host, instance_id, result) for result in ("third", "fourth"))
    assert fourth["ScheduledTime"] >= third["Timestamp"]
