"""What answers cost: each token at its price, also of answers that were paid and thrown away, and nothing rounded away."""

from typing import Any

import pytest

from local.azure_openai import RunningService
from steps.intake.at_rest import files_at_rest
from steps.look.finished import FinishedLists
from steps.wishes import asking
from tests.activities.conftest import MakePipeline
from tests.activities.mixed_file import request

PRICES = '{"gpt": {"input": 8, "cached_input": 2, "output": 16}}'
SPEC = b"""
deployment: gpt
messages: [{role: user, content: "{{ text }}"}]
output: {extra: [cost]}
"""


def body(text: str, **usage: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {"choices": [{"index": 0, "finish_reason": "stop", "message": message}], "usage": usage}


def cached(tokens: int) -> dict[str, int]:
    return {"cached_tokens": tokens}


def test_cached_tokens_are_paid_at_their_price_in_rows_files_and_lists(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    answers = {
        "row-0": body("a", prompt_tokens=100, completion_tokens=10, prompt_tokens_details=cached(60)),
        "row-1": body("b", prompt_tokens=100, completion_tokens=10),
        # Filtered, and paid all the same.
        "row-2": {
            "error": {"code": "content_filter"},
            **body("", prompt_tokens=50, completion_tokens=0, prompt_tokens_details=cached(50)),
        },
    }
    service.plan(rows=[{"custom_id": row, "effect": "odd", "body": told} for row, told in answers.items()])
    pipeline = make_pipeline(PRICES=PRICES)
    pipeline.drop("_batch.yaml", SPEC)
    pipeline.drop("a.csv", b"text\none\ntwo\nthree\n")
    snapshot_id = pipeline.run().snapshot_id
    records = pipeline.lines(pipeline.storage.processed, "_output.jsonl")
    of_rows = [(40 * 8 + 60 * 2 + 10 * 16) / 1e6, (100 * 8 + 10 * 16) / 1e6]
    assert [record["cost"] for record in records] == pytest.approx(of_rows)
    metadata = pipeline.document(pipeline.storage.processed, "_metadata.json")
    assert (metadata["input_tokens"], metadata["cached_tokens"]) == (250, 110)
    assert metadata["cost"] == pytest.approx(sum(of_rows) + 50 * 2 / 1e6)
    totals = FinishedLists().of(snapshot_id, pipeline.services).totals
    assert totals.cost == pytest.approx(metadata["cost"])
    assert totals.cached_tokens == 110


def test_a_file_beyond_the_budget_of_the_day_waits_for_the_next_one_or_for_a_person(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline(PRICES='{"gpt": {"input": 1000, "output": 0}}', MAX_COST_PER_DAY="0.08")
    for name in ("first", "second"):  # some 0.055 dollars each
        pipeline.drop(f"{name}.jsonl", request(f"{name} {'word ' * 20}"))
        pipeline.run()
    (left,) = pipeline.names(pipeline.storage.input)
    (held,) = files_at_rest(pipeline.services)["held"]
    assert (left, held["file"]) == ("second.jsonl", "second.jsonl")
    assert "MAX_COST_PER_DAY (0.08)" in held["reason"]
    created = service.counters()["calls"]["create_batch"]["total"]
    asking.approve(held["key"], "", pipeline.services)
    pipeline.run()
    assert pipeline.names(pipeline.storage.input) == []
    assert service.counters()["calls"]["create_batch"]["total"] == created + 1
    pipeline.drop("third.jsonl", request("third"))
    pipeline.run()
    assert pipeline.names(pipeline.storage.input) == ["third.jsonl"]
    pipeline.wait(24 * 3600.0)
    pipeline.run()
    assert pipeline.names(pipeline.storage.input) == []
