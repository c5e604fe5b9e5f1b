"""Which files a snapshot takes, when others of the same name were there before it."""

import pytest

from tests.activities.conftest import MakePipeline, NewWorld
from tests.activities.inline_pipeline import Blown, Calls, Fuse, InlinePipeline
from tests.activities.request_files import requests

PATH = "x/a.jsonl"
SAME = "snapshot-again"


@pytest.fixture
def pipeline(make_pipeline: MakePipeline) -> InlinePipeline:
    return make_pipeline()


def answered(pipeline: InlinePipeline) -> list[str]:
    storage = pipeline.storage
    outputs = [name for name in pipeline.names(storage.processed) if name.endswith("_output.jsonl")]
    return sorted(line["custom_id"] for name in outputs for line in pipeline.lines(storage.processed, name))


@pytest.mark.parametrize("is_finished", [False, True])
def test_a_new_version_is_left_to_a_snapshot_that_has_not_had_the_old_one(
    pipeline: InlinePipeline, is_finished: bool
) -> None:
    """Both would be written into one folder. The same snapshot comes twice after a crash, or from two hosts."""
    pipeline.drop(PATH, requests(["old"]))
    flow = pipeline.begin(snapshot_id=SAME)
    if is_finished:
        pipeline.live(flow)
    pipeline.drop(PATH, requests(["new"]))
    assert pipeline.live(pipeline.begin(snapshot_id=SAME)).files == (0 if is_finished else 1)
    assert pipeline.storage.input.read(PATH)[0] == requests(["new"])
    assert pipeline.run().done == 1
    assert answered(pipeline) == ["new", "old"]
    assert pipeline.names(pipeline.storage.input) == []


@pytest.mark.parametrize("died_after", [1, 2, 3])  # the note that it takes files, the claim, the manifest
def test_a_snapshot_that_died_while_it_took_files_leaves_a_new_version_to_others(
    pipeline: InlinePipeline, died_after: int
) -> None:
    """The old version is taken over, and finished under the name that the dead snapshot gave it."""
    pipeline.drop(PATH, requests(["old"]))
    with pytest.raises(Blown):
        pipeline.begin(Fuse(died_after), snapshot_id=SAME)
    pipeline.run()
    pipeline.drop(PATH, requests(["new"]))
    pipeline.live(pipeline.begin(snapshot_id=SAME))
    pipeline.run()
    assert answered(pipeline) == ["new", "old"]
    assert pipeline.names(pipeline.storage.input) == []


def test_taking_files_lists_storage_as_often_for_many_as_for_one(new_world: NewWorld) -> None:
    def listings(files: int) -> int:
        seen = Calls()
        with new_world() as pipeline:
            for number in range(files):
                pipeline.drop(f"{number}.jsonl", requests([str(number)]))
            pipeline.begin(seen)
        return seen.made["list"]

    assert listings(1) == listings(5)
