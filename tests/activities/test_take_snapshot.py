"""Which files a snapshot takes, when others of the same name were there before it."""

import pytest

from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline
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
