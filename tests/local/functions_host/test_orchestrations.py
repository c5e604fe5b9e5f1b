"""Orchestrations run through the real SDK inside a real host."""

from tests.local.functions_host.running_host import RunningHost


def test_an_orchestration_returns_its_activities_results(basic: RunningHost) -> None:
    assert basic.run("fan_out", 10)["output"] == 285


def test_async_activities_run_one_after_another(basic: RunningHost) -> None:
    assert basic.run("sequence", 5)["output"] == 5


def test_a_durable_timer_wakes_the_orchestration_no_earlier_than_asked(basic: RunningHost) -> None:
    assert basic.run("sleep", 50)["output"] >= 0.05


def test_sub_orchestrations_answer_their_parent(basic: RunningHost) -> None:
    assert basic.run("parent", [3, 1, 2])["output"] == [3, 1, 2]


def test_continue_as_new_runs_generation_after_generation(basic: RunningHost) -> None:
    outcome = basic.run("count_down", 20)

    assert outcome["output"] == "lift-off"
    assert outcome["input"] == "0"


def test_an_http_function_starts_orchestrations_with_the_sdks_client(basic: RunningHost) -> None:
    response = basic.post("/api/start/fan_out?id=by-http", data="3")

    assert response.status_code == 202
    assert response.json()["id"] == "by-http"
    assert basic.outcome("by-http")["output"] == 5
