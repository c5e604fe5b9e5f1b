"""Batches that never end by themselves: after DEADLINE_HOURS they are cancelled, and given up when even that is in vain."""

from collections import Counter

import pytest

from tests.end_to_end.conftest import MakePipeline
from tests.end_to_end.pipeline import Pipeline, requests

ROWS = 3
TWO_SECONDS_IN_HOURS = "0.0006"
STUCK_IN = ("validating", "in_progress", "finalizing", "paused")


@pytest.fixture(scope="module")
def finished(make_pipeline: MakePipeline) -> Pipeline:
    plan = {
        "batches": [
            {"deployment": "slow", "duration_seconds": 3600},
            *({"deployment": f"stuck-{status}", "stuck_in": status} for status in STUCK_IN),
        ]
    }
    pipeline = make_pipeline(plan=plan, deadline_hours=TWO_SECONDS_IN_HOURS)
    for name in ("slow", *(f"stuck-{status}" for status in STUCK_IN)):
        pipeline.drop(f"{name}.jsonl", requests(name, ROWS, model=name))
    pipeline.wait_until_finished()
    return pipeline


def test_a_batch_beyond_the_deadline_is_cancelled_and_ends_as_such(finished: Pipeline) -> None:
    delivery = finished.delivery("slow.jsonl")

    assert Counter(delivery.failed.values()) == {("cancelled", "batch_cancelled"): ROWS}
    assert [batch["status"] for batch in delivery.metadata["batches"]] == ["cancelled"]


@pytest.mark.parametrize(
    ("stuck_in", "last_seen"),
    [
        ("validating", "cancelling"),
        ("in_progress", "cancelling"),
        ("finalizing", "finalizing"),  # the service refuses to cancel it there
        ("paused", "cancelling"),
    ],
)
def test_a_batch_that_ignores_its_cancellation_is_given_up(
    finished: Pipeline, stuck_in: str, last_seen: str
) -> None:
    delivery = finished.delivery(f"stuck-{stuck_in}.jsonl")

    assert Counter(delivery.failed.values()) == {("missing", f"batch_{last_seen}"): ROWS}


def test_none_is_submitted_again_and_nothing_is_left_behind(finished: Pipeline) -> None:
    assert finished.wrongs() == {}
    assert len(finished.service.batches()) == 1 + len(STUCK_IN)
