"""A batch that may have been made is looked for before anything is made again, whatever was answered and whoever forgot it."""

import io
from collections.abc import Iterator

import pytest

from domain import names
from domain.flow.flow import Flow
from local.azure_openai import RunningService
from local.fault_proxies import service as fault_proxy
from local.fault_proxies.service import FAULTS, FaultProxy
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline
from tests.activities.request_files import requests
from tests.conftest import Containers

IDS = [f"row-{number}" for number in range(4)]


@pytest.fixture
def proxy(service: RunningService) -> Iterator[FaultProxy]:
    with fault_proxy.running(service.url) as proxy:
        yield proxy


def dropped(pipeline: InlinePipeline) -> InlinePipeline:
    pipeline.drop("a.jsonl", requests(IDS))
    return pipeline


def submitted(pipeline: InlinePipeline) -> Flow:
    flow = pipeline.begin()
    pipeline.live(flow, until=lambda: any(shard.batch_id for shard in flow.shards))
    return flow


def check(pipeline: InlinePipeline, service: RunningService) -> None:
    """Every row delivered, one batch paid."""
    results = [line["custom_id"] for line in pipeline.lines(pipeline.storage.processed, "_output.jsonl")]
    assert results == IDS
    assert service.counters()["batches_created"] == 1
    assert service.counters()["answers"]["served_more_than_once"] == {}
    assert list(pipeline.api.files_named("")) == []
    assert [name for name in pipeline.names(pipeline.storage.work) if name.startswith(names.FILES)] == []


def empty(pipeline: InlinePipeline) -> None:
    for name in pipeline.names(pipeline.storage.work):
        pipeline.storage.work.delete(name)


@pytest.mark.parametrize("newer", [0, 130])
@pytest.mark.parametrize("transport", ["upload", "blob"])
@pytest.mark.parametrize("ended", [False, True])
def test_the_batch_of_a_file_is_found_when_work_was_emptied(
    make_pipeline: MakePipeline, service: RunningService, transport: str, ended: bool, newer: int
) -> None:
    """However many batches were made since: of others, without a mark."""
    pipeline = dropped(make_pipeline(TRANSPORT=transport))
    service.plan(batches=[{"first": 1, "duration_seconds": 0 if ended else 1e7}])
    submitted(pipeline)
    (batch,) = service.batches()
    if newer:
        others(pipeline, newer)
    if transport == "blob":  # the service reads its blob, so that only the records may go
        for name in pipeline.names(pipeline.storage.work):
            if "/shards/" not in name and "/answers/" not in name:
                pipeline.storage.work.delete(name)
    else:
        empty(pipeline)
    if not ended:
        service.force(batch["id"], "completed")
    assert pipeline.run().done == 1
    assert service.counters()["batches_created"] == 1 + newer
    results = [line["custom_id"] for line in pipeline.lines(pipeline.storage.processed, "_output.jsonl")]
    assert results == IDS


def others(pipeline: InlinePipeline, count: int) -> None:
    file_id, _ = pipeline.api.upload("other.jsonl", io.BytesIO(requests(["other"])))
    while pipeline.api.file_status(file_id) != "processed":
        pass
    for _ in range(count):
        pipeline.api.create(file_id, "/chat/completions", {})
    pipeline.api.delete_file(file_id)


def test_the_batch_of_a_file_is_found_when_the_records_lie_elsewhere_now(
    make_pipeline: MakePipeline, service: RunningService, containers: Containers
) -> None:
    """Another work container, and so another prefix of the service's files, as after a move of the app."""
    first = dropped(make_pipeline())
    submitted(first)
    moved = containers.work + "-moved"
    containers.service.create_container(moved)
    second = make_pipeline(WORK_CONTAINER=moved)
    assert second.services.file_prefix != first.services.file_prefix
    assert second.run().done == 1
    check(second, service)
    containers.service.delete_container(moved)


