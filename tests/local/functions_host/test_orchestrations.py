"""Orchestrations run through the real SDK inside a real host."""

import json
from datetime import UTC, datetime

import pytest

from local.functions_host.commit import fires_at
from tests.local.functions_host.running_host import MANAGEMENT, RunningHost


def test_an_orchestration_returns_its_activities_results(basic: RunningHost) -> None:
    assert basic.run("fan_out", 10)["output"] == 285


def test_async_activities_run_one_after_another(basic: RunningHost) -> None:
    assert basic.run("sequence", 5)["output"] == 5


def test_an_orchestrator_that_awaits_nothing_is_done_in_one_turn(basic: RunningHost) -> None:
    assert basic.run("not_awaiting", "all")["output"] == "all in one turn, version None"


def test_a_durable_timer_wakes_the_orchestration_at_most_a_second_before_its_time(basic: RunningHost) -> None:
    assert basic.run("sleep", 2500)["output"] >= 1.5


@pytest.mark.parametrize(("asked", "waits"), [(-3.0, 0), (0.0, 0), (0.9, 0), (1.0, 1), (1.9, 1), (60.5, 60)])
def test_of_a_timer_whole_seconds_count_and_the_rest_is_cut_off(asked: float, waits: int) -> None:
    now = 1_790_000_000.0
    fire_at = datetime.fromtimestamp(now + asked, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert fires_at(fire_at, now) == now + waits


def test_sub_orchestrations_answer_their_parent(basic: RunningHost) -> None:
    assert basic.run("parent", [3, 1, 2])["output"] == [3, 1, 2]


def test_continue_as_new_runs_generation_after_generation(basic: RunningHost) -> None:
    outcome = basic.run("count_down", 20)

    assert outcome["output"] == "lift-off"
    assert outcome["input"] == "0"
    assert basic.event_types(outcome["instanceId"]) == ["ExecutionStarted", "ExecutionCompleted"]


def test_each_generation_gets_the_event_that_was_raised_for_it(basic: RunningHost) -> None:
    instance_id = basic.begin("collector", [])

    def collected() -> list[str]:
        return list(json.loads((basic.instance(instance_id) or {})["input"]))

    for item in ("a", "b", "c"):
        basic.wait_for(lambda item=item: collected() == ["a", "b", "c"][: "abc".index(item)])  # type: ignore[misc]
        basic.raise_event(instance_id, "item", item)

    assert basic.outcome(instance_id)["output"] == ["a", "b", "c"]


def test_an_activity_is_retried_until_it_succeeds(basic: RunningHost) -> None:
    outcome = basic.run("retried", 2)

    assert outcome["output"] == "call 3"
    assert basic.event_types(outcome["instanceId"]).count("TaskFailed") == 2


def test_an_activity_that_keeps_failing_fails_the_orchestration_after_its_last_attempt(
    basic: RunningHost,
) -> None:
    outcome = basic.run("retried", 9)

    assert outcome["runtimeStatus"] == "Failed"
    assert outcome["output"].startswith(
        "Orchestrator function 'retried' failed: Activity function 'fail_first' failed:  ValueError: call 3 \n "
    )
    # One more than there were retries.
    assert basic.event_types(outcome["instanceId"]).count("TimerFired") == 3


def test_a_sub_orchestration_is_retried_under_a_new_id(basic: RunningHost) -> None:
    assert basic.run("retried_child", None)["output"] == "call 3"


def test_a_failed_sub_orchestration_raises_in_its_parent(basic: RunningHost) -> None:
    message = basic.run("careful_parent")["output"]

    assert message.startswith(
        "Orchestrator function 'failing_child' failed: Activity function 'fail_first' failed:  "
    )
    assert "ValueError: call 1" in message


def test_a_child_may_have_an_id_of_its_own(basic: RunningHost) -> None:
    assert basic.run("child_with_id", "my-child")["output"] == 1
    assert (basic.instance("my-child") or {})["output"] == 1


def test_an_external_event_wins_against_a_timer(basic: RunningHost) -> None:
    instance_id = basic.begin("approval")
    basic.wait_for(lambda: basic.event_types(instance_id) == ["ExecutionStarted", "TimerCreated"])
    assert (basic.instance(instance_id) or {})["customStatus"] == {"waiting for": "approval"}
    basic.raise_event(instance_id, "Approved", {"by": "me"})  # the host ignores case …

    assert "ExecutionCompleted" not in basic.event_types(instance_id)  # … the SDK does not
    basic.raise_event(instance_id, "approved", {"by": "you"})
    assert basic.outcome(instance_id)["output"] == {"by": "you"}


def test_an_orchestrators_exception_fails_the_instance_and_is_logged_with_its_own_lines(
    basic: RunningHost,
) -> None:
    outcome = basic.run("raising")

    assert outcome["output"] == "Orchestrator function 'raising' failed: no way"
    assert 'raise ValueError("no way")' in basic.log


def test_an_unknown_activity_fails_instead_of_hanging(basic: RunningHost) -> None:
    assert "there is no activity function named 'nobody'" in basic.run("calls_nobody")["output"]


def test_unsupported_actions_are_refused_by_name(basic: RunningHost) -> None:
    assert "call_entity is not supported by this host" in basic.run("calls_an_entity")["output"]
    assert "call_http is not supported by this host" in basic.run("calls_http")["output"]


def test_payloads_of_megabytes_pass(basic: RunningHost) -> None:
    assert basic.run("big_payload")["output"] == 5_000_000


def test_an_http_function_starts_orchestrations_with_the_sdks_client(basic: RunningHost) -> None:
    response = basic.post("/api/start/fan_out?id=by-http", data="3")

    assert response.status_code == 202
    assert response.json()["id"] == "by-http"
    assert response.json()["statusQueryGetUri"].startswith(f"{basic.origin}{MANAGEMENT}/instances/by-http?")
    assert basic.outcome("by-http")["output"] == 5
