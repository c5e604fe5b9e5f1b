"""host.json, local.settings.json, settings in bindings."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.functions_host.config import (
    HostConfig,
    VersionFailure,
    VersionMatch,
    apply_local_settings,
    parse_timespan,
    read_host_config,
    resolve_settings,
)
from local.functions_host.errors import ConfigError


def read(folder: Path, document: Any, **environment: str) -> HostConfig:
    (folder / "host.json").write_text(json.dumps(document))
    return read_host_config(folder, environment)


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    assert read_host_config(tmp_path, {}) == HostConfig()


def test_every_effective_key_arrives(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        {
            "version": "2.0",
            "functionTimeout": "00:05:00",
            "logging": {"logLevel": {"default": "Warning"}},
            "extensions": {
                "http": {"routePrefix": "/v1/"},
                "blobs": {"maxDegreeOfParallelism": 2, "poisonBlobThreshold": 3},
                "durableTask": {
                    "hubName": "%HUB%",
                    "defaultVersion": "1.0",
                    "versionMatchStrategy": "CurrentOrOlder",
                    "versionFailureStrategy": "Fail",
                    "maxConcurrentActivityFunctions": 5,
                    "maxConcurrentOrchestratorFunctions": 6,
                },
            },
        },
        HUB="MyHub",
    )

    assert config == HostConfig(
        task_hub="MyHub",
        default_version="1.0",
        version_match=VersionMatch.CURRENT_OR_OLDER,
        version_failure=VersionFailure.FAIL,
        route_prefix="v1",
        function_timeout_seconds=300.0,
        max_concurrent_activities=5,
        max_concurrent_turns=6,
        max_concurrent_blobs=2,
        poison_threshold=3,
        log_level="WARNING",
    )


def test_the_environment_wins_over_the_file_whatever_its_case(tmp_path: Path) -> None:
    durable = "AzureFunctionsJobHost__extensions__durableTask__"
    overrides = {
        f"{durable}hubName": "Other",
        f"{durable.lower()}versionfailurestrategy": "Fail",
        f"{durable}maxConcurrentActivityFunctions": "3",
        "AzureFunctionsJobHost__functionTimeout": "00:01:00",
    }
    document = {"functionTimeout": "00:05:00", "extensions": {"durableTask": {"hubName": "MyHub"}}}
    config = read(tmp_path, document, **overrides)

    assert config == HostConfig(
        task_hub="Other",
        version_failure=VersionFailure.FAIL,
        max_concurrent_activities=3,
        function_timeout_seconds=60.0,
    )


@pytest.mark.parametrize("name", ["b1", "1abc", "with-hyphen", "x" * 46, "\u00e4hub"])
def test_a_hub_name_that_storage_cannot_take_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="length between 3 and 45"):
        read(tmp_path, {"extensions": {"durableTask": {"hubName": name}}})


def test_keys_that_mean_nothing_here_are_named(tmp_path: Path) -> None:
    config = read(tmp_path, {"extensions": {"durableTask": {"storageProvider": {"partitionCount": 4}}}})

    assert config.without_effect == ("extensions.durableTask.storageProvider.partitionCount",)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([], "must be a JSON object"),
        ({"version": "1.0"}, '"version" must be "2.0"'),
        ({"functionTimeout": "5 minutes"}, "functionTimeout: '5 minutes' is not a time span"),
        ({"extensions": {"durableTask": {"hubName": "%HUB%"}}}, "needs the setting HUB"),
        ({"extensions": {"durableTask": {"hubName": 1}}}, "hubName must be a string"),
        ({"extensions": {"durableTask": {"maxConcurrentActivityFunctions": 0}}}, "must be a positive number"),
        ({"extensions": {"durableTask": {"versionMatchStrategy": "Newest"}}}, "must be one of None, Strict"),
        ({"extensions": {"durableTask": {"versionFailureStrategy": "Wait"}}}, "must be one of Reject, Fail"),
        ({"logging": {"logLevel": {"default": "Loud"}}}, "'Loud' is not a log level"),
        ({"customHandler": {"description": {}, "enableForwardingHttpRequest": True}}, "customHandler"),
        ({"retry": {"strategy": "fixedDelay"}}, "retry.strategy is not supported by this host"),
    ],
)
def test_wrong_or_unsupported_values_are_refused_by_name(tmp_path: Path, document: Any, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, document)

    assert reason in str(caught.value)


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "host.json").write_text("{")
    with pytest.raises(ConfigError, match=r"host\.json cannot be read"):
        read_host_config(tmp_path, {})


def test_local_settings_fill_the_environment_where_it_is_silent(tmp_path: Path) -> None:
    document = {"Values": {"A": "file", "B": "file"}, "Host": {"LocalHttpPort": 7080}}
    (tmp_path / "local.settings.json").write_text("\ufeff" + json.dumps(document))
    environment = {"A": "environment"}

    assert apply_local_settings(tmp_path, environment) == 7080
    assert environment == {"A": "environment", "B": "file"}


def test_without_local_settings_nothing_happens(tmp_path: Path) -> None:
    assert apply_local_settings(tmp_path, {}) is None


@pytest.mark.parametrize(
    "document",
    [{"IsEncrypted": True}, {"Values": ["A"]}, {"Values": {"A": 1}}, {"Host": {"LocalHttpPort": "7080"}}],
)
def test_local_settings_of_another_shape_are_refused(tmp_path: Path, document: Any) -> None:
    (tmp_path / "local.settings.json").write_text(json.dumps(document))
    with pytest.raises(ConfigError, match=r"local\.settings\.json"):
        apply_local_settings(tmp_path, {})


def test_settings_are_resolved_anywhere_in_a_text() -> None:
    assert resolve_settings("%A%/x/{name}%B%", {"A": "one", "B": ""}) == "one/x/{name}"


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(ConfigError, match="needs the setting MISSING"):
        resolve_settings("%MISSING%/x", {})


@given(st.integers(0, 99), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_time_spans_are_read(days: int, hours: int, minutes: int, seconds: int) -> None:
    text = f"{hours:02}:{minutes:02}:{seconds:02}"

    assert parse_timespan(text) == (hours * 60 + minutes) * 60 + seconds
    assert parse_timespan(f"{days}.{text}.5") == days * 86400 + parse_timespan(text) + 0.5
