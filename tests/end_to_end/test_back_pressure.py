"""A deployment that takes nothing for a while: the pipeline says so, waits, and goes on by itself."""

from typing import Any

import pytest

from tests.end_to_end.conftest import MakePipeline
from tests.end_to_end.pipeline import Pipeline, requests

ROWS = 3
PLAN: dict[str, Any] = {
    "calls": [
        {
            "operation": "create_batch",
            "deployment": "undeployed",
            "first": 1,
            "status": 404,
            "code": "DeploymentNotFound",
            "message": "Planned: no such deployment.",
        }
    ],
    "batches": [
        {
            "deployment": "unknown-model",
            "first": 1,
            "invalid": [{"code": "model_not_found", "message": "Planned: no such model."}],
        },
        {
            "deployment": "full-after-validation",
            "first": 1,
            "invalid": [{"code": "token_limit_exceeded", "message": "Planned: the queue is full."}],
        },
    ],
    "quota": [{"deployment": "full-at-creation", "tries": 2}],
}
NAMES = ("undeployed", "unknown-model", "full-after-validation", "full-at-creation", "free")


@pytest.fixture(scope="module")
def told() -> set[str]:
    """Everything the progress had to say while the files were worked on."""
    return set()


@pytest.fixture(scope="module")
def finished(make_pipeline: MakePipeline, told: set[str]) -> Pipeline:
    pipeline = make_pipeline(plan=PLAN)
    for name in NAMES:
        pipeline.drop(f"{name}.jsonl", requests(name, ROWS, model=name))

    def is_over() -> bool:
        told.update(
            snapshot["progress"]["message"] or "" for snapshot in pipeline.snapshots() if snapshot["progress"]
        )
        return not pipeline.containers.waiting()

    pipeline.wait_until(is_over)
    pipeline.wait_until_finished()
    return pipeline


@pytest.mark.parametrize("name", NAMES)
def test_a_deployment_that_takes_nothing_for_a_while_costs_time_alone(finished: Pipeline, name: str) -> None:
    delivery = finished.delivery(f"{name}.jsonl")

    assert delivery.answered == [f"{name}/{row}" for row in range(ROWS)]
    assert {batch["attempt"] for batch in delivery.metadata["batches"]} == {1}
    assert delivery.metadata["batches"][-1]["status"] == "completed"


@pytest.mark.usefixtures("finished")
def test_the_progress_says_what_is_waited_for(told: set[str]) -> None:
    said = "; ".join(told)

    assert "Planned: no such deployment." in said
    assert "Check AZURE_OPENAI_ENDPOINT" in said
    assert "Planned: no such model." in said
    assert "Planned: the queue is full." in said
    assert "surpassed the configured limit" in said


def test_nothing_is_lost_doubled_or_left_behind(finished: Pipeline) -> None:
    assert finished.wrongs() == {}
