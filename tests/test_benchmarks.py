"""The bench runs, writes its page, and says so when a budget is missed."""

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.figures import Figure, at_least, at_most


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
    arguments = ["--quick", "--only", "preparing,templating,calls", "--folder", str(tmp_path)]
    assert main([*arguments, "--scratch", str(tmp_path / "scratch")]) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    page = (tmp_path / "README.md").read_text()
    names = [figure["name"] for part in results for figure in part["figures"]]
    assert any("own shard" in name for name in names)
    assert any("parquet" in name for name in names)
    assert any("calls to storage per file" in name for name in names)
    assert all(name in page for name in names)
