"""Calls about one small file that follow on each other at once hand on what they know, and storage is not asked for it again."""

from collections import Counter

from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import Fuse
from tests.activities.request_files import requests

PATH = "small.jsonl"


class Calls(Fuse):
    """Counts the calls to storage by their kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.made: Counter[str] = Counter()

    def ahead(self, call: str) -> None:
        self.made[call] += 1


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
