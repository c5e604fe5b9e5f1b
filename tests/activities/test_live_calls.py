"""Requests sent as live calls: each row is answered, and paid, once; what cannot be known is said, not guessed."""

import asyncio
import itertools
import json
import re
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from adapters.openai.live_api import LiveAnswer, LiveApi
from adapters.storage.append_blob import AppendBlob
from domain.contracts import SliceDone, SliceWork, from_wire
from domain.direct.throttle import WIDEST
from domain.errors import NotFoundError, PassingError
from local.azure_openai import RunningService, running
from local.fault_proxies import service as fault_proxy
from steps.deliver.hold import FIRST_HOLD_SECONDS
from steps.direct.live_sending import MOST_FOREIGN_ANSWERS
from steps.direct.slices import Slice
from tests.activities.conftest import MakePipeline, NewWorld
from tests.activities.crash_points import STEP, die_twice, every_fourth, walk
from tests.activities.inline_pipeline import (
    Blown,
    Fuse,
    InlinePipeline,
    Steps,
    settings_for,
)
from tests.conftest import Containers
from tests.domain.flow.stories import said


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


def completion(row: int, prompt: Any = None, **changes: Any) -> bytes:
    body = {"model": "instruct", "prompt": prompt or f"text {row}", "max_tokens": 50}
    line = {"custom_id": f"row-{row}", "method": "POST", "url": "/v1/completions", "body": body, **changes}
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
@pytest.mark.parametrize("line", [embedding, chat, completion])
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


@pytest.mark.parametrize("api_version", ["v1", "2024-10-21"])
@pytest.mark.parametrize("url", ["/v1/completions", "/completions"])
def test_completions_are_sent_live_and_come_back_in_order(
    make_pipeline: MakePipeline, service: RunningService, api_version: str, url: str
) -> None:
    pipeline = make_pipeline(AZURE_OPENAI_API_VERSION=api_version)
    pipeline.drop("a.jsonl", b"".join(completion(row, url=url) for row in range(20)))
    assert pipeline.run().done == 1
    assert outcomes(pipeline) == {"ok": 20}
    results = pipeline.lines(pipeline.storage.processed, "_output.jsonl")
    assert [line["custom_id"] for line in results] == [f"row-{row}" for row in range(20)]
    (choice,) = results[7]["response"]["body"]["choices"]
    assert "text 7" in choice["text"]
    assert served(service) == (20, 20)
    assert service.counters()["batches_created"] == 0
    told = pipeline.document(pipeline.storage.processed, "_metadata.json")
    assert (told["engine"], told["endpoint"], told["deployment"]) == ("direct", url, "instruct")
    assert told["input_tokens"] == 20
    assert told["output_tokens"] > 20


