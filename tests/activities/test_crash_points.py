"""A process may die between any two effects. Whatever was done by then: one batch per shard, every outcome, no remains."""

import json
from contextlib import suppress

import pytest

from local.azure_openai import RunningService
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import PREFIX, Blown, Fuse, InlinePipeline, Steps

PATH = "team a/work é.jsonl"
PLAN = [
    {"custom_id": "slow", "first": 1, "effect": "error", "status": 429},
    {"custom_id": "bad", "effect": "error", "status": 400},
]
EFFECTS = 36  # as many crash points are walked; a run without a crash must not have more


def request(custom_id: str) -> bytes:
    body = {"model": "gpt", "messages": [{"role": "user", "content": f"my {custom_id} parcel"}]}
    line = {"custom_id": custom_id, "method": "POST", "url": "/chat/completions", "body": body}
    return json.dumps(line).encode() + b"\n"


CONTENT = request("one") + request("slow") + b"nonsense\n" + request("bad") + request("two")


def check(pipeline: InlinePipeline, service: RunningService) -> None:
    storage = pipeline.storage
    results = pipeline.lines(storage.processed, "_output.jsonl")
    assert [line["custom_id"] for line in results] == ["one", "slow", "two"]
    errors = pipeline.lines(storage.error, "_error.jsonl")
    assert [(line["line"], line["custom_id"], line["outcome"], line["attempts"]) for line in errors] == [
        (3, None, "invalid", 0),
        (4, "bad", "failed", 1),
    ]
    metadata = pipeline.document(storage.processed, "_metadata.json")
    assert metadata["outcomes"] == {
        "ok": 3,
        "failed": 1,
        "invalid": 1,
        "invalid_output": 0,
        "expired": 0,
        "cancelled": 0,
        "missing": 0,
    }
    assert [batch["attempt"] for batch in metadata["batches"]] == [1, 2]
    (archived,) = (name for name in pipeline.names(storage.processed) if name.endswith("/work é.jsonl"))
    assert storage.processed.read(archived)[0] == CONTENT
    assert pipeline.names(storage.input) == []
    assert [name for name in pipeline.names(storage.work) if not name.startswith("snapshots/")] == []
    counted = service.counters()
    assert counted["batches_created"] == 2, "one for the file, one for the request that was throttled"
    assert all(len(batches) == 1 for batches in counted["batches_by_content"].values())
    assert list(pipeline.api.files_named(PREFIX)) == []


@pytest.fixture
def pipeline(make_pipeline: MakePipeline, service: RunningService) -> InlinePipeline:
    service.plan(rows=PLAN)
    made = make_pipeline()
    made.drop(PATH, CONTENT)
    return made


def test_without_a_crash_every_effect_happens_once(pipeline: InlinePipeline, service: RunningService) -> None:
    fuse = Fuse()
    report = pipeline.run(fuse)
    assert (report.files, report.done, report.tally.total) == (1, 1, 5)
    check(pipeline, service)
    assert fuse.effects["upload"] == fuse.effects["create"] == 2
    assert fuse.effects["copy"] == 2
    assert fuse.effects.total() <= EFFECTS


@pytest.mark.parametrize("effect", range(1, EFFECTS + 1))
def test_a_process_may_die_after_any_effect_and_the_next_one_after_any_other(
    pipeline: InlinePipeline, service: RunningService, effect: int
) -> None:
    """The first death costs the round, which the same orchestration begins again; the second one the whole task hub."""
    flow, fuse = None, Fuse(effect)
    with suppress(Blown):
        flow = pipeline.begin(fuse)
        pipeline.live(flow, fuse)
    if flow is not None:
        with suppress(Blown):
            pipeline.live(flow, Fuse(effect % 7 + 1))
    pipeline.run()
    check(pipeline, service)


def test_an_answer_that_is_lost_on_its_way_costs_nothing(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    lost = [
        {"operation": operation, "nth": 1, "connection": "lost"} for operation in ("upload", "create_batch")
    ]
    service.plan(rows=PLAN, calls=lost)
    pipeline.run()
    check(pipeline, service)


def test_two_apps_that_work_on_the_same_file_at_once_make_one_batch_of_it(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    """The task hub was wiped while its app still ran: the new snapshot takes the file over from under the old one."""
    old = pipeline.begin()
    steps = Steps(pipeline, Fuse())
    for _ in range(3):  # list, prepare, submit
        calls = old.next_calls(pipeline.now())
        old.absorb(calls, [steps.answer(call) for call in calls], pipeline.now())
    pipeline.run()
    check(pipeline, service)
    pipeline.live(old)
    check(pipeline, service)
