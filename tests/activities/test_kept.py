"""What a process has kept of small files saves reading it again, and counts only where storage agrees."""

from collections import Counter

import pytest

from adapters.work.kept import MOST_BYTES_OF_ONE, OVERHEAD_BYTES, KeptBlobs
from local.azure_openai import RunningService
from steps.collect import outcome_lines
from tests.activities.conftest import MakePipeline, NewWorld
from tests.activities.crash_points import walk
from tests.activities.inline_pipeline import Calls, Fuse, InlinePipeline, Steps
from tests.activities.mixed_file import PLAN
from tests.activities.request_files import request, requests

PATH = "small.jsonl"


def check(pipeline: InlinePipeline, service: RunningService, custom_ids: list[str]) -> None:
    results = pipeline.lines(pipeline.storage.processed, "_output.jsonl")
    assert [line["custom_id"] for line in results] == custom_ids
    assert pipeline.names(pipeline.storage.input) == []
    left = pipeline.names(pipeline.storage.work)
    assert [name for name in left if not name.startswith(("snapshots/", "shares/"))] == []
    assert all(len(batches) == 1 for batches in service.counters()["batches_by_content"].values())
    assert list(pipeline.api.files_named(pipeline.services.file_prefix)) == []


def test_a_small_file_costs_a_dozen_calls_to_storage_of_its_own(
    new_world: NewWorld, service: RunningService
) -> None:
    def calls(files: int) -> Counter[str]:
        counted = Calls()
        with new_world(POOL="off") as pipeline:
            for number in range(files):
                pipeline.drop(f"{number}.jsonl", requests([str(number)]))
            assert pipeline.live(pipeline.begin(counted), counted).done == files
            left = pipeline.names(pipeline.storage.work)
            assert [name for name in left if not name.startswith(("snapshots/", "shares/"))] == []
        return counted.made

    more = calls(5) - calls(2)
    # The plan, four times the ledger, results, metadata; besides, what looks at the batches write for all files together.
    assert 7 * 3 <= more.pop("write") < 8 * 3
    # Wishes at each look; the records of files that end together.
    del more["list"], more["delete_all"]
    assert more == {
        "copy": 2 * 3,  # the claim, the archived copy
        "open": 1 * 3,  # to be checked
        "read": 1 * 3,  # to be sent: it tells that the file is ours to work on still
        "entry": 1 * 3,  # what has become of the input file
        "delete": 1 * 3,
    }


KINDS: dict[str, tuple[str, bytes]] = {
    "batch": ("x.jsonl", request("one")),
    "with a bad line": ("x.jsonl", request("one") + b"nonsense\n"),
    "nothing to send": ("x.jsonl", b"nonsense\n"),
    "live": (
        "x.jsonl",
        request("one", url="/v1/embeddings", body={"model": "emb", "input": "Hello.", "dimensions": 8}),
    ),
    "table": ("x.csv", b"text\nHello\n"),
    "lines": ("x.txt", b"Hello\n"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_has_ended_leaves_no_record_for_others_to_remove(
    make_pipeline: MakePipeline, kind: str
) -> None:
    pipeline, (name, content) = make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt"), KINDS[kind]
    for number in range(3):  # so that some share an activity
        pipeline.drop(f"{number}-{name}", content)
    report = pipeline.live(pipeline.begin())
    assert report.done + report.rejected == 3
    left = pipeline.names(pipeline.storage.work)
    assert [name for name in left if not name.startswith(("snapshots/", "shares/"))] == []


@pytest.mark.parametrize(("first", "in_ledger"), [(2, True), (5, False)])
def test_what_was_kept_is_outdated_by_one_that_took_over(
    new_world: NewWorld,
    shared_service: RunningService,
    monkeypatch: pytest.MonkeyPatch,
    first: int,
    *,
    in_ledger: bool,
) -> None:
    """The old one goes on, with all it has in memory, after any effect of the one that took its file over."""
    if not in_ledger:
        monkeypatch.setattr(outcome_lines, "MOST_BYTES_IN_LEDGER", 0)

    def life(fuse: Fuse) -> None:
        with new_world() as pipeline:
            shared_service.plan(rows=PLAN)
            pipeline.drop(PATH, requests(["one", "slow", "two"]))
            old = pipeline.begin()
            steps = Steps(pipeline, Fuse())
            while not any(shard.batch_id for shard in old.shards):
                pipeline.round(old, steps)

            def go_on() -> None:
                while not old.finished:
                    pipeline.round(old, steps)

            fuse.then = go_on
            pipeline.live(pipeline.begin(fuse), fuse)
            go_on()
            pipeline.run()
            check(pipeline, shared_service, ["one", "slow", "two"])

    walk(f"outdated {in_ledger}", life, lambda order: range(first, len(order) + 1, 6))


def test_outcomes_lie_in_a_blob_where_they_are_many(
    make_pipeline: MakePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the versions before have left them, too: another process goes on with them."""
    monkeypatch.setattr(outcome_lines, "MOST_BYTES_IN_LEDGER", 10)
    pipeline = make_pipeline()
    pipeline.drop(PATH, requests(["one", "two"]))
    flow = pipeline.begin()
    pipeline.live_until(flow, "write_outputs")
    assert any("/outcomes/" in name for name in pipeline.names(pipeline.storage.work))
    pipeline.live(flow)
    pipeline.run()
    check(pipeline, service, ["one", "two"])


def test_little_is_kept_and_the_first_goes_first() -> None:
    kept = KeptBlobs(3 * (OVERHEAD_BYTES + 10))
    for name in "abc":
        kept.keep(name, b"0123456789", "v")
    kept.keep("a", b"9876543210")
    kept.keep("d", b"0123456789")
    assert [name for name in "abcd" if kept.get(name)] == ["a", "c", "d"]
    assert kept.take("a") == (b"9876543210", "")
    assert kept.take("a") is None
    kept.keep("c", bytes(MOST_BYTES_OF_ONE + 1))
    assert kept.get("c") is None
    kept.keep("e", b"")
    kept.keep("f", b"")
    assert [name for name in "def" if kept.get(name)] == ["d", "e", "f"]