def test_a_line_with_several_prompts_gets_all_of_its_answers(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", completion(0, ["one", "two"]) + completion(1))
    pipeline.run()
    assert outcomes(pipeline) == {"ok": 2}
    first, _ = pipeline.lines(pipeline.storage.processed, "_output.jsonl")
    texts = [choice["text"] for choice in first["response"]["body"]["choices"]]
    assert ["one" in texts[0], "two" in texts[1]] == [True, True]
    assert served(service) == (3, 3)


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
    """20 calls per second, and a `Retry-After` of a second for any other."""
    with running(speed=60, live_requests_per_minute=20) as service:
        pipeline = InlinePipeline(settings_for(containers, service))
        pipeline.drop("a.jsonl", embeddings(60))
        pipeline.run()
        pipeline.close()
        assert outcomes(pipeline) == {"ok": 60}
        assert served(service) == (60, 60)
        assert 0 < service.counters()["calls"]["live"]["429"] < 60


def test_a_token_limit_that_the_service_enforces_is_found_out_too(containers: Containers) -> None:
    with running(speed=60, live_tokens_per_minute=100) as service:
        pipeline = InlinePipeline(settings_for(containers, service))
        pipeline.drop("a.jsonl", b"".join(embedding(row, f"text {row:04d}" * 4) for row in range(30)))
        pipeline.run()
        pipeline.close()
        assert outcomes(pipeline) == {"ok": 30}
        assert served(service) == (30, 30)
        assert service.counters()["calls"]["live"]["429"] > 0


@pytest.mark.parametrize("limit", [{"REQUESTS_PER_MINUTE": "60"}, {"TOKENS_PER_MINUTE": "900"}])
def test_a_limit_in_the_settings_is_kept_within_a_slice_and_the_next_one_knows(
    make_pipeline: MakePipeline, service: RunningService, limit: dict[str, str]
) -> None:
    pipeline = make_pipeline(**limit)
    pipeline.drop("a.jsonl", embeddings(60))
    flow = pipeline.begin()
    work = from_wire(pipeline.live_until(flow, "send_slice").input, SliceWork)
    sliced = Steps(pipeline, Fuse()).slice(work)
    sliced._seconds = 1.0
    done = sliced.run()
    assert (done.ended, 1 <= done.done <= 3) == (False, True)
    assert done.throttle
    assert max(done.throttle.requests_due_at, done.throttle.tokens_due_at) > pipeline.now()
    assert served(service)[0] == done.done


@pytest.mark.parametrize("limit", [{"REQUESTS_PER_MINUTE": "3"}, {"TOKENS_PER_MINUTE": "45"}])
def test_a_limit_that_no_slice_can_wait_for_is_waited_for_between_slices(
    make_pipeline: MakePipeline,
    service: RunningService,
    monkeypatch: pytest.MonkeyPatch,
    limit: dict[str, str],
) -> None:
    """Each slice is an activity and a line in the log: one that may not send anything is none too few."""
    pipeline, slices = make_pipeline(**limit), itertools.count()
    pipeline.drop("a.jsonl", embeddings(6))
    run = Slice.run
    monkeypatch.setattr(Slice, "run", lambda sliced: (next(slices), run(sliced))[1])
    pipeline.run()
    assert outcomes(pipeline) == {"ok": 6}
    assert next(slices) <= 6 + 1


@pytest.mark.parametrize("limit", [{"REQUESTS_PER_MINUTE": "240"}, {"TOKENS_PER_MINUTE": "2640"}])
def test_all_who_send_to_a_deployment_share_its_limit(
    make_pipeline: MakePipeline, service: RunningService, limit: dict[str, str]
) -> None:
    """Files that are dropped one after the other belong to snapshots of their own, which know nothing of each other."""
    pipeline = make_pipeline(**limit)
    pipeline.drop("a.jsonl", embeddings(60))
    pipeline.drop("b.jsonl", embeddings(60).replace(b"text", b"word"))
    flow = pipeline.begin()
    pipeline.live(flow, until=lambda: len(flow.shards) == 2)
    works = [
        SliceWork(snapshot_id=flow.snapshot_id, key=state.key, shard=state.shard) for state in flow.shards
    ]
    slices = [Steps(pipeline, Fuse()).slice(work) for work in works]
    for sliced in slices:
        sliced._seconds = 2.0
    with ThreadPoolExecutor() as pool:
        done = [told.done for told in pool.map(Slice.run, slices)]
    assert min(done) > 0
    assert 8 <= sum(done) <= 4 * (2 + 1) + 1  # four a second, of eleven tokens, and a burst of a second
    assert served(service)[0] == sum(done)


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


@pytest.mark.parametrize(
    "first", range(1, STEP + 1, 2)
)  # every other effect: most are one row's send or its answer
def test_a_process_may_die_after_any_effect_and_no_row_is_paid_twice(
    new_world: NewWorld, service: RunningService, first: int
) -> None:
    def life(fuse: Fuse) -> None:
        with new_world() as pipeline:
            pipeline.drop("a.jsonl", embeddings(12))
            die_twice(pipeline, fuse)
            pipeline.run()
            counts = outcomes(pipeline)
            assert set(counts) <= {"ok", "missing"}
            paid, distinct = served(service)
            assert paid == distinct <= 12
            assert counts.get("missing", 0) < 12
            assert counts["ok"] <= paid

    walk("live", life, every_fourth(first))


def test_a_process_that_dies_while_refused_calls_wait_leaves_none_of_them_in_doubt(
    make_pipeline: MakePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the service has refused was not paid, and may be sent by the next life."""
    service.plan(calls=[{"operation": "live", "status": 429, "retry_after": "2"}])
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", embeddings(40))
    sleep = asyncio.sleep

    async def dies(seconds: float) -> None:
        if seconds > 1.0:
            raise Blown
        await sleep(seconds)

    monkeypatch.setattr(asyncio, "sleep", dies)
    with pytest.raises(Blown):
        pipeline.run()
    monkeypatch.undo()
    service.plan()
    pipeline.run()
    assert outcomes(pipeline) == {"ok": 40}
    assert served(service) == (40, 40)


# --- calls that several rows share -----------------------------------------------------------------------------------


def run_shared(pipeline: InlinePipeline, inputs_per_request: int) -> None:
    """Run with as many rows to a call as a job spec may ask for."""
    flow = pipeline.begin()
    pipeline.live(flow, until=lambda: bool(flow.shards))
    for state in flow.shards:
        state.shard = msgspec.structs.replace(state.shard, inputs_per_request=inputs_per_request)
    pipeline.live(flow)


def test_rows_that_share_a_call_get_an_answer_each(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", embeddings(50))
    run_shared(pipeline, 16)
    assert outcomes(pipeline) == {"ok": 50}
    assert served(service) == (50, 50)
    assert service.counters()["calls"]["live"]["200"] == 4
    alone = make_pipeline()
    alone.drop("a.jsonl", embeddings(50))
    alone.run()
    found, expected = (
        {
            line["custom_id"]: line["response"]["body"]["data"]
            for line in each.lines(each.storage.processed, "_output.jsonl")
        }
        for each in (pipeline, alone)
    )
    assert found == expected


def test_a_bad_row_costs_itself_alone_and_not_the_call_it_shares(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline()
    lines = [embedding(row) if row != 5 else embedding(5, [""]) for row in range(12)]
    lines[7] = embedding(7).replace(b"text 7", b"")
    pipeline.drop("a.jsonl", b"".join(lines))
    run_shared(pipeline, 6)
    assert outcomes(pipeline) == {"ok": 10, "failed": 2}
    assert served(service) == (10, 10)


@pytest.mark.parametrize(
    ("shared", "bad", "calls"), [(16, [5], 9), (16, [0], 9), (16, [3, 12], 15), (6, [1, 2, 3], 9)]
)
def test_a_bad_row_is_found_by_halving_the_calls_it_shares(
    make_pipeline: MakePipeline, service: RunningService, shared: int, bad: list[int], calls: int
) -> None:
    pipeline = make_pipeline()
    lines = [
        embedding(row).replace(b'"text %d"' % row, b'""' if row in bad else b'"text"')
        for row in range(shared)
    ]
    pipeline.drop("a.jsonl", b"".join(lines))
    run_shared(pipeline, shared)
    assert outcomes(pipeline) == {"ok": shared - len(bad), "failed": len(bad)}
    assert service.counters()["calls"]["live"]["total"] == calls
    assert served(service)[0] == shared - len(bad)


def test_answers_that_are_not_the_services_own_pause_the_deployment_before_all_rows_are_in_doubt(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    with fault_proxy.running(service.url) as proxy:
        proxy.strike("live", fault_proxy.FAULTS["200 html"], after=False, times=10)
        pipeline = make_pipeline(AZURE_OPENAI_ENDPOINT=proxy.url)
        pipeline.drop("a.jsonl", embeddings(40))
        flow = pipeline.begin()
        pipeline.live(flow, until=lambda: bool(flow.pauses.by_model))
        assert "text/html" in said(flow.pauses)[0]
        assert pipeline.live(flow).done == 1
    told = outcomes(pipeline)
    assert told["ok"] + told["missing"] == 40
    assert MOST_FOREIGN_ANSWERS <= told["missing"] <= 10


def test_a_shared_call_whose_answer_is_lost_leaves_all_its_rows_in_doubt(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    service.plan(calls=[{"operation": "live", "nth": 2, "connection": "half"}])
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", embeddings(12))
    run_shared(pipeline, 4)
    assert outcomes(pipeline) == {"ok": 8, "missing": 4}
    assert served(service) == (12, 12)


@pytest.mark.parametrize("inputs_per_request", [1, 4])
def test_a_row_whose_vector_did_not_come_is_no_result(
    make_pipeline: MakePipeline,
    service: RunningService,
    monkeypatch: pytest.MonkeyPatch,
    inputs_per_request: int,
) -> None:
    """Every answer lacks the vector of its first input, and has one too many instead."""
    send = LiveApi.send

    async def shifted(api: LiveApi, path: str, body: dict[str, Any], *, about: str) -> LiveAnswer:
        answer = await send(api, path, body, about=about)
        return answer._replace(body=re.sub(rb'"index":(\d+)', _next, answer.body))

    monkeypatch.setattr(LiveApi, "send", shifted)
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", embeddings(8))
    run_shared(pipeline, inputs_per_request)
    lost = 8 // inputs_per_request
    assert outcomes(pipeline) == {"missing": lost} | ({"ok": 8 - lost} if lost < 8 else {})
    assert served(service) == (8, 8)


def _next(index: re.Match[bytes]) -> bytes:
    return b'"index":%d' % (int(index[1]) + 1)


def test_a_shared_call_that_fails_there_is_made_again_for_all_its_rows(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    service.plan(calls=[{"operation": "live", "nth": 2, "status": 500}])
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", embeddings(12))
    run_shared(pipeline, 4)
    assert outcomes(pipeline) == {"ok": 12}
    assert served(service) == (12, 12)
    live = pipeline.document(pipeline.storage.processed, "_metadata.json")["live"]
    assert [(part["shard"], part["attempt"]) for part in live] == [("0000", 1), ("0000.0", 2)]


# --- waits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call", [{"status": 401}, {"status": 403}, {"status": 404, "code": "DeploymentNotFound"}]
)
def test_what_somebody_has_to_mend_is_waited_for_and_costs_nothing(
    make_pipeline: MakePipeline, service: RunningService, call: dict[str, Any]
) -> None:
    service.plan(calls=[{"operation": "live", "first": 9, **call}])
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", embeddings(8))
    # Where the service says that the deployment is not there, the file is set aside meanwhile, and taken again.
    while not pipeline.run().done:
        pipeline.wait(FIRST_HOLD_SECONDS)
    assert outcomes(pipeline) == {"ok": 8}
    assert served(service) == (8, 8)


def test_a_deployment_that_is_never_mended_sets_the_file_aside_untouched(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline(DEADLINE_HOURS="0.1")
    pipeline.drop("a.jsonl", embeddings(3).replace(b'"emb"', b'"missing-emb"'))
    assert pipeline.run().held == 1
    assert pipeline.names(pipeline.storage.input) == ["a.jsonl"]
    assert pipeline.names(pipeline.storage.processed) == []


class Identity:
    """An identity that is refused its token for a while, after `good` calls."""

    calls, good = itertools.count(), 9

    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        if self.good <= next(self.calls) < 2 * self.good:
            raise ClientAuthenticationError("IMDS is busy")
        return AccessToken("eyJhbGciOiJub25lIn0.e30.c2ln", int(time.time()))  # used up with this call


def test_an_identity_that_gets_no_token_is_waited_for_and_costs_nothing(
    make_pipeline: MakePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("azure.identity.DefaultAzureCredential", Identity)
    scope = f"https://{uuid.uuid4()}/.default"  # a token is fetched once per scope and process
    pipeline = make_pipeline(AZURE_OPENAI_API_KEY="", AZURE_OPENAI_SCOPE=scope)
    pipeline.drop("a.jsonl", embeddings(40))
    pipeline.run()
    assert outcomes(pipeline) == {"ok": 40}
    assert served(service) == (40, 40)


def test_a_surprise_in_one_call_keeps_the_answers_of_the_others(
    make_pipeline: MakePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect, in us or below: the slice ends, but what is under way was paid."""
    service.plan(calls=[{"operation": "live", "delay_seconds": 0.1}])
    send, count = LiveApi.send, itertools.count()

    async def sometimes(api: LiveApi, path: str, body: dict[str, Any], *, about: str) -> LiveAnswer:
        answer = await send(api, path, body, about=about)
        if next(count) in (9, 10):
            raise ValueError("a surprise")
        return answer

    monkeypatch.setattr(LiveApi, "send", sometimes)
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", embeddings(40))
    pipeline.run()
    assert outcomes(pipeline) == {"ok": 38, "missing": 2}
    assert served(service) == (40, 40)


def test_what_is_not_sent_by_the_deadline_ends_as_cancelled(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    service.plan(calls=[{"operation": "live", "text": "text [3-9]", "status": 429, "retry_after": "1000000"}])
    pipeline = make_pipeline(DEADLINE_HOURS="1")
    pipeline.drop("a.jsonl", embeddings(10))
    pipeline.run()
    assert outcomes(pipeline) == {"ok": 3, "cancelled": 7}
    errors = pipeline.lines(pipeline.storage.error, "_error.jsonl")
    assert {(error["code"], error["attempts"]) for error in errors} == {("deadline_reached", 0)}


# --- what a batch has not done by the deadline -----------------------------------------------------------------------

FINISH_LIVE = {"ON_DEADLINE": "direct", "DIRECT_DEPLOYMENT": "gpt-live", "DEADLINE_HOURS": "0.001"}


def test_what_a_batch_has_not_done_by_the_deadline_is_sent_live(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    service.plan(batches=[{"duration_seconds": 1e7}])
    pipeline = make_pipeline(**FINISH_LIVE, MAX_ATTEMPTS="1")
    pipeline.drop("a.jsonl", b"".join(map(chat, range(5))))
    pipeline.run()
    assert outcomes(pipeline) == {"ok": 5}
    told = pipeline.document(pipeline.storage.processed, "_metadata.json")
    assert told["engine"] == "batch+direct"
    assert [batch["status"] for batch in told["batches"]] == ["cancelled"]
    assert [(part["shard"], part["deployment"]) for part in told["live"]] == [("0000.0", "gpt-live")]
    assert served(service) == (5, 5)
    assert list(service.counters()["live_answers"]["served_more_than_once"]) == []
    assert service.counters()["batches_created"] == 1


def test_only_what_the_batch_has_not_answered_is_sent_live(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    service.plan(batches=[{"ends_as": "cancelled", "fraction": 0.6}])
    pipeline = make_pipeline(**FINISH_LIVE | {"DEADLINE_HOURS": "0.000001"})
    pipeline.drop("a.jsonl", b"".join(map(chat, range(5))))
    pipeline.run()
    assert outcomes(pipeline) == {"ok": 5}
    assert served(service)[0] == 5 - service.counters()["answers"]["requests_served"]


def test_a_batch_that_is_cancelled_before_the_deadline_stays_cancelled(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    service.plan(batches=[{"ends_as": "cancelled", "fraction": 0.0}])
    pipeline = make_pipeline(**FINISH_LIVE | {"DEADLINE_HOURS": "10"})
    pipeline.drop("a.jsonl", b"".join(map(chat, range(5))))
    pipeline.run()
    assert outcomes(pipeline) == {"cancelled": 5}
    assert served(service) == (0, 0)


def test_what_a_batch_that_ignores_its_cancellation_may_still_do_is_not_sent_live(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    service.plan(batches=[{"stuck_in": "in_progress"}])
    pipeline = make_pipeline(**FINISH_LIVE)
    pipeline.drop("a.jsonl", b"".join(map(chat, range(2))))
    pipeline.run()
    assert outcomes(pipeline) == {"missing": 2}
    assert served(service) == (0, 0)


# --- slow answers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("overtime", "done"), [(0.0, 4), (60.0, 40)])
def test_a_slice_that_waits_for_a_slow_answer_goes_on_meanwhile_for_a_while(
    make_pipeline: MakePipeline,
    service: RunningService,
    monkeypatch: pytest.MonkeyPatch,
    overtime: float,
    done: int,
) -> None:
    monkeypatch.setattr("steps.direct.live_sending.OVERTIME_SECONDS", overtime)
    service.plan(
        calls=[
            {"operation": "live", "nth": 2, "delay_seconds": 3.0},
            {"operation": "live", "delay_seconds": 0.3},
        ]
    )
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", embeddings(40))
    flow = pipeline.begin()
    work = from_wire(pipeline.live_until(flow, "send_slice").input, SliceWork)
    sliced = Steps(pipeline, Fuse()).slice(work)
    sliced._seconds = 0.2
    assert sliced.run().done == done
    assert served(service) == (done, done)


# --- two at once -----------------------------------------------------------------------------------------------------


class Interrupted(LiveApi):
    """Before the answer to its nth call is given back, something else happens."""

    def __init__(self, api: LiveApi, nth: int, happens: Callable[[], object]) -> None:
        self.__dict__.update(api.__dict__)
        self._nth, self._happens = nth, happens

    async def send(self, path: str, body: dict[str, Any], *, about: str) -> LiveAnswer:
        answer = await super().send(path, body, about=about)
        self._nth -= 1
        if self._nth == 0:
            await asyncio.to_thread(self._happens)
        return answer


@pytest.mark.parametrize("nth", [1, 5, 9])
def test_a_slice_that_was_overtaken_stops_sending_and_brings_home_what_it_has_paid_for(
    make_pipeline: MakePipeline, service: RunningService, nth: int
) -> None:
    """The activity was delivered twice, or the app that was believed dead is not."""
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", embeddings(60))
    flow = pipeline.begin()
    work = from_wire(pipeline.live_until(flow, "send_slice").input, SliceWork)
    other = Steps(pipeline, Fuse()).slice(work)
    done: list[SliceDone] = []

    @asynccontextmanager
    async def open_live() -> AsyncIterator[LiveApi]:
        async with pipeline.services.open_live() as api:
            yield Interrupted(api, nth, lambda: done.append(other.run()))

    overtaken = Steps(pipeline, Fuse()).slice(work)
    overtaken._open_live = open_live
    stopped = overtaken.run()
    assert (stopped.ended, stopped.wait_seconds > 0) == (False, True)
    (went_on,) = done
    assert went_on.ended  # but for what the other one may have sent
    pipeline.live(flow)
    counts = outcomes(pipeline)
    assert counts == {"ok": 60}
    assert served(service) == (60, 60)


def test_a_file_taken_over_from_a_snapshot_that_still_sends_is_paid_once(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", embeddings(60))
    old = pipeline.begin()
    work = from_wire(pipeline.live_until(old, "send_slice").input, SliceWork)

    @asynccontextmanager
    async def open_live() -> AsyncIterator[LiveApi]:
        async with pipeline.services.open_live() as api:
            yield Interrupted(api, 6, pipeline.run)

    overtaken = Steps(pipeline, Fuse()).slice(work)
    overtaken._open_live = open_live
    with suppress(NotFoundError):  # the log went with the file, which is finished
        overtaken.run()
    counts = outcomes(pipeline)
    paid, distinct = served(service)
    assert paid == distinct == 60
    assert counts["ok"] + counts["missing"] == 60
    assert counts["missing"] <= WIDEST + WIDEST // 4


# --- storage ---------------------------------------------------------------------------------------------------------


def test_answers_are_brought_home_when_storage_fails_in_between(
    make_pipeline: MakePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Appends fail for a while, some of them after they were done: what was paid is kept, what was not sent is sent."""
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", embeddings(40))
    append, count = AppendBlob.append, itertools.count()

    def failing(self: AppendBlob, content: bytes, *, position: int | None) -> None:
        number = next(count)
        if number % 7 == 3:
            raise PassingError("before it was done", code="mishap")
        append(self, content, position=position)
        if number % 7 == 5:
            raise PassingError("after it was done", code="mishap")

    monkeypatch.setattr(AppendBlob, "append", failing)
    pipeline.run()
    assert outcomes(pipeline) == {"ok": 40}
    assert served(service) == (40, 40)
