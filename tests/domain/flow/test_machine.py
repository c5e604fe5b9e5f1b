"""Single rules of the flow that a story tells better than a thousand histories."""

import json
from typing import Any

import msgspec
import pytest

from domain.contracts import Answer, Fault, OpenShard, Pace, Pause, to_wire
from domain.flow import machine as flow_module
from domain.flow.machine import CALLS_PER_ROUND, Flow
from domain.flow.pacing import MAX_OTHER_TRIES
from domain.flow.progress import progress
from domain.flow.sharing import Allowance
from domain.flow.state import Call, FileState, FileStep, Finished, ShardState, ShardStep
from tests.domain.flow import world as world_module
from tests.domain.flow.history import BEGIN, STATUS_LIMIT_BYTES, History, check_end
from tests.domain.flow.world import Mood, World

FOR_EVER = 10**9  # rounds
PACE = Pace(micro_batch_size=2, max_active_batches=20)


def history(mood: Mood, *, files: int = 3, most_shards: int = 2, pace: Pace = PACE, seed: int = 1) -> History:
    return History(World(mood, files=files, most_shards=most_shards, seed=seed), pace)


def lived(mood: Mood, *, files: int = 3, most_shards: int = 2, pace: Pace = PACE) -> History:
    told = history(mood, files=files, most_shards=most_shards, pace=pace)
    told.live()
    check_end(told)
    return told


@pytest.mark.parametrize("lasting", [0.0, 1.0])
@pytest.mark.parametrize(
    "broken",
    ["prepare_file", "submit_batch", "poll_batches", "collect_batch", "write_outputs", "archive_input"],
)
def test_no_step_that_fails_for_ever_keeps_a_snapshot_alive(
    broken: str, lasting: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow_module, "PATIENCE_POLLS", 3)
    told = history(Mood(lasting=lasting), files=2)
    fault = to_wire(Answer(fault=told.world._fault()))
    answer = told.world.answer
    monkeypatch.setattr(
        told.world, "answer", lambda call, now: fault if call.activity == broken else answer(call, now)
    )
    told.live()
    report = told.flow.report()
    if broken == "poll_batches":
        assert report.done == 2  # with outcomes that say what went wrong
    else:
        assert report.held == 2


def test_small_shards_of_one_deployment_are_sent_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world_module, "MODELS", ("gpt-a",))
    pace = Pace(micro_batch_size=4, max_active_batches=20)
    told = history(Mood(storm_rounds=FOR_EVER, direct=1.0), files=40, most_shards=1, pace=pace)
    sent: list[int] = []
    check = told.check_calls

    def counted(calls: list[Call]) -> None:
        check(calls)
        sent.append(sum(call.activity == "send_slice" for call in calls))

    monkeypatch.setattr(told, "check_calls", counted)
    told.live()
    check_end(told)
    assert max(sent) == 4


def test_a_large_shard_has_its_deployment_for_itself() -> None:
    shards = [
        OpenShard(
            shard=f"000{n}",
            blob="b",
            requests=requests,
            size=9,
            model="gpt",
            url="/v1",
            attempt=1,
            engine="direct",
        )
        for n, requests in enumerate([400, 90, 10, 1])
    ]
    flow = Flow(snapshot_id="snapshot-1", pace=Pace(), files_total=1, pages=0, allowance=Allowance(places=1))
    flow.shards = [ShardState(key="k", shard=shard, step=ShardStep.SEND) for shard in shards]
    assert [call.shard for call in flow.next_calls(BEGIN)] == ["0000", "0001", "0002"]
    flow.shards[0].shard = msgspec.structs.replace(shards[0], requests=501)
    assert [call.shard for call in flow.next_calls(BEGIN)] == ["0000"]


