"""A process may die between any two effects. Whatever was done by then: one batch per shard, every outcome, no remains."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from adapters.openai.batch_api import BatchApi
from domain.service.batch_states import BatchView
from local.azure_openai import RunningService
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import Blown, Fuse, InlinePipeline, Steps
from tests.activities.mixed_file import CONTENT, PATH, PLAN, check, request

EFFECTS = 39  # as many crash points are walked; a run without a crash must not have more


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


# --- the ways that are rarer, each with the task hub gone at once ----------------------------------------------------

FAULT = {"code": "invalid_request", "message": "Planned."}
WAYS: dict[str, tuple[dict[str, Any], dict[str, int], int]] = {
    # name: what the service does to the batches, how the requests end, after how many effects all is over
    "halved": ({"first": 1, "invalid": [FAULT]}, {"ok": 2}, 44),
    "lines-cut-out": ({"first": 1, "invalid": [{**FAULT, "line": 2}]}, {"ok": 1, "failed": 1}, 35),
    "full-after-validation": (
        {"first": 1, "invalid": [{"code": "token_limit_exceeded", "message": "Full."}]},
        {"ok": 2},
        27,
    ),
    "expired": ({"first": 1, "ends_as": "expired", "fraction": 0.5}, {"ok": 2}, 34),
    "cancelled": ({"duration_seconds": 1e8}, {"cancelled": 2}, 25),
}
COMMON_BEGIN, COMMON_END = 7, 10  # claim to first batch, archived copy to the report: walked above
POINTS = [
    (name, effect)
    for name, (*_, effects) in WAYS.items()
    for effect in range(COMMON_BEGIN + 1, effects - COMMON_END + 1)
]


@pytest.fixture
def other(make_pipeline: MakePipeline, service: RunningService) -> InlinePipeline:
    return make_pipeline(DEADLINE_HOURS="0.01")


def begin_way(name: str, pipeline: InlinePipeline, service: RunningService) -> None:
    service.plan(batches=[WAYS[name][0]])
    pipeline.drop("x.jsonl", request("one") + request("two"))


def check_way(name: str, pipeline: InlinePipeline, service: RunningService) -> None:
    storage = pipeline.storage
    metadata = pipeline.document(storage.processed, "_metadata.json")
    assert {outcome: count for outcome, count in metadata["outcomes"].items() if count} == WAYS[name][1]
    assert metadata["input_state"] == "present"
    assert pipeline.names(storage.input) == []
    assert [note for note in pipeline.names(storage.work) if not note.startswith("snapshots/")] == []
    assert list(pipeline.api.files_named(pipeline.services.file_prefix)) == []
    worked = {batch["id"] for batch in service.batches() if batch["status"] != "failed"}
    by_content = service.counters()["batches_by_content"].values()
    assert all(len(worked & set(batches)) <= 1 for batches in by_content)


@pytest.mark.parametrize("name", WAYS)
def test_without_a_crash_each_way_has_as_many_effects_as_are_walked(
    other: InlinePipeline, service: RunningService, name: str
) -> None:
    begin_way(name, other, service)
    fuse = Fuse()
    other.run(fuse)
    check_way(name, other, service)
    assert fuse.effects.total() == WAYS[name][2], fuse.effects


@pytest.mark.parametrize(("name", "effect"), POINTS)
def test_the_task_hub_may_be_wiped_after_any_effect_on_any_way(
    other: InlinePipeline, service: RunningService, name: str, effect: int
) -> None:
    begin_way(name, other, service)
    with suppress(Blown):
        other.run(Fuse(effect))
    other.run()
    check_way(name, other, service)


# --- two that live at the same time ----------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", range(1, EFFECTS + 1, 2))  # every other one: each takes two lives
def test_a_file_may_be_taken_over_and_finished_after_any_effect_of_one_that_lives_on(
    pipeline: InlinePipeline, service: RunningService, effect: int
) -> None:
    """The old one was thought to be dead. It goes on from where it was, with everything done already."""
    old = pipeline.begin()
    pipeline.live(old, Fuse(effect, then=pipeline.run))
    pipeline.run()
    check(pipeline, service)


@pytest.mark.parametrize("effect", range(1, 13, 2))
@pytest.mark.parametrize("step", ["submit_batch", "collect_batch", "write_outputs"])
def test_one_that_was_thought_dead_may_go_on_after_any_effect_of_the_one_that_took_over(
    pipeline: InlinePipeline, service: RunningService, step: str, effect: int
) -> None:
    old = pipeline.begin()
    pipeline.live_until(old, step)
    fuse = Fuse(effect, then=lambda: pipeline.live(old))
    pipeline.live(pipeline.begin(fuse), fuse)
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


def test_a_batch_that_the_list_shows_late_is_found_all_the_same(
    pipeline: InlinePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.plan(rows=PLAN, calls=[{"operation": "create_batch", "nth": 1, "connection": "lost"}])
    looks, batches = iter(range(100)), BatchApi.batches

    def lagging(api: BatchApi, **options: Any) -> Iterator[BatchView]:
        return batches(api, **options) if next(looks) >= 3 else iter(())

    monkeypatch.setattr(BatchApi, "batches", lagging)
    pipeline.run()
    check(pipeline, service)
    assert next(looks) > 3


def test_two_apps_that_work_on_the_same_file_at_once_make_one_batch_of_it(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    """The task hub was wiped while its app still ran: the new snapshot takes the file over from under the old one."""
    old = pipeline.begin()
    steps = Steps(pipeline, Fuse())
    for _ in range(3):  # list, prepare, submit
        pipeline.round(old, steps)
    pipeline.run()
    check(pipeline, service)
    pipeline.live(old)
    check(pipeline, service)
