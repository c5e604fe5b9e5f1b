"""An interrupted run of the accelerator is taken over as it is: what has a batch is collected, and nothing is paid twice."""

import io
import json

import pytest

from domain import names
from local.azure_openai import RunningService
from steps.intake.takeover import Fate, TakenOver, survey_takeover, take_over
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline
from tests.activities.request_files import requests

IDS = ["row-0", "row-1", "row-2"]
CONTENT = requests(IDS)
SNAPSHOT = "snapshot-20261124T031800.000001Z"


def sent_by_the_accelerator(pipeline: InlinePipeline, path: str, content: bytes = CONTENT) -> str:
    """Do what it does: a file of the service with the path as its name, and a batch without metadata."""
    pipeline.drop(path, content)
    api = pipeline.api
    file_id, _ = api.upload(path, io.BytesIO(content))
    while api.file_status(file_id) != "processed":
        pass
    return api.create(file_id, "/chat/completions", {}).batch.batch_id


def delivered_by_the_accelerator(pipeline: InlinePipeline, path: str, content: bytes = CONTENT) -> str:
    """Write what it writes, as far as the deletion of the input."""
    pipeline.drop(path, content)
    name = path.rpartition("/")[2]
    stem = name.partition(".")[0]
    folder = f"/{stem}_2025-02-03_04_05_06/"
    metadata = {"file_name": path, "batch_job_id": "batch_x", "token_size": "N/A"}
    pipeline.storage.processed.write(f"{folder}{stem}_metadata.jsonl", json.dumps(metadata).encode())
    pipeline.storage.processed.write(f"{folder}{stem}_output.jsonl", b"{}\n")
    pipeline.storage.processed.write(f"{folder}{name}", content)
    return folder


def by_file(found: list[TakenOver]) -> dict[str, TakenOver]:
    return {each.file: each for each in found}


def everything(pipeline: InlinePipeline) -> list[list[str]]:
    storage = pipeline.storage
    return [
        pipeline.names(container)
        for container in (storage.input, storage.processed, storage.error, storage.work)
    ]


@pytest.mark.parametrize("is_running", [True, False], ids=["running", "completed"])
def test_a_file_with_a_batch_is_collected_from_it(
    make_pipeline: MakePipeline, service: RunningService, is_running: bool
) -> None:
    pipeline = make_pipeline()
    if is_running:
        service.plan(batches=[{"filename": "x/a.jsonl", "stuck_in": "in_progress"}])
    batch_id = sent_by_the_accelerator(pipeline, "x/a.jsonl")
    pipeline.drop("new.jsonl", requests(["new"]))
    before = everything(pipeline)
    found = survey_takeover(pipeline.services)
    assert everything(pipeline) == before
    told = by_file(found)
    assert (told["x/a.jsonl"].fate, told["x/a.jsonl"].batch_id) == (Fate.ADOPT, batch_id)
    assert told["new.jsonl"].fate is Fate.NEW
    take_over(found, pipeline.services, SNAPSHOT)
    assert [each.done for each in found] == [each.fate is Fate.ADOPT for each in found]
    if is_running:
        service.plan()
        service.force(batch_id, "completed")
    report = pipeline.run()
    assert (report.done, report.tally.ok) == (2, 4)
    results = [name for name in pipeline.names(pipeline.storage.processed) if name.endswith("a_output.jsonl")]
    answered = [
        json.loads(line)["custom_id"] for line in pipeline.storage.processed.read(results[0])[0].splitlines()
    ]
    assert answered == IDS
    assert len(service.batches()) == 2
    assert not service.counters()["answers"]["served_more_than_once"]
    assert not any(service.counters()["files"].values())


def test_a_file_that_was_delivered_is_not_sent_again(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline()
    folder = delivered_by_the_accelerator(pipeline, "x/a.jsonl")
    delivered_by_the_accelerator(pipeline, "b.jsonl")
    pipeline.drop("b.jsonl", requests(["replaced"]))
    found = survey_takeover(pipeline.services)
    told = by_file(found)
    assert (told["x/a.jsonl"].fate, told["b.jsonl"].fate) == (Fate.DELIVERED, Fate.NEW)
    assert told["x/a.jsonl"].results == f"{pipeline.storage.processed.name}/{folder}"
    take_over(found, pipeline.services, SNAPSHOT)
    assert pipeline.names(pipeline.storage.input) == ["b.jsonl"]
    assert not service.batches()


def test_what_is_not_certain_is_left_alone(make_pipeline: MakePipeline, service: RunningService) -> None:
    pipeline = make_pipeline()
    sent_by_the_accelerator(pipeline, "a.jsonl")
    pipeline.drop("a.jsonl", requests(["another", "content"]))
    same_size = CONTENT.replace(b"}\n{", b"}  ", 1)  # as long, and of two lines
    sent_by_the_accelerator(pipeline, "b.jsonl")
    pipeline.drop("b.jsonl", same_size)
    found = survey_takeover(pipeline.services)
    assert by_file(found)["a.jsonl"].fate is Fate.UNCLEAR
    take_over(found, pipeline.services, SNAPSHOT)
    for each in found:
        assert (each.fate, each.done) == (Fate.UNCLEAR, False)
        assert each.reason
    assert pipeline.names(pipeline.storage.work) == []


def test_of_several_batches_the_best_is_taken_and_failed_ones_are_none(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline()
    service.plan(
        batches=[
            {"filename": "failed.jsonl", "ends_as": "failed"},
            {"filename": "a.jsonl", "nth": 2, "stuck_in": "in_progress"},
        ]
    )
    first = sent_by_the_accelerator(pipeline, "a.jsonl")
    second = sent_by_the_accelerator(pipeline, "a.jsonl")
    failed = sent_by_the_accelerator(pipeline, "failed.jsonl")
    while pipeline.api.batch(first).status != "completed" or pipeline.api.batch(failed).status != "failed":
        pass
    told = by_file(survey_takeover(pipeline.services))
    assert (told["a.jsonl"].batch_id, told["a.jsonl"].other_batches) == (first, [second])
    assert told["failed.jsonl"].fate is Fate.NEW


def test_what_this_app_has_is_its_own(make_pipeline: MakePipeline, service: RunningService) -> None:
    pipeline = make_pipeline()
    sent_by_the_accelerator(pipeline, "a.jsonl")
    found = survey_takeover(pipeline.services)
    pipeline.begin()
    assert by_file(survey_takeover(pipeline.services))["a.jsonl"].fate is Fate.CLAIMED
    take_over(found, pipeline.services, SNAPSHOT)
    assert (found[0].fate, found[0].done) == (Fate.CLAIMED, False)
    key = names.key_of_frozen_input(pipeline.names(pipeline.storage.work)[0])
    assert key is not None