def test_a_list_that_cannot_be_read_fails_the_snapshot_loudly() -> None:
    flow = Flow(snapshot_id="snapshot-1", pace=PACE, files_total=1, pages=1, allowance=Allowance(places=1))
    now, fault = BEGIN, to_wire(Answer(fault=Fault(code="mishap", message="No.", passing=False)))
    for _ in range(MAX_OTHER_TRIES - 1):
        flow.absorb(flow.next_calls(now), [fault], now)
        now = flow.wake_at(now)
    with pytest.raises(RuntimeError, match="its list of files cannot be read: No"):
        flow.absorb(flow.next_calls(now), [fault], now)


@pytest.mark.parametrize(
    "mood", [Mood(storm_rounds=FOR_EVER, quota=1.0), Mood(storm_rounds=FOR_EVER, misconfigured=1.0)]
)
def test_a_deployment_that_takes_nothing_until_the_deadline_sets_its_files_aside(mood: Mood) -> None:
    told = lived(mood)
    assert told.flow.report().held == 3
    assert told.now - BEGIN == pytest.approx(PACE.deadline_seconds, rel=0.05)


def test_a_shard_whose_batches_fail_for_quota_again_and_again_is_set_aside_at_last() -> None:
    """Where the service takes a batch first and fails it for quota minutes later, no submission is ever refused."""
    mood = Mood(storm_rounds=FOR_EVER, again=1.0, ends=("failed",))
    told = lived(mood, files=1, most_shards=1)
    assert told.flow.report().held == 1
    assert told.now - BEGIN == pytest.approx(PACE.deadline_seconds, rel=0.2)


def test_a_queue_that_moves_is_waited_for_however_long_it_is() -> None:
    pace = Pace(deadline_seconds=6 * 3600.0)
    told = lived(Mood(room=1, longest_hours=3), files=24, most_shards=1, pace=pace)
    assert told.now - BEGIN > 2 * pace.deadline_seconds
    assert told.flow.report().done == 24


