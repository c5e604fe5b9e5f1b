"""What has ended long ago is forgotten, what runs is not, however old it is."""

import pytest

from tests.end_to_end.conftest import MakePipeline
from tests.end_to_end.pipeline import Pipeline, requests

TWO_SECONDS_IN_DAYS = "0.000024"
ROWS = 2


@pytest.fixture(scope="module")
def pipeline(make_pipeline: MakePipeline) -> Pipeline:
    plan = {"batches": [{"deployment": "slow", "duration_seconds": 3600}]}
    return make_pipeline(plan=plan, retention_days=TWO_SECONDS_IN_DAYS)


def purge(pipeline: Pipeline) -> None:
    assert pipeline.host.post("/admin/functions/purge").status_code == 202


def test_an_ended_snapshot_is_forgotten_and_a_running_one_is_not(pipeline: Pipeline) -> None:
    slow = pipeline.drop("slow.jsonl", requests("slow", ROWS, model="slow"))
    pipeline.wait_until_taken(slow)
    (running,) = pipeline.snapshots()
    pipeline.drop("quick.jsonl", requests("quick", ROWS))
    pipeline.wait_until(lambda: any(snapshot["report"] for snapshot in pipeline.snapshots()))
    ended = pipeline.snapshots()[0]["id"]
    assert pipeline.host.instance(ended)
    assert pipeline.host.instance(f"{ended}-files")

    def only_the_running_one_is_known() -> bool:
        purge(pipeline)
        return [snapshot["id"] for snapshot in pipeline.snapshots()] == [running["id"]]

    pipeline.wait_until(only_the_running_one_is_known)

    def its_orchestrations_are_gone() -> bool:
        purge(pipeline)  # the report is as old as its window, the orchestrations a little younger
        return not any(pipeline.host.instance(name) for name in (ended, f"{ended}-files"))

    pipeline.wait_until(its_orchestrations_are_gone)
    assert (pipeline.host.instance(running["id"]) or {})["runtimeStatus"] == "Running"
    assert pipeline.delivery("quick.jsonl").answered == [f"quick/{row}" for row in range(ROWS)]
