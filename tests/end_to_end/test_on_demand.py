"""The other way to run it: no events, a strict eye on lines, a dated api-version, many shards per file."""

import pytest

from tests.end_to_end.conftest import MakePipeline
from tests.end_to_end.pipeline import Pipeline, request, requests

ROWS = 5
GOOD, BAD = "good.jsonl", "one-bad-line.jsonl"


@pytest.fixture(scope="module")
def finished(make_pipeline: MakePipeline) -> Pipeline:
    """A pipeline that two files have gone through because somebody asked for it."""
    pipeline = make_pipeline(
        continuous_mode="false",
        on_invalid_line="reject",
        azure_openai_api_version="2025-04-01-preview",
        max_requests_per_shard="2",
    )
    pipeline.drop(GOOD, requests("good", ROWS))
    pipeline.drop(BAD, requests("bad", 2) + b"{no json\n" + request("bad/3"))
    answer = pipeline.host.post("/api/snapshots")
    assert answer.status_code == 202
    pipeline.wait_until(lambda: any(snapshot["report"] for snapshot in pipeline.snapshots()))
    return pipeline


def test_only_a_request_starts_work(finished: Pipeline) -> None:
    functions = {function["name"] for function in finished.host.get("/admin/functions").json()}
    (snapshot,) = finished.snapshots()

    assert "blob_arrived" not in functions
    assert snapshot["report"]["files"] == 2
    assert finished.wrongs() == {}


def test_a_file_of_three_shards_comes_back_in_its_own_order(finished: Pipeline) -> None:
    delivery = finished.delivery(GOOD)

    assert delivery.answered == [f"good/{row}" for row in range(ROWS)]
    assert [batch["shard"] for batch in delivery.metadata["batches"]] == ["0000", "0001", "0002"]


def test_a_bad_line_rejects_its_file_when_that_is_asked_for(finished: Pipeline) -> None:
    delivery = finished.delivery(BAD)

    assert delivery.metadata["status"] == "rejected"
    assert [(record["line"], record["outcome"], record["code"]) for record in delivery.errors] == [
        (1, "invalid", "file_rejected"),
        (2, "invalid", "file_rejected"),
        (3, "invalid", "invalid_json_line"),
        (4, "invalid", "file_rejected"),
    ]
    # Of the good file alone.
    assert {batch["filename"].split("-")[-2] for batch in finished.service.batches()} == {
        "0000",
        "0001",
        "0002",
    }
