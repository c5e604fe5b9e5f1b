"""What host.json tells the host: what its log may cost, and how it traces."""

import json
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
ORCHESTRATORS = {
    path.stem for path in (ROOT / "orchestrators").glob("*.py") if "orchestration_trigger" in path.read_text()
}
OTHERS = {
    path.stem
    for folder in ("activities", "triggers")
    for path in (ROOT / folder).glob("*.py")
    if "bp = df.Blueprint()" in path.read_text()
}


@pytest.fixture(scope="module")
def host_json() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((ROOT / "host.json").read_text())
    return document


def level(host_json: dict[str, Any], category: str) -> str:
    """Give the level of a category: that of the longest name it begins with, as in .NET."""
    levels: dict[str, str] = host_json["logging"]["logLevel"]
    matching = [name for name in levels if category == name or category.startswith(f"{name}.")]
    return levels[max(matching, key=len, default="default")]


@pytest.mark.parametrize("category", ["DurableTask.AzureStorage", "DurableTask.Core", "Host.Aggregator"])
def test_the_engines_own_steps_are_not_logged(host_json: dict[str, Any], category: str) -> None:
    assert level(host_json, category) == "Warning"


@pytest.mark.parametrize("name", sorted(ORCHESTRATORS))
def test_turns_of_orchestrators_are_not_logged(host_json: dict[str, Any], name: str) -> None:
    """They log nothing themselves; what they fail of is an error."""
    assert level(host_json, f"Function.{name}") == level(host_json, f"Function.{name}.User") == "Warning"


@pytest.mark.parametrize("name", sorted(OTHERS))
def test_what_the_app_says_is_logged(host_json: dict[str, Any], name: str) -> None:
    assert level(host_json, f"Function.{name}.User") == "Information"


def test_results_of_functions_are_logged(host_json: dict[str, Any]) -> None:
    """From them Application Insights makes the requests table."""
    assert level(host_json, "Host.Results") == "Information"


def test_the_extension_traces_in_the_current_way(host_json: dict[str, Any]) -> None:
    assert host_json["extensions"]["durableTask"]["tracing"] == {
        "distributedTracingEnabled": True,
        "version": "V2",
    }


def test_there_are_functions_to_speak_of() -> None:
    assert {"process_snapshot", "run_files"} <= ORCHESTRATORS
    assert {"prepare_file", "blob_arrived"} <= OTHERS
