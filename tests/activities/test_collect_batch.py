"""Collecting a batch whose state, counts and files do not agree."""

import io
import json
from typing import Any

import pytest

from domain.contracts import Answer, CollectedShard, from_wire
from domain.flow.state import Call
from local.azure_openai import RunningService
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import Fuse, InlinePipeline, Steps
from tests.activities.request_files import requests

IDS = [f"row-{number}" for number in range(6)]


class Ended:
    """A file whose only batch has ended and is about to be collected."""

    def __init__(self, pipeline: InlinePipeline) -> None:
        pipeline.drop("a.jsonl", requests(IDS))
        self.steps = Steps(pipeline, Fuse())
        self.call = pipeline.live_until(pipeline.begin(), "collect_batch")

    def collect(self, **changes: Any) -> Answer:
        call = Call("collect_batch", {**self.call.input, **changes}, self.call.key, self.call.shard)
        return from_wire(self.steps.answer(call), Answer)


@pytest.fixture
def pipeline(make_pipeline: MakePipeline) -> InlinePipeline:
    return make_pipeline()


def test_an_output_file_that_was_not_named_yet_is_looked_for(pipeline: InlinePipeline) -> None:
    answer = Ended(pipeline).collect(output_file_id=None, error_file_id=None)
    assert from_wire(answer.ok, CollectedShard).tally.ok == len(IDS)


def test_the_answer_says_what_the_batch_has_cost(make_pipeline: MakePipeline) -> None:
    """Also when it is asked for once more, after everything was collected."""
    ended = Ended(make_pipeline(PRICES='{"gpt": {"input": 2, "output": 8}}'))
    first, again = (from_wire(ended.collect().ok, CollectedShard) for _ in range(2))
    expected = (2 * first.tally.input_tokens + 8 * first.tally.output_tokens) / 1_000_000
    assert first.cost == pytest.approx(expected)
    assert first.cost > 0
    assert again == first


@pytest.mark.parametrize("tries", [0, 3, 200])
def test_an_output_file_that_is_still_not_named_is_waited_for_however_often(
    pipeline: InlinePipeline, service: RunningService, tries: int
) -> None:
    service.plan(batches=[{"withhold_output": "null"}])
    ended = Ended(pipeline)
    fault = ended.collect(tries=tries).fault
    assert fault is not None
    assert (fault.code, fault.passing) == ("answers_missing", True)
    assert "6 answers of batch_" in fault.message
    assert "(row-0, row-1, row-2, row-3, row-4, row-5)" in fault.message


def test_sizes_are_compared_also_where_the_counts_agree(
    pipeline: InlinePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counts may lag behind the results, and then agree with half of them."""
    monkeypatch.setattr("steps.collect.result_sources.untold_answers", lambda *_, **__: "")
    service.plan(calls=[{"operation": "content", "connection": "short", "first": 1}])
    ended = Ended(pipeline)
    fault = ended.collect().fault
    assert fault is not None
    assert (fault.code, fault.passing) == ("short_result", True)
    assert from_wire(ended.collect(tries=1).ok, CollectedShard).tally.ok == len(IDS)


def test_answers_to_requests_that_nobody_asked_are_left_out(pipeline: InlinePipeline) -> None:
    """Another batch's output in place of ours: nothing of it may get into the results, and ours are still to come."""
    ended = Ended(pipeline)
    foreign, _ = pipeline.api.upload("foreign.jsonl", io.BytesIO(answers("stranger", *IDS[:2])))
    fault = ended.collect(output_file_id=foreign).fault
    assert fault is not None
    assert fault.code == "output_file_unnamed"
    assert from_wire(ended.collect(output_file_id=foreign, tries=1).ok, CollectedShard).tally.ok == 6


def answers(*custom_ids: str) -> bytes:
    response = {"status_code": 200, "body": {"choices": [{"message": {"content": "Hi"}}]}}
    lines = ({"custom_id": custom_id, "response": response, "error": None} for custom_id in custom_ids)
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def test_a_failed_batch_with_answers_burns_attempts_for_those_alone(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    """A request that was answered with a passing error has had its try; the others were never begun."""
    service.plan(rows=[{"custom_id": "row-1", "effect": "error", "status": 429}])
    ended = Ended(pipeline)
    collected = from_wire(ended.collect(status="failed", attempt=1).ok, CollectedShard)
    assert [(child.requests, child.attempt) for child in collected.children] == [(1, 2)]
