"""Requests sent as live calls: each row is answered, and paid, once; what cannot be known is said, not guessed."""

import json
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from local.azure_openai import RunningService, running
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import Blown, Fuse, InlinePipeline, settings_for
from tests.conftest import Containers


def embedding(row: int, text: Any = None, **changes: Any) -> bytes:
    body = {"model": "emb", "input": text or f"text {row}", "dimensions": 4, **changes}
    line = {"custom_id": f"row-{row}", "method": "POST", "url": "/v1/embeddings", "body": body}
    return json.dumps(line).encode() + b"\n"


def embeddings(rows: int) -> bytes:
    return b"".join(map(embedding, range(rows)))


def chat(row: int, text: str = "") -> bytes:
    body = {"model": "gpt", "messages": [{"role": "user", "content": text or f"text {row}"}]}
    line = {"custom_id": f"row-{row}", "method": "POST", "url": "/chat/completions", "body": body}
    return json.dumps(line).encode() + b"\n"


def served(service: RunningService) -> tuple[int, int]:
    """Answers that were paid, and the different texts they were for."""
    told = service.counters()["live_answers"]
    return told["requests_served"], told["distinct_requests"]


def outcomes(pipeline: InlinePipeline) -> dict[str, int]:
    """The counts of the metadata that are not 0, checked against results, errors and retry file."""
    storage = pipeline.storage
    metadata = pipeline.document(storage.processed, "_metadata.json")
    counts = {name: count for name, count in metadata["outcomes"].items() if count}
    answered = pipeline.lines(storage.processed, "_output.jsonl") if counts.get("ok") else []
    errors = pipeline.lines(storage.error, "_error.jsonl") if set(counts) - {"ok"} else []
    retried = pipeline.lines(storage.error, "_retry.jsonl") if errors else []
    ids = [line["custom_id"] for line in answered] + [error["custom_id"] for error in errors]
    assert sorted(ids) == sorted(f"row-{row}" for row in range(metadata["requests"]))
    assert [line["custom_id"] for line in retried] == [error["custom_id"] for error in errors]
    assert Counter(error["outcome"] for error in errors) == {k: n for k, n in counts.items() if k != "ok"}
    assert pipeline.names(storage.input) == []
    assert not [name for name in pipeline.names(storage.work) if name.endswith("/input")]
    return counts


