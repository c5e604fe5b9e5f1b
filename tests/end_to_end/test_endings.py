"""Every way in which a batch can end, each met by one file, all of them worked on at the same time."""

from collections import Counter
from typing import Any

import pytest

from tests.end_to_end.conftest import MakePipeline
from tests.end_to_end.pipeline import Pipeline, requests

ROWS = 4
OK = ("ok", None)

# name: what the service does to the file's batches or rows, and what its four requests end as with two attempts.
# The service remembers what it answered: names that begin with `answers-withheld` may be served again.
ENDINGS: dict[str, tuple[dict[str, Any], dict[tuple[str, str | None], int]]] = {
    "completed": ({}, {OK: 4}),
    "completed-error-file-empty": ({"error_file": "empty"}, {OK: 4}),
    "completed-error-file-null": ({"error_file": "null"}, {OK: 4}),
    "completed-error-file-blank": ({"error_file": "blank"}, {OK: 4}),
    "answers-withheld-for-a-while": ({"unsettled_seconds": 4.0}, {OK: 4}),
    "failed-with-a-line": (
        {"first": 1, "invalid": [{"code": "invalid_request", "message": "Not so.", "line": 2}]},
        {OK: 3, ("failed", "invalid_request"): 1},
    ),
    "failed-once": ({"ends_as": "failed", "first": 1}, {OK: 4}),
    "failed-always": ({"ends_as": "failed"}, {("failed", "internalFailure"): 4}),
    "expired-once": ({"ends_as": "expired", "fraction": 0.5, "first": 1}, {OK: 4}),
    "expired-always": (
        {"ends_as": "expired", "fraction": 0.5},
        {OK: 3, ("expired", "batch_expired"): 1},
    ),
    "cancelled": (
        {"ends_as": "cancelled", "fraction": 0.5},
        {OK: 2, ("cancelled", "batch_cancelled"): 2},
    ),
    "unknown-with-files": (
        {"ends_as": "archived", "fraction": 0.5},
        {OK: 2, ("missing", "batch_archived"): 2},
    ),
    "unknown-without-files": ({"ends_as": "archived", "files": False}, {("missing", "batch_archived"): 4}),
}
ROW_ENDINGS: dict[str, tuple[dict[str, Any], dict[tuple[str, str | None], int]]] = {
    "rows-throttled-once": ({"effect": "error", "status": 429, "first": 1}, {OK: 4}),
    "rows-failing-always": ({"effect": "error", "status": 500}, {("failed", "500"): 4}),
    "rows-refused": (
        {"effect": "error", "status": 400, "code": "content_filter"},
        {("failed", "content_filter"): 4},
    ),
    "rows-missing-once": ({"effect": "missing", "first": 1}, {OK: 4}),
    "rows-twice": ({"effect": "twice"}, {OK: 4}),
}
EXPECTED = {name: expected for name, (_, expected) in (ENDINGS | ROW_ENDINGS).items()}


@pytest.fixture(scope="module")
def finished(make_pipeline: MakePipeline) -> Pipeline:
    """A pipeline that all the files have gone through."""
    plan = {
        "batches": [{"deployment": name, **rule} for name, (rule, _) in ENDINGS.items() if rule],
        "rows": [{"deployment": name, **rule} for name, (rule, _) in ROW_ENDINGS.items()],
    }
    pipeline = make_pipeline(plan=plan, max_attempts="2")
    for name in EXPECTED:
        pipeline.drop(f"{name}.jsonl", requests(name, ROWS, model=name))
    pipeline.wait_until_finished()
    return pipeline


@pytest.mark.parametrize("name", EXPECTED)
def test_every_ending_of_a_batch_ends_each_request(finished: Pipeline, name: str) -> None:
    delivery = finished.delivery(f"{name}.jsonl")

    ended = Counter([*[OK] * len(delivery.answered), *delivery.failed.values()])
    assert ended == EXPECTED[name]
    assert sum(delivery.metadata["outcomes"].values()) == delivery.metadata["requests"] == ROWS


def test_nothing_is_lost_doubled_or_left_behind(finished: Pipeline) -> None:
    assert finished.wrongs() == {}


def test_the_snapshots_report_what_became_of_the_files(finished: Pipeline) -> None:
    reports = [snapshot["report"] for snapshot in finished.snapshots()]

    assert sum(report["done"] for report in reports) == len(EXPECTED)
    assert sum(report["held"] + report["rejected"] for report in reports) == 0
