"""What runs that died have left: it is found, it fills no quota, and nobody else's is touched."""

import io
from collections.abc import Iterator

import pytest

from domain import names
from domain.flow.state import Call
from local.azure_openai import RunningService, running
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import Fuse, InlinePipeline, Steps, settings_for
from tests.activities.request_files import requests
from tests.conftest import Containers

DEAD_KEY = "0123456789abcdef0123"
FILES = 5


@pytest.fixture
def small() -> Iterator[RunningService]:
    """A service that holds two input files."""
    with running(speed=20_000, files_without_expiry=2, files_with_expiry=2) as service:
        yield service


def test_notes_that_belong_to_no_claim_are_removed_by_the_next_snapshot(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline()
    for note in (names.plan(DEAD_KEY), names.ledger(DEAD_KEY, "0000"), names.shard_file(DEAD_KEY, "0000")):
        pipeline.storage.work.write(note, b"{}")
    pipeline.drop("a.jsonl", requests("ab"))
    assert pipeline.run().done == 1
    assert [name for name in pipeline.names(pipeline.storage.work) if name.startswith(names.FILES)] == []


@pytest.mark.parametrize("orphans", [0, 2])
def test_a_full_quota_of_files_is_waited_out_and_our_own_files_free_it(
    containers: Containers, small: RunningService, orphans: int
) -> None:
    pipeline = InlinePipeline(settings_for(containers, small))
    for number in range(orphans):
        name = names.service_filename(pipeline.services.file_prefix, DEAD_KEY, f"{number:04d}", 0)
        pipeline.api.upload(name, io.BytesIO(requests("x")))
    for number in range(FILES):
        pipeline.drop(f"{number}.jsonl", requests([f"row-{number}"]))
    report = pipeline.run()
    pipeline.close()
    assert (report.done, report.held) == (FILES, 0)
    assert small.counters()["batches_created"] == FILES
    assert small.counters()["calls"]["upload"]["400"] > 0
    assert small.counters()["files"]["batch"] == []


def test_a_late_submitter_leaves_no_note_about_a_file_that_is_finished(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", requests("ab"))
    late = pipeline.begin()
    steps = Steps(pipeline, Fuse())
    call = pipeline.live_until(late, "submit_batch")
    assert pipeline.run().done == 1
    for begun in (False, True):
        answer = steps.answer(Call("submit_batch", {**call.input, "begun": begun}))
        assert answer["fault"] is not None
        notes = [name for name in pipeline.names(pipeline.storage.work) if name.startswith(names.FILES)]
        assert notes == []
    assert service.counters()["batches_created"] == 1