def test_embeddings_are_sent_live_and_come_back_in_order(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", embeddings(40))
    assert pipeline.run().done == 1
    assert outcomes(pipeline) == {"ok": 40}
    results = pipeline.lines(pipeline.storage.processed, "_output.jsonl")
    assert [line["custom_id"] for line in results] == [f"row-{row}" for row in range(40)]
    assert results[7]["response"]["status_code"] == 200
    assert len(results[7]["response"]["body"]["data"][0]["embedding"]) == 4
    assert served(service) == (40, 40)
    assert service.counters()["batches_created"] == 0


def test_the_metadata_say_that_it_was_sent_live(make_pipeline: MakePipeline, service: RunningService) -> None:
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", embeddings(3))
    pipeline.run()
    told = pipeline.document(pipeline.storage.processed, "_metadata.json")
    (live,) = told["live"]
    assert (told["engine"], told["batches"], live["deployment"], live["status"]) == (
        "direct",
        [],
        "emb",
        "completed",
    )
    assert told["input_tokens"] == 3


@pytest.mark.parametrize("api_version", ["v1", "2024-10-21"])
@pytest.mark.parametrize("line", [embedding, chat])
def test_engine_direct_sends_everything_live_under_both_forms_of_url(
    make_pipeline: MakePipeline, service: RunningService, api_version: str, line: Any
) -> None:
    pipeline = make_pipeline(ENGINE="direct", AZURE_OPENAI_API_VERSION=api_version)
    pipeline.drop("a.jsonl", line(0) + line(1))
    pipeline.run()
    assert outcomes(pipeline) == {"ok": 2}
    assert served(service) == (2, 2)


def test_engine_batch_makes_batches_of_embeddings_too(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline(ENGINE="batch")
    pipeline.drop("a.jsonl", embeddings(2))
    pipeline.run()
    assert served(service) == (0, 0)


# --- throttling ------------------------------------------------------------------------------------------------------


def test_two_thousand_rows_under_throttling_are_each_served_once(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    service.plan(calls=[{"operation": "live", "every": 50, "status": 429, "retry_after": "0.05"}])
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", embeddings(2000))
    pipeline.run()
    assert outcomes(pipeline) == {"ok": 2000}
    assert served(service) == (2000, 2000)
    assert service.counters()["calls"]["live"]["429"] >= 2000 // 50


def test_a_rate_that_the_service_enforces_is_found_out_by_its_refusals(containers: Containers) -> None:
    """60 calls per second, and a `Retry-After` of a second for any other."""
    with running(speed=60, live_requests_per_minute=60) as service:
        pipeline = InlinePipeline(settings_for(containers, service))
        pipeline.drop("a.jsonl", embeddings(150))
        pipeline.run()
        pipeline.close()
        assert outcomes(pipeline) == {"ok": 150}
        assert served(service) == (150, 150)
        assert 0 < service.counters()["calls"]["live"]["429"] < 100


# --- what fails ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "expected", "paid"),
    [
        ({"first": 3, "status": 429, "retry_after": "1"}, {"ok": 6}, 6),
        ({"text": "text 1", "first": 5, "status": 429}, {"ok": 6}, 6),
        ({"nth": 2, "status": 429, "retry_after": "100000"}, {"ok": 6}, 6),
        ({"text": "text 1", "first": 2, "status": 500}, {"ok": 6}, 6),
        ({"text": "text 1", "status": 503}, {"ok": 5, "failed": 1}, 5),
        ({"text": "text 1", "first": 1, "status": 408}, {"ok": 6}, 6),
        ({"text": "text 1", "status": 400}, {"ok": 5, "failed": 1}, 5),
        ({"text": "text 1", "status": 400, "code": "content_filter"}, {"ok": 5, "failed": 1}, 5),
        ({"nth": 3, "connection": "lost"}, {"ok": 5, "missing": 1}, 6),
        ({"nth": 3, "connection": "half"}, {"ok": 5, "missing": 1}, 6),
        ({"nth": 3, "connection": "reset"}, {"ok": 5, "missing": 1}, 5),
    ],
)
def test_a_call_that_goes_otherwise(
    make_pipeline: MakePipeline,
    service: RunningService,
    call: dict[str, Any],
    expected: dict[str, int],
    paid: int,
) -> None:
    service.plan(calls=[{"operation": "live", **call}])
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", embeddings(6))
    pipeline.run()
    assert outcomes(pipeline) == expected
    assert served(service)[0] == paid


def test_a_lost_answer_is_told_as_one_that_may_have_been_billed(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    service.plan(calls=[{"operation": "live", "text": "text 2", "connection": "lost"}])
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", embeddings(4))
    pipeline.run()
    assert outcomes(pipeline) == {"ok": 3, "missing": 1}
    (error,) = pipeline.lines(pipeline.storage.error, "_error.jsonl")
    assert (error["custom_id"], error["code"], error["attempts"]) == ("row-2", "lost_answer", 1)
    assert "may have been billed" in error["message"]
    assert served(service) == (4, 4)


def test_a_lost_answer_is_asked_for_again_where_the_settings_say_so(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    service.plan(calls=[{"operation": "live", "text": "text 2", "first": 1, "connection": "lost"}])
    pipeline = make_pipeline(ON_LOST_ANSWER="resend")
    pipeline.drop("a.jsonl", embeddings(4))
    pipeline.run()
    assert outcomes(pipeline) == {"ok": 4}
    assert service.counters()["live_answers"]["served_more_than_once"] == {"emb: text 2": 2}


def test_answers_that_are_lost_again_and_again_are_given_up(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    service.plan(calls=[{"operation": "live", "text": "text 2", "connection": "lost"}])
    pipeline = make_pipeline(ON_LOST_ANSWER="resend", MAX_ATTEMPTS="3")
    pipeline.drop("a.jsonl", embeddings(4))
    pipeline.run()
    assert outcomes(pipeline) == {"ok": 3, "missing": 1}
    assert service.counters()["live_answers"]["served_more_than_once"] == {"emb: text 2": 3}


# --- death -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", range(1, 46, 2))
def test_a_process_may_die_after_any_effect_and_no_row_is_paid_twice(
    make_pipeline: MakePipeline, service: RunningService, effect: int
) -> None:
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", embeddings(12))
    flow = None
    with suppress(Blown):
        fuse = Fuse(effect)
        flow = pipeline.begin(fuse)
        pipeline.live(flow, fuse)
    if flow is not None:
        with suppress(Blown):
            pipeline.live(flow, Fuse(effect % 7 + 3))
    pipeline.run()
    counts = outcomes(pipeline)
    assert set(counts) <= {"ok", "missing"}
    paid, distinct = served(service)
    assert paid == distinct <= 12
    assert counts.get("missing", 0) < 12
    assert counts["ok"] <= paid
