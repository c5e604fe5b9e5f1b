"""Small files share batches; each has its own results, errors, metadata and end, as if it had been sent alone."""

import json
from typing import Any

import pytest

from domain.pooling import LEAST_FILES
from local.azure_openai import RunningService
from tests.activities.conftest import MakePipeline, NewWorld
from tests.activities.crash_points import STEP, die_twice, every_fourth, walk
from tests.activities.inline_pipeline import Fuse, InlinePipeline
from tests.activities.mixed_file import request

FILES = LEAST_FILES + 2


def path_of(number: int) -> str:
    return f"letters/{number:02d}.jsonl"


def content_of(number: int) -> bytes:
    """The same ids in each file; some files have a bad line, or a request that fails, or one that is throttled once."""
    lines = request("one") + request("two")
    if number == 3:
        lines += b"nonsense\n"
    if number == 4:
        lines += request("bad")
    if number == 5:
        lines += request("slow")
    return lines.replace(b"parcel", b"parcel %d" % number)


def drop_files(pipeline: InlinePipeline, files: int = FILES) -> None:
    for number in range(files):
        pipeline.drop(path_of(number), content_of(number))


# In a pool, and alone.
PLAN = [
    *({"custom_id": custom_id, "effect": "error", "status": 400} for custom_id in ("4-bad", "bad")),
    *(
        {"custom_id": custom_id, "first": 1, "effect": "error", "status": 429}
        for custom_id in ("5-slow", "slow")
    ),
]


def outputs(pipeline: InlinePipeline, suffix: str) -> dict[str, list[Any]]:
    """JSON lines of the outputs that end so, by the stem of their input file."""
    found = {}
    for container in (pipeline.storage.processed, pipeline.storage.error):
        for name in pipeline.names(container):
            if name.endswith(suffix):
                stem = name.rpartition("/")[2].removesuffix(suffix)
                found[stem] = [json.loads(line) for line in container.read(name)[0].splitlines() if line]
    return found


def documents(pipeline: InlinePipeline) -> dict[str, Any]:
    storage = pipeline.storage
    found = [
        json.loads(storage.processed.read(name)[0])
        for name in pipeline.names(storage.processed)
        if name.endswith("_metadata.json")
    ]
    return {document["file"]: document for document in found}


def check(pipeline: InlinePipeline, service: RunningService, files: int = FILES) -> None:
    results, errors, told = (
        outputs(pipeline, "_output.jsonl"),
        outputs(pipeline, "_error.jsonl"),
        documents(pipeline),
    )
    assert sorted(told) == [path_of(number) for number in range(files)]
    for number in range(files):
        stem = f"{number:02d}"
        expected = ["one", "two", *(["slow"] if number == 5 else [])]
        assert [line["custom_id"] for line in results[stem]] == expected
        assert told[path_of(number)]["status"] == (
            "completed_with_errors" if number in (3, 4) else "completed"
        )
    assert {
        stem: [(line["line"], line["custom_id"], line["outcome"]) for line in lines]
        for stem, lines in errors.items()
    } == {
        "03": [(3, None, "invalid")],
        "04": [(3, "bad", "failed")],
    }
    assert pipeline.names(pipeline.storage.input) == []
    left = pipeline.names(pipeline.storage.work)
    assert [name for name in left if not name.startswith(("snapshots/", "shares/"))] == []
    assert list(pipeline.api.files_named(pipeline.services.file_prefix)) == []
    counted = service.counters()
    assert all(len(batches) == 1 for batches in counted["batches_by_content"].values())


@pytest.fixture
def pipeline(make_pipeline: MakePipeline, service: RunningService) -> InlinePipeline:
    service.plan(rows=PLAN)
    made = make_pipeline(POOL="auto")
    drop_files(made)
    return made


def test_files_share_a_batch_and_each_has_its_own_outputs(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    report = pipeline.run()
    assert (report.files, report.done, report.tally.total, report.tally.failed) == (
        FILES,
        FILES,
        2 * FILES + 3,
        1,
    )
    check(pipeline, service)
    assert service.counters()["batches_created"] == 2, (
        "one for all files, one for the request that was throttled"
    )
    told = documents(pipeline)
    ids = {path: [batch["batch_id"] for batch in document["batches"]] for path, document in told.items()}
    (shared,) = {batches[0] for batches in ids.values()}
    assert {path: len(batches) for path, batches in ids.items() if len(batches) != 1} == {path_of(5): 2}
    assert shared


def test_the_tokens_of_the_files_are_those_of_the_batches(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    report = pipeline.run()
    told = documents(pipeline).values()
    assert report.tally.input_tokens == sum(document["input_tokens"] for document in told) > 0
    assert report.tally.output_tokens == sum(document["output_tokens"] for document in told) > 0


@pytest.fixture
def one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Effects come in the same order each time, and the first one after a death is the last."""
    for module in (
        "steps.pool.members",
        "steps.pool.plan",
        "steps.pool.delivery",
        "steps.pool.ending",
        "steps.pool.holding",
    ):
        monkeypatch.setattr(f"{module}.CALLS_AT_ONCE", 1)
    monkeypatch.setattr("steps.intake.take.CLAIMS_AT_ONCE", 1)
    for module in ("steps.pool.plan", "steps.pool.delivery"):
        monkeypatch.setattr(f"{module}.AHEAD", 0)
    monkeypatch.setattr("domain.pooling.LEAST_FILES", 6)


@pytest.mark.parametrize("first", range(1, STEP + 1))
@pytest.mark.usefixtures("one_after_the_other")
def test_a_process_may_die_after_any_effect_about_a_pool(
    new_world: NewWorld, service: RunningService, first: int
) -> None:
    def life(fuse: Fuse) -> None:
        with new_world(POOL="auto") as pipeline:
            service.plan(rows=PLAN)
            drop_files(pipeline, 6)
            die_twice(pipeline, fuse)
            pipeline.run()
            check(pipeline, service, 6)

    walk("pool", life, every_fourth(first))
