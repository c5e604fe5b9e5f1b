"""Limits of host.json: how many activities at once, and for how long."""

from pathlib import Path

import pytest

from tests.local.functions_host.conftest import MakeHost
from tests.local.functions_host.running_host import RunningHost


@pytest.fixture(scope="module")
def gates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gates")


@pytest.fixture(scope="module")
def host(make_host: MakeHost, gates: Path) -> RunningHost:
    return make_host("limits", GATES=str(gates)).start()


def test_as_many_activities_run_at_once_as_allowed(host: RunningHost) -> None:
    assert host.run("pairs")["output"] == [2] * 6  # fewer would wait for ever, more would be counted


def test_the_apps_log_lines_name_their_function(host: RunningHost) -> None:
    host.run("pairs")

    assert "INFO    [in_pairs] call 0 had company" in host.log


def test_a_sync_activity_that_takes_too_long_fails_and_its_thread_is_let_go(
    host: RunningHost, gates: Path
) -> None:
    outcome = host.run("one_call", ["gated", "late"])

    assert "FunctionTimeoutError: Timeout value of 0.5 s was exceeded by function: gated" in outcome["output"]
    (gates / "late").touch()  # lets go of the thread
    assert host.run("one_call", ["gated", "late"])["output"] == "late"


def test_an_async_activity_that_takes_too_long_is_cancelled(host: RunningHost) -> None:
    outcome = host.run("one_call", ["endless", ""])

    assert "Timeout value of 0.5 s was exceeded by function: endless" in outcome["output"]


def test_keys_of_host_json_without_effect_are_named_at_the_start(host: RunningHost) -> None:
    assert "host.json: no effect here: extensions.durableTask.storageProvider.partitionCount" in host.log
