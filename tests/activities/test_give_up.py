"""Answers that cannot be read any more: a person gives them up, and all that can be read is delivered."""

from typing import Any

import pytest

from local.azure_openai import RunningService
from steps.collect.patience import TRIES
from steps.deliver.give_up import give_up
from steps.deliver.hold import release
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline
from tests.activities.request_files import requests

IDS = [f"row-{number}" for number in range(6)]


@pytest.fixture
def pipeline(make_pipeline: MakePipeline, monkeypatch: pytest.MonkeyPatch) -> InlinePipeline:
    monkeypatch.setattr("domain.flow.pacing.MAX_PASSING_TRIES", TRIES + 2)
    made = make_pipeline()
    made.drop("x/a.jsonl", requests(IDS))
    return made


def held(pipeline: InlinePipeline) -> str:
    assert pipeline.run().held == 1
    ((key, *_),) = pipeline.services.work.claims.all()
    return key


@pytest.mark.parametrize(
    ("plan", "read"),
    [
        # Half of the lines come, and the rest never.
        ({"calls": [{"operation": "content", "connection": "short"}]}, 3),
        ({"calls": [{"operation": "content", "status": 404}]}, 0),
        # Half of the bytes, some of them within a line.
        ({"calls": [{"operation": "content", "connection": "half"}]}, 3),
        ({"batches": [{"withhold_output": "null"}]}, 0),
        ({"rows": [{"custom_id": "row-1", "effect": "swallowed"}]}, 5),
        ({"calls": [{"operation": "content", "status": 403}]}, 0),
    ],
)
def test_what_was_given_up_is_told_row_by_row_and_all_that_was_read_is_delivered(
    pipeline: InlinePipeline, service: RunningService, plan: dict[str, Any], read: int
) -> None:
    service.plan(**plan)
    assert give_up(held(pipeline), pipeline.services)
    assert pipeline.run().done == 1
    results = []
    if read:
        results = [line["custom_id"] for line in pipeline.lines(pipeline.storage.processed, "_output.jsonl")]
    errors = pipeline.lines(pipeline.storage.error, "_error.jsonl")
    assert len(results) == read
    assert {(record["outcome"], record["code"]) for record in errors} == {("missing", "given_up")}
    assert sorted([*results, *(record["custom_id"] for record in errors)]) == IDS
    assert service.counters()["batches_created"] == 1, "nothing is sent again unasked"
    assert pipeline.names(pipeline.storage.input) == []


def test_what_can_be_read_after_all_is_delivered_although_it_was_given_up(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    """Also where the first tries fail in passing."""
    service.plan(calls=[{"operation": "content", "status": 503}])
    assert give_up(held(pipeline), pipeline.services)
    service.plan(calls=[{"operation": "content", "status": 503, "first": TRIES - 1}])
    report = pipeline.run()
    assert (report.done, report.tally.ok) == (1, 6)


def test_what_is_released_is_not_given_up(pipeline: InlinePipeline, service: RunningService) -> None:
    service.plan(calls=[{"operation": "content", "status": 404}])
    key = held(pipeline)
    assert release(key, pipeline.services)
    assert held(pipeline) == key


def test_only_what_was_paid_can_be_given_up(pipeline: InlinePipeline, service: RunningService) -> None:
    service.plan(calls=[{"operation": "create_batch", "status": 404, "code": "DeploymentNotFound"}])
    assert not give_up(held(pipeline), pipeline.services)
    assert not give_up("0" * 20, pipeline.services)
