"""What people see of files that share batches: each is a file like any other, and its batches are known."""

import asyncio
from typing import Any

import pytest

from cli.auditing import ServiceView, leftovers
from cli.deliveries import deliveries_beginning
from domain import names
from domain.flow.flow import Flow
from domain.flow.progress import progress
from domain.pooling import LEAST_FILES
from local.azure_openai import RunningService
from steps.look.batches import batches
from steps.look.desk import Desk
from steps.look.file import file_details
from steps.look.files import Wanted, files_of_snapshot
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline
from tests.activities.mixed_file import request
from tests.steps.look.test_batches import make_batch
from tests.steps.look.test_files import SNAPSHOT, Hub

FILES = LEAST_FILES + 1


def path_of(number: int) -> str:
    return f"letters/{number:02d}.jsonl"


@pytest.fixture
def pipeline(make_pipeline: MakePipeline, service: RunningService) -> InlinePipeline:
    made = make_pipeline(POOL="auto")
    for number in range(FILES):
        made.drop(path_of(number), request("one") + request(f"of {number}"))
    return made


def hub_of(flow: Flow) -> Hub:
    hub = Hub()
    hub.progress = progress(flow)
    return hub


def details(pipeline: InlinePipeline, path: str, hub: Hub) -> Any:
    key = names.file_key(path, pipeline.storage.input.entry(path).etag)
    return asyncio.run(file_details(key, None, hub, Desk(pipeline.services)))


def test_a_file_in_work_is_shown_with_its_own_requests_and_the_batches_of_its_pool(
    pipeline: InlinePipeline,
) -> None:
    flow = pipeline.begin(snapshot_id=SNAPSHOT)
    pipeline.live_until(flow, "poll_batches")
    found = details(pipeline, path_of(3), hub_of(flow))
    assert (found.path, found.state, found.snapshot, found.requests) == (
        path_of(3),
        "in_progress",
        SNAPSHOT,
        2,
    )
    assert names.is_file_key(found.pool)
    assert [len(shard.batches) for shard in found.shards] == [1]
    assert found.shared_with == FILES - 1
    pipeline.live(flow)
    key = found.key
    ended = asyncio.run(file_details(key, SNAPSHOT, hub_of(flow), Desk(pipeline.services)))
    assert (ended.batches, ended.shared_with) == (1, FILES - 1)


def test_a_batch_that_files_share_is_counted_once(pipeline: InlinePipeline) -> None:
    flow = pipeline.begin(snapshot_id=SNAPSHOT)
    pipeline.live(flow)
    totals = Desk(pipeline.services).finished(SNAPSHOT).totals
    assert (totals.files, totals.batches) == (FILES, 1)


def test_a_snapshot_lists_its_files_and_counts_them(pipeline: InlinePipeline) -> None:
    flow = pipeline.begin(snapshot_id=SNAPSHOT)
    pipeline.live_until(flow, "poll_batches")
    hub = hub_of(flow)
    assert hub.progress is not None
    assert (hub.progress["files_total"], hub.progress["files_working"], len(hub.progress["files"])) == (
        FILES,
        FILES,
        1,
    )
    page = asyncio.run(files_of_snapshot(SNAPSHOT, Wanted(), hub, Desk(pipeline.services)))
    assert sorted((file.path, file.state) for file in page.items) == [
        (path_of(number), "in_progress") for number in range(FILES)
    ]
    pipeline.live(flow)
    page = asyncio.run(
        files_of_snapshot(SNAPSHOT, Wanted(state="done"), hub_of(flow), Desk(pipeline.services))
    )
    assert sorted((file.path, file.requests, file.batches) for file in page.items) == [
        (path_of(number), 2, 1) for number in range(FILES)
    ]


@pytest.mark.parametrize("ended", [False, True])
def test_a_shared_batch_is_no_stray_and_a_second_one_is(
    pipeline: InlinePipeline, service: RunningService, *, ended: bool
) -> None:
    flow = pipeline.begin(snapshot_id=SNAPSHOT)
    pipeline.live_until(flow, "poll_batches")
    if ended:
        pipeline.live(flow)
    listed = asyncio.run(batches(Desk(pipeline.services), state=None, limit=100, after=None))
    (batch,) = listed.items
    assert (batch.stray, batch.path) == (False, f"({FILES} files)" if ended else None)
    found = leftovers(
        deliveries_beginning("", pipeline.services), pipeline.services, ServiceView(pipeline.services)
    )
    assert (found.strays, found.records) == ([], [])
    if ended:
        twin = make_batch(pipeline, listed.items[0].file_key or "", snapshot=SNAPSHOT)
        found = leftovers(
            deliveries_beginning("", pipeline.services), pipeline.services, ServiceView(pipeline.services)
        )
        assert found.strays == [twin]
