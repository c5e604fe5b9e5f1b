"""What people ask for while files are worked on, through the real activities: seen at the next look, whatever dies in between."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.services import Services
from domain import names
from domain.errors import ConflictError, NotFoundError
from domain.flow.flow import Flow
from domain.wishes import Wish, WishKind
from local.azure_openai import RunningService
from steps.intake.at_rest import files_at_rest
from steps.intake.survey import Survey, survey
from steps.wishes import asking
from steps.wishes.asking import AskedFor
from tests.activities.conftest import MakePipeline, NewWorld
from tests.activities.crash_points import STEP, of_its_own, walk
from tests.activities.inline_pipeline import Blown, Fuse, InlinePipeline, Steps, fused
from tests.activities.mixed_file import request
from triggers.purge import purge_wishes

PATH = "team/a.jsonl"
ROWS = request("one") + request("two")
ENDLESS: dict[str, Any] = {"duration_seconds": 1e8}
# A look at the batches in every second of the flow's clock.
OFTEN = {"POLL_MIN_SECONDS": "1", "POLL_MAX_SECONDS": "1"}
NOBODY = ""


async def everybody_is_alive(_snapshot_id: str) -> bool:
    return True


def surveyed(pipeline: InlinePipeline) -> Survey:
    return asyncio.run(survey(pipeline.services, everybody_is_alive, snapshot_id="another"))


def key_of(pipeline: InlinePipeline, path: str = PATH) -> str:
    return names.file_key(path, pipeline.storage.input.entry(path).etag)


def dropped(pipeline: InlinePipeline, path: str = PATH, content: bytes = ROWS) -> str:
    pipeline.drop(path, content)
    return key_of(pipeline, path)


def outcomes(pipeline: InlinePipeline) -> dict[str, int]:
    counts: dict[str, int] = pipeline.document(pipeline.storage.processed, "_metadata.json")["outcomes"]
    return {outcome: count for outcome, count in counts.items() if count}


def nothing_is_left(pipeline: InlinePipeline) -> None:
    assert pipeline.names(pipeline.storage.input) == []
    pipeline.run()  # tidies up
    left = pipeline.names(pipeline.storage.work)
    assert [name for name in left if not name.startswith(("snapshots/", "shares/", "rates/"))] == []
    assert list(pipeline.api.files_named(pipeline.services.file_prefix)) == []


# --- cancelled -------------------------------------------------------------------------------------------------------


def test_a_cancelled_batch_keeps_what_it_has_and_the_rest_is_in_the_retry_file(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    service.plan(batches=[{"ends_as": "cancelled", "fraction": 0.5, "duration_seconds": 1e8}])
    pipeline = make_pipeline(**OFTEN)
    key = dropped(pipeline)
    flow = pipeline.begin()
    pipeline.live_until(flow, "poll_batches")
    asked = asking.cancel(key, "anna", pipeline.services)
    assert (asked.path, asked.seen_seconds) == (PATH, 1.0)
    pipeline.live(flow)
    errors = pipeline.lines(pipeline.storage.error, "_error.jsonl")
    assert outcomes(pipeline)["cancelled"] == len(errors)
    assert {(line["outcome"], line["code"]) for line in errors} == {("cancelled", "batch_cancelled")}
    retry = [line["custom_id"] for line in pipeline.lines(pipeline.storage.error, "_retry.jsonl")]
    assert retry == [line["custom_id"] for line in errors]
    assert service.counters()["batches_created"] == 1
    nothing_is_left(pipeline)


def test_a_file_that_was_not_sent_yet_is_never_sent(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline()
    key = dropped(pipeline)
    flow = pipeline.begin()
    asking.cancel(key, NOBODY, pipeline.services)
    pipeline.live(flow)
    errors = pipeline.lines(pipeline.storage.error, "_error.jsonl")
    assert [(line["outcome"], line["code"], line["attempts"]) for line in errors] == [
        ("cancelled", "cancelled", 0)
    ] * 2
    assert len(pipeline.lines(pipeline.storage.error, "_retry.jsonl")) == 2
    assert service.counters()["batches_created"] == 0
    nothing_is_left(pipeline)


def test_live_calls_that_have_their_answer_keep_it(
    make_pipeline: MakePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steps.direct.slices.SLICE_SECONDS", 0.5)
    pipeline = make_pipeline(ENGINE="direct", REQUESTS_PER_MINUTE="60")
    key = dropped(pipeline, content=b"".join(request(f"{n}") for n in range(30)))
    flow = pipeline.begin()
    pipeline.live_until(flow, "send_slice")
    pipeline.round(flow, Steps(pipeline, Fuse()))
    asking.cancel(key, NOBODY, pipeline.services)
    pipeline.live(flow)
    counted = outcomes(pipeline)
    assert counted["ok"] + counted["cancelled"] == 30
    assert 0 < counted["ok"] == service.counters()["calls"]["live"]["total"]
    errors = pipeline.lines(pipeline.storage.error, "_error.jsonl")
    assert {(line["code"], line["attempts"]) for line in errors} == {("cancelled", 0)}
    nothing_is_left(pipeline)


def test_a_cancelled_snapshot_ends_all_its_files_also_when_it_dies(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    service.plan(batches=[ENDLESS])
    pipeline = make_pipeline(**OFTEN)
    keys = [dropped(pipeline, f"{n}.jsonl") for n in range(3)]
    flow = pipeline.begin()
    pipeline.live_until(flow, "poll_batches")
    asking.cancel_snapshot(flow.snapshot_id, NOBODY, pipeline.services)
    report = pipeline.run()  # another one, to which the files go over
    assert (report.done, report.tally.cancelled) == (3, 6)
    assert pipeline.services.work.wishes.standing().subjects(WishKind.CANCEL) == {flow.snapshot_id, *keys}
    later = dropped(pipeline, "later.jsonl")
    service.plan(batches=[])
    assert pipeline.run().tally.ok == 2, "what was asked about a snapshot is not asked about the next one"
    assert later


# --- and dies in the middle ------------------------------------------------------------------------------------------


def cancelled_life(pipeline: InlinePipeline, service: RunningService, fuse: Fuse, *, engine: str) -> None:
    """People cancel a file after its first submission; the process dies somewhere; another one goes on."""
    service.plan(batches=[ENDLESS])
    key = dropped(pipeline, content=b"nonsense\n" + ROWS)

    def look() -> None:
        if service.counters()["batches_created"] or engine == "direct":
            with suppress(ConflictError, NotFoundError):
                asking.cancel(key, NOBODY, pipeline.services)

    with suppress(Blown):
        flow = pipeline.begin(fuse)
        pipeline.live(flow, fuse, look=look)
    look()
    pipeline.run()
    assert sum(outcomes(pipeline).values()) == 3
    assert service.counters()["batches_created"] <= 1
    nothing_is_left(pipeline)


@pytest.mark.parametrize("first", range(1, STEP + 1))
def test_a_cancelled_file_may_lose_its_process_after_any_effect(
    new_world: NewWorld, service: RunningService, first: int
) -> None:
    def life(fuse: Fuse) -> None:
        with new_world(**OFTEN) as pipeline:
            cancelled_life(pipeline, service, fuse, engine="batch")

    walk("cancelled by people", life, of_its_own(first, "create"))


# --- held, released, approved, put first -----------------------------------------------------------------------------


def test_a_file_that_waits_is_held_until_it_is_released(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline()
    key = dropped(pipeline)
    asked = asking.hold(key, "anna", pipeline.services)
    assert (asked.path, asked.seen_seconds) == (PATH, None)
    assert pipeline.run().files == 0
    pipeline.wait(7 * 3600.0)
    assert not surveyed(pipeline).anything
    told = files_at_rest(pipeline.services)
    assert [(file["key"], file["until"]) for file in told["held"]] == [(key, None)]
    assert [(one["asked"], one["file"], one["by"]) for one in told["asked"]] == [("hold", PATH, "anna")]
    assert asking.release(key, pipeline.services)
    assert not asking.release(key, pipeline.services)
    assert pipeline.run().tally.ok == 2
    nothing_is_left(pipeline)


def test_a_file_that_was_taken_and_has_not_begun_is_held_until_it_is_released(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline()
    key = dropped(pipeline)
    flow = pipeline.begin()
    asking.hold(key, NOBODY, pipeline.services)
    assert pipeline.live(flow).held == 1
    pipeline.wait(7 * 3600.0)
    assert not surveyed(pipeline).anything
    (held,) = files_at_rest(pipeline.services)["held"]
    assert (held["key"], held["until"]) == (key, None)
    assert asking.release(key, pipeline.services)
    assert pipeline.run().tally.ok == 2


def test_a_file_that_is_held_can_be_cancelled(make_pipeline: MakePipeline, service: RunningService) -> None:
    pipeline = make_pipeline(MAX_TOKENS_PER_FILE="1")
    key = dropped(pipeline)
    assert pipeline.run().held == 1
    asking.hold(key, NOBODY, pipeline.services)
    assert asking.cancel(key, NOBODY, pipeline.services).seen_seconds is None
    assert pipeline.run().tally.cancelled == 2
    assert service.counters()["batches_created"] == 0
    nothing_is_left(pipeline)


def test_one_file_goes_beyond_its_budget_and_the_others_do_not(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline(MAX_TOKENS_PER_FILE="1")
    key, other = dropped(pipeline), dropped(pipeline, "other.jsonl")
    assert pipeline.run().held == 2
    asking.approve(key, "anna", pipeline.services)
    report = pipeline.run()
    assert (report.files, report.tally.ok) == (1, 2)
    assert [held["key"] for held in files_at_rest(pipeline.services)["held"]] == [other]


def test_those_that_people_want_first_are_taken_prepared_and_submitted_first(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline(MICRO_BATCH_SIZE="1")
    keys = {path: dropped(pipeline, path) for path in ("a.jsonl", "b.jsonl", "urgent/c.jsonl", "d.jsonl")}
    asking.prioritise_folder("/urgent", 5, NOBODY, pipeline.services)
    asking.prioritise(keys["a.jsonl"], -1, NOBODY, pipeline.services)
    flow = pipeline.begin()
    pipeline.live_until(flow, "prepare_file")
    known = [file.path for file in flow.files] + [file.path for file in flow.backlog]
    assert known == [
        "urgent/c.jsonl",
        "b.jsonl",
        "d.jsonl",
        "a.jsonl",
    ]
    asking.prioritise(keys["d.jsonl"], 9, NOBODY, pipeline.services)
    asking.prioritise(keys["d.jsonl"], 7, NOBODY, pipeline.services)
    assert pipeline.live(flow).done == 4


# --- what makes no sense, and what is asked twice --------------------------------------------------------------------


ASKS: dict[str, Callable[[str, Services], AskedFor]] = {
    "cancel": lambda key, services: asking.cancel(key, NOBODY, services),
    "hold": lambda key, services: asking.hold(key, NOBODY, services),
    "approve": lambda key, services: asking.approve(key, NOBODY, services),
    "priority": lambda key, services: asking.prioritise(key, 3, NOBODY, services),
}


@pytest.fixture
def begun(make_pipeline: MakePipeline, service: RunningService) -> tuple[InlinePipeline, Flow, str]:
    service.plan(batches=[ENDLESS])
    pipeline = make_pipeline(**OFTEN)
    key = dropped(pipeline)
    flow = pipeline.begin()
    pipeline.live_until(flow, "poll_batches")
    return pipeline, flow, key


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("key", ["", "../../etc", "0" * 20, "G" * 20])
def test_nothing_can_be_asked_about_what_is_not_there(
    make_pipeline: MakePipeline, ask: str, key: str
) -> None:
    pipeline = make_pipeline()
    with pytest.raises(NotFoundError):
        ASKS[ask](key, pipeline.services)
    assert pipeline.names(pipeline.storage.work) == []


def test_what_has_begun_cannot_be_held_and_what_has_not_cannot_be_cancelled(
    begun: tuple[InlinePipeline, Flow, str],
) -> None:
    pipeline, _, key = begun
    with pytest.raises(ConflictError, match="has begun"):
        asking.hold(key, NOBODY, pipeline.services)
    waiting = dropped(pipeline, "waiting.jsonl")
    with pytest.raises(ConflictError, match="Hold it, or delete it"):
        asking.cancel(waiting, NOBODY, pipeline.services)
    asking.cancel(key, NOBODY, pipeline.services)
    with pytest.raises(ConflictError, match="is being cancelled"):
        asking.hold(key, NOBODY, pipeline.services)


@pytest.mark.parametrize("ask", ["cancel", "approve", "priority"])
def test_asked_twice_is_asked_once(begun: tuple[InlinePipeline, Flow, str], ask: str) -> None:
    pipeline, _, key = begun
    for _ in range(2):
        ASKS[ask](key, pipeline.services)
    (wish,) = pipeline.services.work.wishes.standing().wishes
    assert (wish.kind, wish.subject) == (WishKind(ask), key)


def test_a_file_that_is_done_cannot_be_asked_about_though_it_lies_there(
    begun: tuple[InlinePipeline, Flow, str],
) -> None:
    pipeline, _, key = begun
    pipeline.services.work.claims.finish(key, code="LeaseIdMissing", reason="It is leased.", at=1.0)
    for ask in ASKS.values():
        with pytest.raises(ConflictError, match="is done"):
            ask(key, pipeline.services)


# --- the intake ------------------------------------------------------------------------------------------------------


def test_a_paused_intake_takes_no_new_file_and_goes_on_with_what_has_begun(
    begun: tuple[InlinePipeline, Flow, str], service: RunningService
) -> None:
    pipeline, flow, key = begun
    wishes = pipeline.services.work.wishes
    assert wishes.pause_intake("anna", 1.0)
    assert not wishes.pause_intake("berta", 2.0)
    dropped(pipeline, "new.jsonl")
    found = surveyed(pipeline)
    assert not found.anything
    assert files_at_rest(pipeline.services)["intake"] == "paused"
    asking.cancel(key, NOBODY, pipeline.services)
    assert pipeline.run().files == 1, "the files of dead snapshots are brought to their end"
    assert wishes.resume_intake()
    assert not wishes.resume_intake()
    assert pipeline.begin().files_total == 1
    assert flow.files


def test_a_wish_can_be_made_with_nothing_but_its_name(
    begun: tuple[InlinePipeline, Flow, str],
) -> None:
    pipeline, flow, key = begun
    work = pipeline.storage.work
    work.write(names.wish(key, "cancel"), b"")
    work.write(names.wish(key, "some-later-kind"), b"")
    work.write(f"{names.WISHES}odd", b"")
    pipeline.live(flow)
    assert outcomes(pipeline) == {"cancelled": 2}


def test_what_was_asked_about_old_snapshots_is_forgotten_with_them(make_pipeline: MakePipeline) -> None:
    wishes = make_pipeline().services.work.wishes
    for day in (1, 3):
        wishes.make(Wish(kind=WishKind.CANCEL, subject=f"snapshot-2026010{day}T000000.000Z"))
    purge_wishes(wishes, datetime(2026, 1, 2, tzinfo=UTC))
    assert wishes.standing().subjects(WishKind.CANCEL) == {"snapshot-20260103T000000.000Z"}


def test_a_file_that_was_released_and_taken_is_held_again(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    """It was taken over, so that it is not certain that nothing has begun: its records say so."""
    pipeline = make_pipeline()
    key = dropped(pipeline)
    asking.hold(key, NOBODY, pipeline.services)
    assert asking.release(key, pipeline.services)
    flow = pipeline.begin()
    pipeline.live_until(flow, "submit_batch")
    taken_over = pipeline.begin()
    asking.hold(key, NOBODY, pipeline.services)
    assert pipeline.live(taken_over).held == 1
    assert service.counters()["batches_created"] == 0


def test_what_was_asked_about_files_and_folders_is_forgotten_when_it_is_over(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline()
    wishes = pipeline.services.work.wishes
    for subject in ("0" * 20, "snapshot-20260101T000000.000Z"):
        wishes.make(Wish(kind=WishKind.CANCEL, subject=subject))
    asking.prioritise_folder("kept", 1, NOBODY, pipeline.services)
    asking.prioritise_folder("unsaid", 0, NOBODY, pipeline.services)
    pipeline.run()
    assert {wish.about for wish in wishes.standing().wishes} == {
        "snapshot-20260101T000000.000Z",
        "kept/",
        "unsaid/",
    }
    pipeline.wait(2 * 86_400.0)
    pipeline.run()
    assert {wish.about for wish in wishes.standing().wishes} == {"snapshot-20260101T000000.000Z", "kept/"}


@pytest.mark.parametrize("ask", ["cancel", "approve", "release"])
@pytest.mark.parametrize("effect", [1, 2])
def test_who_asks_may_lose_the_process_in_between_and_asks_again(
    make_pipeline: MakePipeline, service: RunningService, ask: str, effect: int
) -> None:
    pipeline = make_pipeline(MAX_TOKENS_PER_FILE="1")
    key = dropped(pipeline)
    assert pipeline.run().held == 1
    asking.hold(key, NOBODY, pipeline.services)

    def act(services: Services) -> None:
        if ask == "release":
            asking.release(key, services)
        else:
            ASKS[ask](key, services)

    with suppress(Blown):
        act(fused(pipeline.services, Fuse(effect)))
    act(pipeline.services)
    if ask == "approve":
        asking.release(key, pipeline.services)
    report = pipeline.run()
    assert (report.files, report.held) == (1, ask == "release")


@pytest.mark.parametrize(("ask", "outcome"), [("approve", "ok"), ("cancel", "cancelled")])
def test_what_is_asked_just_before_a_file_is_set_aside_is_heard(
    make_pipeline: MakePipeline, service: RunningService, ask: str, outcome: str
) -> None:
    pipeline = make_pipeline(MAX_TOKENS_PER_FILE="1")
    key = dropped(pipeline)
    flow = pipeline.begin()
    pipeline.live_until(flow, "hold_file")
    getattr(asking, ask)(key, "anna", pipeline.services)
    assert pipeline.live(flow).held == 1
    assert pipeline.run().done == 1
    assert set(outcomes(pipeline)) == {outcome}
    nothing_is_left(pipeline)