@pytest.mark.parametrize("broken", ["", "collect_batch", "write_outputs", "archive_input"])
def test_the_state_stays_small_however_many_files_there_are(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the orchestration's input, carried from generation to generation and read at each turn."""
    pace = Pace(micro_batch_size=5, max_active_batches=20)
    told = history(Mood(longest_hours=0.1), files=400, most_shards=1, pace=pace)
    faulty, answer = to_wire(Answer(fault=Fault(code="mishap", message="No."))), told.world.answer
    monkeypatch.setattr(
        told.world, "answer", lambda call, now: faulty if call.activity == broken else answer(call, now)
    )
    most = 0
    while not told.flow.finished and told.world.rounds < 400:
        told.world.rounds += 1
        told.round()
        most = max(most, len(told.flow.files), len(told.flow.shards))
    assert most <= pace.max_active_batches + 5 * pace.micro_batch_size


# --- batches that do not end -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stubborn", [0.0, 1.0])
def test_a_batch_that_never_ends_is_cancelled_at_the_deadline_and_collected_in_the_end(
    stubborn: float,
) -> None:
    told = lived(Mood(storm_rounds=FOR_EVER, endless=1.0, stubborn=stubborn), files=2)
    assert told.flow.report().done == 2
    assert told.now - BEGIN > PACE.deadline_seconds
    assert told.now - BEGIN < PACE.deadline_seconds + 24 * PACE.poll_max_seconds


def test_a_batch_in_a_state_nobody_knows_is_cancelled_long_before_the_deadline() -> None:
    told = lived(Mood(storm_rounds=FOR_EVER, odd=1.0), files=2)
    assert told.flow.report().done == 2
    assert told.now - BEGIN < PACE.deadline_seconds / 4


def test_a_batch_the_service_denies_to_know_for_a_moment_is_not_given_up() -> None:
    flow = flow_of([active(0)], Pace())
    lost, found = {"status": "lost", "lost": True}, {"status": "in_progress"}
    now = BEGIN
    for told in (lost, lost, found, lost, lost, lost, lost):
        (poll,) = flow.next_calls(now)
        flow.absorb([poll], [to_wire(Answer(ok={"news": {"batch-0": told}}))], now)
        now = flow.wake_at(now)
    (poll,) = flow.next_calls(now)
    flow.absorb([poll], [to_wire(Answer(ok={"news": {"batch-0": lost}}))], now)
    assert [call.activity for call in flow.next_calls(now)] == ["collect_batch"]


def test_a_batch_the_service_has_lost_is_collected_as_lost() -> None:
    told = lived(Mood(storm_rounds=FOR_EVER, lost=1.0), files=2)
    assert told.flow.report().done == 2
    assert told.now - BEGIN < 3600


def active(number: int, *, model: str = "gpt-a") -> ShardState:
    shard = OpenShard(shard=f"{number:04d}", blob="b", requests=1, size=1, model=model, url="/v1")
    return ShardState(
        key="key-0", shard=shard, step=ShardStep.ACTIVE, batch_id=f"batch-{number}", submitted_at=BEGIN
    )


def flow_of(shards: list[ShardState], pace: Pace) -> Flow:
    file = FileState(key="key-0", path="a.jsonl", step=FileStep.RUN, requests=len(shards))
    long_after = BEGIN + 300 * 3600  # no look at what the other snapshots hold is due before
    agreed = Allowance(places=len(shards), looked_at=long_after, next_at=long_after)
    return Flow(
        snapshot_id="s", pace=pace, files_total=1, pages=0, files=[file], shards=shards, allowance=agreed
    )


@pytest.mark.parametrize("seen_before", ["submitted", "paused"])
@pytest.mark.parametrize("looks_too_early", [0, 2])
def test_a_batch_that_ended_while_nobody_looked_is_read_although_its_deadline_has_passed(
    seen_before: str, looks_too_early: int
) -> None:
    """After an outage the service refuses the cancellation of what is complete; its results are paid for."""
    flow = flow_of([active(0)], Pace())
    flow.shards[0].status = seen_before
    now = BEGIN + Pace().deadline_seconds
    cancel = Call("cancel_batch", {"batch_id": "batch-0"}, "key-0", "0000")
    flow.absorb([cancel], [to_wire(Answer(ok={"refused": True}))], now)
    completed = {"status": "completed", "ended": True, "output_file_id": "out"}
    for told in [*[{"status": "finalizing"}] * looks_too_early, completed]:
        now = max(now, flow.poll.next_at)
        calls = [call for call in flow.next_calls(now) if call.activity == "poll_batches"]
        flow.absorb(calls, [to_wire(Answer(ok={"news": {"batch-0": told}}))], now)
    (collect,) = [call for call in flow.next_calls(now) if call.activity == "collect_batch"]
    assert (collect.input["status"], collect.input["output_file_id"]) == ("completed", "out")


def test_an_unknown_state_with_nothing_left_to_cancel_ends_with_the_next_look() -> None:
    flow = flow_of([active(0)], Pace())
    flow.shards[0].status = "archived"
    now = BEGIN + Pace().deadline_seconds
    cancel = Call("cancel_batch", {"batch_id": "batch-0"}, "key-0", "0000")
    flow.absorb([cancel], [to_wire(Answer(ok={"refused": True}))], now)
    assert [call.activity for call in flow.next_calls(now)] == ["poll_batches"]
    flow.absorb(flow.next_calls(now), [to_wire(Answer(ok={"news": {}}))], now)
    assert [call.activity for call in flow.next_calls(now)] == ["collect_batch"]


def test_hundreds_of_batches_that_reach_the_deadline_together_are_cancelled_in_several_rounds() -> None:
    """The calls of one round stand in one history; a generation may have 1,000 events."""
    flow = flow_of([active(number) for number in range(500)], Pace())
    now, asked = BEGIN + Pace().deadline_seconds, set()
    cancelled = to_wire(Answer(ok={"refused": False}))
    for _ in range(3):
        calls = [call for call in flow.next_calls(now) if call.activity == "cancel_batch"]
        assert 0 < len(calls) <= CALLS_PER_ROUND
        asked |= {call.shard for call in calls}
        flow.absorb(calls, [cancelled] * len(calls), now)
    assert len(asked) == 500


# --- deployments -----------------------------------------------------------------------------------------------------


def waiting(number: int, model: str) -> ShardState:
    state = active(number, model=model)
    state.step, state.batch_id = ShardStep.SUBMIT, None
    return state


@pytest.mark.parametrize(("paused", "others_go_on"), [("gpt-a", True), (None, False)])
def test_a_full_deployment_holds_up_nobody_else_and_a_missing_role_everybody(
    paused: str | None, others_go_on: bool
) -> None:
    flow = flow_of([waiting(0, "gpt-a"), waiting(1, "gpt-a"), waiting(2, "gpt-b")], Pace(micro_batch_size=1))
    refused = {"model": paused, "kind": "quota", "message": "Full."}
    flow.absorb(flow.next_calls(BEGIN), [to_wire(Answer(ok={"paused": refused}))], BEGIN)
    assert [call.shard for call in flow.next_calls(BEGIN + 1)] == (["0002"] if others_go_on else [])
    assert flow.next_calls(flow.wake_at(BEGIN + 1))


def test_a_full_deployment_is_tried_again_as_soon_as_one_of_its_batches_ends() -> None:
    flow = flow_of([active(0), waiting(1, "gpt-a")], Pace(micro_batch_size=5))
    flow.poll.next_at = BEGIN + 3
    full = to_wire(Answer(ok={"paused": {"model": "gpt-a", "kind": "quota", "message": "Full."}}))
    flow.absorb(flow.next_calls(BEGIN), [full], BEGIN)
    _share, poll = flow.next_calls(BEGIN + 3)
    ended = {"news": {"batch-0": {"status": "completed", "ended": True}}}
    flow.absorb([poll], [to_wire(Answer(ok=ended))], BEGIN + 3.5)
    assert {call.activity for call in flow.next_calls(BEGIN + 3.5)} == {"submit_batch", "collect_batch"}


def test_a_queue_that_tells_how_full_it_is_refuses_only_those_who_do_not_know_yet() -> None:
    told = history(Mood(token_limit=1000), files=30, most_shards=1, pace=Pace(micro_batch_size=5))
    refused = 0
    answer = told.world.answer

    def counting(call: Call, now: float) -> Any:
        nonlocal refused
        answered = answer(call, now)
        refused += bool(call.activity == "submit_batch" and answered["ok"]["paused"])
        return answered

    told.world.answer = counting  # type: ignore[method-assign]
    told.live()
    assert told.flow.report().done == 30
    assert refused <= 10  # of two deployments, in the first round


# --- what people see -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("letter", ["a", "ü", "語", "🦜", '"', "\\", "\t"])
def test_the_progress_document_fits_into_a_custom_status_whatever_the_paths_look_like(letter: str) -> None:
    path = letter * 700
    flow = Flow(
        snapshot_id="s",
        pace=Pace(),
        files_total=100,
        pages=0,
        files=[FileState(key=str(number), path=path, requests=100_000) for number in range(60)],
        recent=[Finished(path=path, state="done", requests=100_000)] * 12,
    )
    for model in range(60):
        flow.pauses.begin(Pause(model=f"gpt-{model}", kind="quota", message=f"{model}{letter * 400}"), BEGIN)
    shown = json.dumps(progress(flow), ensure_ascii=False)
    assert len(shown.encode("utf-16-le")) <= STATUS_LIMIT_BYTES


def test_nothing_to_do_and_nothing_to_wait_for_is_a_defect_that_shows() -> None:
    flow = Flow(snapshot_id="s", pace=PACE, files_total=1, pages=0, files=[FileState(key="a", path="a")])
    flow.files[0].step = FileStep.RUN
    with pytest.raises(RuntimeError, match="nothing to wait for"):
        flow.wake_at(BEGIN)