def test_a_batch_without_metadata_is_found_by_the_name_of_its_file(
    make_pipeline: MakePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steps.submit.submission.marks", lambda *_: {})
    pipeline = dropped(make_pipeline())
    service.plan(batches=[{"duration_seconds": 1e7}])
    submitted(pipeline)
    monkeypatch.undo()
    empty(pipeline)
    service.force(service.batches()[0]["id"], "completed")
    assert pipeline.run().done == 1
    check(pipeline, service)


def test_a_batch_that_failed_before_it_did_anything_is_not_taken_up(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    fault = {"code": "token_limit_exceeded", "message": "Full."}
    service.plan(batches=[{"nth": 1, "invalid": [fault]}])
    pipeline = dropped(make_pipeline())
    submitted(pipeline)
    while service.batches()[0]["status"] != "failed":
        pass
    empty(pipeline)
    assert pipeline.run().done == 1
    assert service.counters()["batches_created"] == 2
    assert service.counters()["answers"]["served_more_than_once"] == {}


AFTER_EFFECT = [name for name in FAULTS if name != "hang"]


@pytest.mark.parametrize("name", AFTER_EFFECT)
def test_a_creation_that_was_answered_in_any_way_after_the_effect_makes_one_batch(
    make_pipeline: MakePipeline, service: RunningService, proxy: FaultProxy, name: str
) -> None:
    pipeline = dropped(make_pipeline(AZURE_OPENAI_ENDPOINT=proxy.url))
    proxy.strike("create_batch", FAULTS[name], after=True, times=1)
    assert pipeline.run().done == 1
    assert proxy.struck["create_batch"] == 1
    check(pipeline, service)


@pytest.mark.parametrize("name", ["200 {}", "400 own", "reset"])
def test_the_input_file_may_be_gone_while_the_creation_is_in_doubt(
    make_pipeline: MakePipeline, service: RunningService, proxy: FaultProxy, name: str
) -> None:
    pipeline = dropped(make_pipeline(AZURE_OPENAI_ENDPOINT=proxy.url))
    proxy.strike("create_batch", FAULTS[name], after=True, times=1)
    flow = pipeline.begin()
    pipeline.live(flow, until=lambda: proxy.struck["create_batch"] > 0)
    for file_id, _, _ in pipeline.api.files_named(""):
        pipeline.api.delete_file(file_id)
    assert pipeline.live(flow).done == 1
    check(pipeline, service)


def test_an_input_file_that_is_gone_before_a_batch_was_made_is_sent_again(
    make_pipeline: MakePipeline, service: RunningService, proxy: FaultProxy
) -> None:
    pipeline = dropped(make_pipeline(AZURE_OPENAI_ENDPOINT=proxy.url))
    proxy.strike("create_batch", FAULTS["reset"], after=False, times=1)
    flow = pipeline.begin()
    pipeline.live(flow, until=lambda: proxy.struck["create_batch"] > 0)
    for file_id, _, _ in pipeline.api.files_named(""):
        pipeline.api.delete_file(file_id)
    assert pipeline.live(flow).done == 1
    check(pipeline, service)


def test_a_refusal_counts_when_no_batch_shows_up_after_it(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = dropped(make_pipeline())
    service.plan(calls=[{"operation": "create_batch", "status": 400, "code": "invalidPayload"}])
    report = pipeline.run()
    assert (report.done, report.tally.failed) == (1, 4)
    assert service.counters()["calls"]["create_batch"]["total"] == 1
    assert service.counters()["calls"]["list_batches"]["total"] >= 2


def test_nothing_is_made_while_the_list_of_batches_cannot_be_read(
    make_pipeline: MakePipeline, service: RunningService, proxy: FaultProxy
) -> None:
    pipeline = dropped(make_pipeline(AZURE_OPENAI_ENDPOINT=proxy.url))
    proxy.strike("list_batches", FAULTS["200 {}"], after=False, times=7)
    flow = pipeline.begin()
    pipeline.live(flow, until=lambda: proxy.struck["list_batches"] == 7)
    assert service.counters()["batches_created"] == 0
    assert pipeline.live(flow).done == 1
    check(pipeline, service)
