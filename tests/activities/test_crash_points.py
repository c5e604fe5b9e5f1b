"""A process may die between any two effects. Whatever was done by then: one batch per shard, every outcome, no remains."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from adapters.openai.batch_api import BatchApi
from domain.service.batch_states import BatchView
from local.azure_openai import RunningService
from tests.activities.conftest import MakePipeline, NewWorld
from tests.activities.crash_points import STEP, die_twice, every_fourth, of_its_own, walk
from tests.activities.inline_pipeline import Blown, Fuse, InlinePipeline, Steps
from tests.activities.mixed_file import CONTENT, PATH, PLAN, check, request


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


@pytest.mark.parametrize("first", range(1, STEP + 1))
def test_a_process_may_die_after_any_effect_and_the_next_one_after_any_other(
    new_world: NewWorld, service: RunningService, first: int
) -> None:
    """The first death costs the round, which the same orchestration begins again; the second one the whole task hub."""

    def life(fuse: Fuse) -> None:
        with new_world() as pipeline:
            service.plan(rows=PLAN)
            pipeline.drop(PATH, CONTENT)
            die_twice(pipeline, fuse)
            pipeline.run()
            check(pipeline, service)

    walk("twice", life, every_fourth(first))


# --- the ways that are rarer, each with the task hub gone at once ----------------------------------------------------

FAULT = {"code": "invalid_request", "message": "Planned."}
# The flow's clock is set forward from look to look: one a second comes to the deadline in a few.
WITH_DEADLINE = {"DEADLINE_HOURS": "0.01", "POLL_MIN_SECONDS": "1", "POLL_MAX_SECONDS": "1"}
WAYS: dict[str, tuple[dict[str, Any], dict[str, int]]] = {
    # name: what the service does to the batches, how the requests end
    "halved": ({"first": 1, "invalid": [FAULT]}, {"ok": 2}),
    "lines-cut-out": ({"first": 1, "invalid": [{**FAULT, "line": 2}]}, {"ok": 1, "failed": 1}),
    "full-after-validation": (
        {"first": 1, "invalid": [{"code": "token_limit_exceeded", "message": "Full."}]},
        {"ok": 2},
    ),
    "expired": ({"first": 1, "ends_as": "expired", "fraction": 0.5}, {"ok": 2}),
    "cancelled": ({"duration_seconds": 1e8}, {"cancelled": 2}),
}


def test_a_walk_that_has_no_effect_to_die_after_is_a_failure() -> None:
    with pytest.raises(AssertionError, match="No effect to die after"):
        walk("nothing", lambda _: None, every_fourth(1))


def test_a_walk_dies_after_each_effect_and_tells_which_one_did_harm() -> None:
    deaths: list[int | None] = []

    def life(fuse: Fuse) -> None:
        deaths.append(fuse.blows_after)
        with suppress(Blown):
            for effect in "abcdefg":
                fuse.passed(effect)
        assert fuse.order != list("abcdef")

    with pytest.raises(AssertionError) as found:
        walk("letters", life, every_fourth(2))
    assert deaths == [None, 2, 6]
    assert "effect 6 of" in found.value.__notes__[0]
    deaths.clear()
    walk("letters", life, every_fourth(1))
    assert deaths == [1, 5]


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


@pytest.mark.parametrize("first", range(1, STEP + 1))
@pytest.mark.parametrize("name", WAYS)
def test_the_task_hub_may_be_wiped_after_any_effect_on_any_way(
    new_world: NewWorld, service: RunningService, name: str, first: int
) -> None:
    def life(fuse: Fuse) -> None:
        with new_world(**(WITH_DEADLINE if name == "cancelled" else {})) as pipeline:
            begin_way(name, pipeline, service)
            with suppress(Blown):
                pipeline.run(fuse)
            pipeline.run()
            check_way(name, pipeline, service)

    walk(name, life, of_its_own(first, "create"))


# --- two that live at the same time ----------------------------------------------------------------------------------


@pytest.mark.parametrize("first", range(1, STEP + 1, 2))  # every other effect: each takes two lives
def test_a_file_may_be_taken_over_and_finished_after_any_effect_of_one_that_lives_on(
    new_world: NewWorld, service: RunningService, first: int
) -> None:
    """The old one was thought to be dead. It goes on from where it was, with everything done already."""

    def life(fuse: Fuse) -> None:
        with new_world() as pipeline:
            service.plan(rows=PLAN)
            pipeline.drop(PATH, CONTENT)
            fuse.then = pipeline.run
            pipeline.live(pipeline.begin(), fuse)
            pipeline.run()
            check(pipeline, service)

    walk("taken over", life, every_fourth(first))


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
