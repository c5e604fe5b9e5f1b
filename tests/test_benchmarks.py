"""The bench runs, writes its page, and says so when a budget is missed."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.__main__ import main
from benchmarks.figures import Bench, Figure, at_least, at_most
from benchmarks.genuine_host import missing, turns_in
from benchmarks.parts import genuine


@pytest.mark.parametrize(
    ("figure", "missed"),
    [
        (Figure(name="n", unit="s", value=2.0, budget=at_most(1.0)), True),
        (Figure(name="n", unit="s", value=1.0, budget=at_most(1.0)), False),
        (Figure(name="n", unit="s", value=0.5, budget=at_least(1.0)), True),
        (Figure(name="n", unit="s", value=None, budget=at_least(1.0)), True),
        (Figure(name="n", unit="s", value=2.0), False),
    ],
)
def test_a_budget_can_be_missed(figure: Figure, missed: bool) -> None:
    assert figure.missed is missed


def test_a_quick_run_writes_its_figures_and_its_page(tmp_path: Path) -> None:
    arguments = ["--quick", "--only", "preparing,templating,calls,trickle", "--folder", str(tmp_path)]
    assert main([*arguments, "--scratch", str(tmp_path / "scratch")]) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    page = (tmp_path / "README.md").read_text()
    names = [figure["name"] for part in results for figure in part["figures"]]
    assert any("own shard" in name for name in names)
    assert any("parquet" in name for name in names)
    assert any("calls to storage per file" in name for name in names)
    assert any("looks at the service" in name for name in names)
    assert all(name in page for name in names)


def test_the_genuine_engine_is_measured_where_it_is(tmp_path: Path) -> None:
    if said := missing():
        pytest.skip(said)
    found = genuine.run(Bench(folder=tmp_path, quick=True, tell=lambda _said: None))
    measured = {figure.name.partition(": ")[2]: figure.value for figure in found}
    assert measured["most batches at once"]
    assert measured["activities per file"]
    assert measured["turns per file"]


def test_where_the_genuine_engine_is_not_the_table_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENUINE_ENGINE", "/nowhere")
    (figure,) = genuine.run(Bench(folder=tmp_path, quick=True, tell=lambda _said: None))
    assert figure.value is None
    assert "/nowhere" in figure.note


def test_turns_are_put_together_from_the_extensions_events() -> None:
    of_first = {"InstanceId": "a", "ExecutionId": "1"}
    of_second = {"InstanceId": "b", "ExecutionId": "2"}
    events: list[dict[str, Any]] = [
        {**of_first, "TaskName": "OrchestrationExecuted", "Name": "run_files"},
        {**of_second, "TaskName": "OrchestrationExecuted", "Name": "process_snapshot"},
        {**of_first, "TaskName": "SchedulingActivity", "Name": "poll_batches"},
        {**of_second, "TaskName": "CreatingTimer"},
        {**of_first, "TaskName": "AppendedInstanceHistory", "TotalEventCount": 7},
        {**of_first, "TaskName": "OrchestrationExecuted", "Name": "run_files"},
        {**of_first, "TaskName": "OrchestrationCompleted", "RuntimeStatus": "ContinuedAsNew"},
        {"TaskName": "ExtensionConfiguration"},
    ]
    found = turns_in(events)
    assert [turn["function"] for turn in found] == ["run_files", "process_snapshot", "run_files"]
    assert [turn["activities"] for turn in found] == [["poll_batches"], [], []]
    assert [turn["timers"] for turn in found] == [0, 1, 0]
    assert [turn["events"] for turn in found] == [7, 0, 0]
    assert [turn["continued"] for turn in found] == [False, False, True]
