"""The service's list of batches beside our records: what was made once, and what no record knows."""

import asyncio
import io
from typing import Any

import pytest

from adapters.openai.known_batches import marks
from domain.api.answers import Batches
from domain.api.problems import ProblemError
from local.azure_openai import RunningService
from steps.look.batches import batches
from steps.look.desk import Desk
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline
from tests.activities.mixed_file import CONTENT, PLAN, request

SNAPSHOT = "snapshot-20261124T031800.000000Z"


@pytest.fixture
def pipeline(make_pipeline: MakePipeline, service: RunningService) -> InlinePipeline:
    service.plan(rows=PLAN)
    return make_pipeline()


def look(pipeline: InlinePipeline, **asked: Any) -> Batches:
    given: dict[str, Any] = {"state": None, "limit": 100, "after": None, **asked}
    return asyncio.run(batches(Desk(pipeline.services), **given))


def run_file(pipeline: InlinePipeline, name: str) -> str:
    """Bring a file to its end; gives its key."""
    pipeline.drop(name, CONTENT)
    flow = pipeline.begin(snapshot_id=SNAPSHOT)
    key = (
        flow.backlog[0].key
        if flow.backlog
        else pipeline.services.work.snapshots.read_page(SNAPSHOT, 0)[0].key
    )
    pipeline.live(flow)
    return key


def make_batch(pipeline: InlinePipeline, key: str, shard: str = "0000", snapshot: str = SNAPSHOT) -> str:
    """Make a batch behind the pipeline's back."""
    file_id, _ = pipeline.api.upload("elsewhere.jsonl", io.BytesIO(request("x")))
    while pipeline.api.file_status(file_id) != "processed":
        continue
    return pipeline.api.create(file_id, "/chat/completions", marks(key, shard, snapshot)).batch.batch_id


def test_what_was_made_once_is_known_and_a_second_one_is_a_stray(pipeline: InlinePipeline) -> None:
    key = run_file(pipeline, "a.jsonl")
    listed = look(pipeline)
    assert [(entry.file_key, entry.path, entry.stray) for entry in listed.items] == [
        (key, "a.jsonl", False)
    ] * 2
    second = make_batch(pipeline, key)
    listed = look(pipeline, state="stray")
    assert ([entry.batch_id for entry in listed.items], listed.stray) == ([second], 1)


def test_the_batches_of_what_is_in_work_are_known_by_their_ledgers(pipeline: InlinePipeline) -> None:
    pipeline.drop("a.jsonl", CONTENT)
    flow = pipeline.begin(snapshot_id=SNAPSHOT)
    call = pipeline.live_until(flow, "poll_batches")
    assert call
    (ours,) = look(pipeline).items
    assert (ours.stray, ours.status in ("validating", "in_progress", "finalizing", "completed")) == (
        False,
        True,
    )
    second = make_batch(pipeline, str(ours.file_key))
    assert {entry.batch_id: entry.stray for entry in look(pipeline).items} == {
        ours.batch_id: False,
        second: True,
    }


def test_one_that_no_record_knows_is_a_stray_unless_it_is_older_than_the_records(
    pipeline: InlinePipeline,
) -> None:
    make_batch(pipeline, "f" * 20)
    make_batch(pipeline, "<no key>/../x")
    assert [entry.stray for entry in look(pipeline).items] == [True, True]
    pipeline.wait(40 * 86_400.0)
    assert [entry.stray for entry in look(pipeline).items] == [None, None]


def test_batches_of_others_are_not_shown(pipeline: InlinePipeline) -> None:
    file_id, _ = pipeline.api.upload("others.jsonl", io.BytesIO(request("x")))
    while pipeline.api.file_status(file_id) != "processed":
        continue
    pipeline.api.create(file_id, "/chat/completions", {})
    assert look(pipeline).items == []


def test_however_many_look_the_service_is_asked_once_a_minute(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    run_file(pipeline, "a.jsonl")
    desk = Desk(pipeline.services)
    before = service.counters()["calls"]["list_batches"]["total"]
    for _ in range(5):
        asyncio.run(batches(desk, state=None, limit=1, after=None))
    assert service.counters()["calls"]["list_batches"]["total"] <= before + 2  # two pages, the last one empty
    with pytest.raises(ProblemError, match="begin anew"):
        look(pipeline, after="batch_gone")
