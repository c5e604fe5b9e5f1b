"""Calls about one small file that follow on each other at once hand on what they know, and storage is not asked for it again."""

from collections.abc import Sequence
from contextlib import suppress

import pytest

from domain.errors import PassingError
from tests.activities.conftest import MakePipeline, NewWorld
from tests.activities.crash_points import walk
from tests.activities.inline_pipeline import Blown, Calls, Fuse
from tests.activities.request_files import requests

PATH = "small.jsonl"


def test_a_small_file_is_brought_home_without_reading_what_was_written_just_now(
    make_pipeline: MakePipeline,
) -> None:
    pipeline, calls = make_pipeline(), Calls()
    pipeline.drop(PATH, requests(["one", "two"]))
    flow = pipeline.begin()
    pipeline.live(flow, until=lambda: any(shard.status == "completed" for shard in flow.shards))
    assert not flow.finished
    pipeline.live(flow, calls)
    # The ledger, which has to be ours still; the plan, which tells that the file is not finished; its requests; its state.
    assert (calls.made["read"], calls.made["open"], calls.made["entry"]) == (2, 1, 1)
    assert pipeline.names(pipeline.storage.input) == []


def of_the_end(order: Sequence[str]) -> range:
    """Choose the effects from the last archived copy on: the input goes, the list is written, the records go."""
    return range(len(order) - order[::-1].index("copy"), len(order) + 1)


@pytest.mark.parametrize("dies", [True, False])
def test_files_that_end_together_may_be_cut_off_anywhere(new_world: NewWorld, *, dies: bool) -> None:
    files = [f"{number}.jsonl" for number in range(3)]

    def fail() -> None:
        raise PassingError("The answer got lost.", code="ServerBusy")

    def life(fuse: Fuse) -> None:
        with new_world(POOL="off") as pipeline:
            for path in files:
                pipeline.drop(path, requests([path]))
            fuse.then = None if dies else fail
            flow = pipeline.begin()
            with suppress(Blown):
                pipeline.live(flow, fuse)
            report = pipeline.live(flow)
            if not dies:  # else the answers of calls that were over are lost with those that were not
                assert (report.done, report.tally.ok) == (3, 3)
            pipeline.run()
            delivered = [name for name in pipeline.names(pipeline.storage.processed) if "_output." in name]
            assert len(delivered) == len(files)
            assert pipeline.names(pipeline.storage.input) == []
            left = pipeline.names(pipeline.storage.work)
            assert [name for name in left if name.startswith("files/")] == []
            listed = pipeline.lines(pipeline.storage.work, f"snapshots/{flow.snapshot_id}/done.jsonl")
            assert {line["path"] for line in listed} == set(files)

    walk("end together", life, of_the_end)
