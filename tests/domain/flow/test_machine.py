"""Single rules of the flow that a story tells better than a thousand histories."""

import json
from typing import Any

import pytest

from domain.contracts import Answer, Fault, OpenShard, Pause, SnapshotSettings, to_wire
from domain.flow.flow import MOST_REASONS, Flow
from domain.flow.machine import answer_of, begin_calls, end_call
from domain.flow.pacing import EARLY_SECONDS, MAX_OTHER_TRIES
from domain.flow.progress import progress
from domain.flow.sharing import Allowance
from domain.flow.state import Call, FileState, FileStep, Finished, ForbiddenMoveError, ShardState, ShardStep
from domain.flow.steps import cancel as cancel_step
from domain.flow.steps import poll as poll_step
from domain.flow.steps.poll import PATIENCE_LOOKS_FOR_LOST, PATIENCE_SECONDS_FOR_LOST
from tests.domain.flow import world as world_module
from tests.domain.flow.history import BEGIN, STATUS_LIMIT_BYTES, History, check_end
from tests.domain.flow.world import Mood, World

FOREVER = 10**9  # looks
SETTINGS = SnapshotSettings(micro_batch_size=2, max_active_batches=20)


def begun(flow: Flow, now: float, activity: str = "") -> list[Call]:
    """Begin what may begin now; gives the calls, or those of one activity."""
    return [
        call
        for call in begin_calls(flow, now, most=10_000).begun
        if call.activity == activity or not activity
    ]


def answer(flow: Flow, call: Call, now: float, **ok: Any) -> None:
    end_call(flow, call, Answer(ok=ok), now)


def woken(flow: Flow, now: float) -> float:
    """When the next look is due; whatever may begin now does."""
    at = begin_calls(flow, now, most=10_000).wake_at
    assert at is not None
    return at


def history(
    mood: Mood, *, files: int = 3, most_shards: int = 2, settings: SnapshotSettings = SETTINGS, seed: int = 1
) -> History:
    return History(World(mood, files=files, most_shards=most_shards, seed=seed), settings)


def lived(
    mood: Mood, *, files: int = 3, most_shards: int = 2, settings: SnapshotSettings = SETTINGS
) -> History:
    told = history(mood, files=files, most_shards=most_shards, settings=settings)
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
    monkeypatch.setattr(cancel_step, "PATIENCE_POLLS", 3)
    monkeypatch.setattr(poll_step, "PATIENCE_POLLS", 3)
    told = history(Mood(lasting=lasting), files=2)
    fault = to_wire(Answer(fault=told.world._fault()))
    carried_out = told.world.answer
    monkeypatch.setattr(
        told.world, "answer", lambda call, now: fault if call.activity == broken else carried_out(call, now)
    )
    told.live()
    report = told.report()
    if broken == "poll_batches":
        assert report.done == 2  # with outcomes that say what went wrong
    else:
        assert report.held == 2


def test_small_shards_of_one_deployment_are_sent_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world_module, "MODELS", ("gpt-a",))
    settings = SnapshotSettings(micro_batch_size=4, max_active_batches=20)
    told = history(Mood(storm_rounds=FOREVER, direct=1.0), files=40, most_shards=1, settings=settings)
    sent: list[int] = []
    check = told.check_under_way

    def counted(flow: Flow) -> None:
        check(flow)
        sent.append(len(flow.calls_of("send_slice")))

    monkeypatch.setattr(told, "check_under_way", counted)
    told.live()
    check_end(told)
    assert max(sent) == 4


def live(number: int, requests: int) -> ShardState:
    shard = OpenShard(
        shard=f"{number:04d}", blob="b", requests=requests, size=9, model="gpt", url="/v1", engine="direct"
    )
    return ShardState(key="k", shard=shard, step=ShardStep.SEND)


@pytest.mark.parametrize(
    ("requests", "sent"),
    [([400, 90, 10, 1], "3210"), ([501, 90, 10, 1], "321"), ([501, 10, 1], "210"), ([501], "0")],
)
def test_shards_with_little_left_are_sent_first_and_beside_a_large_one(
    requests: list[int], sent: str
) -> None:
    shards = [live(number, count) for number, count in enumerate(requests)]
    flow = Flow(snapshot_id="snapshot-1", settings=SnapshotSettings(), files_total=1, pages=0)
    flow.files = [FileState(key="k", path="k", step=FileStep.RUN)]
    flow.shards = shards
    calls = begun(flow, BEGIN, "send_slice")
    assert [call.shard[-1] for call in calls] == list(sent)
    assert sum(call.input["throttle"]["width"] for call in calls) == 4


def test_a_slice_that_ends_gives_its_share_to_the_next_while_the_others_go_on() -> None:
    flow = Flow(snapshot_id="snapshot-1", settings=SnapshotSettings(), files_total=1, pages=0)
    flow.files = [FileState(key="k", path="k", step=FileStep.RUN)]
    flow.shards = [live(number, 10) for number in range(9)]
    first, *others = begun(flow, BEGIN, "send_slice")
    assert len(others) == 3
    left = {**first.input["throttle"], "width": 2.0}
    answer(flow, first, BEGIN, done=10, ended=True, throttle=left)
    assert flow.throttles["gpt"].width == 5
    assert [call.shard for call in begun(flow, BEGIN, "send_slice")] == ["0004", "0005"]


def test_a_list_that_cannot_be_read_fails_the_snapshot_loudly() -> None:
    flow = Flow(
        snapshot_id="snapshot-1", settings=SETTINGS, files_total=1, pages=1, allowance=Allowance(places=1)
    )
    now, fault = BEGIN, Answer(fault=Fault(code="mishap", message="No.", passing=False))
    for _ in range(MAX_OTHER_TRIES - 1):
        (call,) = begun(flow, now, "list_files")
        end_call(flow, call, fault, now)
        now = woken(flow, now)
    (call,) = begun(flow, now, "list_files")
    with pytest.raises(RuntimeError, match="its list of files cannot be read: No"):
        end_call(flow, call, fault, now)


@pytest.mark.parametrize(
    "mood", [Mood(storm_rounds=FOREVER, quota=1.0), Mood(storm_rounds=FOREVER, misconfigured=1.0)]
)
def test_a_deployment_that_takes_nothing_until_the_deadline_sets_its_files_aside(mood: Mood) -> None:
    told = lived(mood)
    assert told.report().held == 3
    assert told.now - BEGIN == pytest.approx(SETTINGS.deadline_seconds, rel=0.05)


def test_a_shard_whose_batches_fail_for_quota_again_and_again_is_set_aside_at_last() -> None:
    """Where the service takes a batch first and fails it for quota minutes later, no submission is ever refused."""
    mood = Mood(storm_rounds=FOREVER, again=1.0, ends=("failed",))
    told = lived(mood, files=1, most_shards=1)
    assert told.report().held == 1
    assert told.now - BEGIN == pytest.approx(SETTINGS.deadline_seconds, rel=0.2)


def test_a_queue_that_moves_is_waited_for_however_long_it_is() -> None:
    settings = SnapshotSettings(deadline_seconds=6 * 3600.0)
    told = lived(Mood(room=1, longest_hours=3), files=24, most_shards=1, settings=settings)
    assert told.now - BEGIN > 2 * settings.deadline_seconds
    assert told.report().done == 24


@pytest.mark.parametrize("broken", ["", "collect_batch", "write_outputs", "archive_input"])
def test_the_state_stays_small_however_many_files_there_are(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the orchestration's input, carried from generation to generation and read at each turn."""
    settings = SnapshotSettings(micro_batch_size=5, max_active_batches=20)
    told = history(Mood(longest_hours=0.1), files=400, most_shards=1, settings=settings)
    faulty, carried_out = to_wire(Answer(fault=Fault(code="mishap", message="No."))), told.world.answer
    monkeypatch.setattr(
        told.world, "answer", lambda call, now: faulty if call.activity == broken else carried_out(call, now)
    )
    most = 0
    while told.lives and told.world.rounds < 4000:
        told.world.rounds += 1
        told.look()
        most = max(most, *(max(len(life.flow.files), len(life.flow.shards)) for life in told.lives), 0)
    assert most <= settings.max_active_batches + 5 * settings.micro_batch_size


# --- batches that do not end -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stubborn", [0.0, 1.0])
def test_a_batch_that_never_ends_is_cancelled_at_the_deadline_and_collected_in_the_end(
    stubborn: float,
) -> None:
    told = lived(Mood(storm_rounds=FOREVER, endless=1.0, stubborn=stubborn), files=2)
    assert told.report().done == 2
    assert told.now - BEGIN > SETTINGS.deadline_seconds
    assert told.now - BEGIN < SETTINGS.deadline_seconds + 24 * SETTINGS.poll_max_seconds


def test_a_batch_in_a_state_nobody_knows_is_cancelled_long_before_the_deadline() -> None:
    told = lived(Mood(storm_rounds=FOREVER, odd=1.0), files=2)
    assert told.report().done == 2
    assert told.now - BEGIN < SETTINGS.deadline_seconds / 4


LOST, FOUND = {"status": "lost", "lost": True}, {"status": "in_progress"}


def looks_until_given_up(settings: SnapshotSettings, *, found_after: int) -> tuple[int, float]:
    """How many lists in a row do not have a batch, and how long (seconds), until it counts as gone."""
    flow, now, looks, since = flow_of([active(0)], settings), BEGIN, 0, BEGIN
    for look in range(1000):
        while not (calls := begun(flow, now)):
            now = woken(flow, now)
        if calls[0].activity == "collect_batch":
            assert calls[0].input["status"] == "lost"
            return looks, now - since
        is_found = look == found_after
        answer(flow, calls[0], now, news={"batch-0": FOUND if is_found else LOST})
        looks, since = (0, now) if is_found else (looks + 1, since if looks else now)
    raise AssertionError("never given up")


@pytest.mark.parametrize("found_after", [0, 2, 4])
def test_a_batch_is_gone_when_many_lists_in_a_row_over_a_while_have_not_had_it(found_after: int) -> None:
    quick = SnapshotSettings(poll_min_seconds=2.0, poll_max_seconds=2.0)
    patient = SnapshotSettings(poll_min_seconds=900.0)
    looks, seconds = looks_until_given_up(quick, found_after=found_after)
    assert looks > PATIENCE_LOOKS_FOR_LOST
    assert PATIENCE_SECONDS_FOR_LOST <= seconds < PATIENCE_SECONDS_FOR_LOST + 4
    looks, seconds = looks_until_given_up(patient, found_after=found_after)
    assert looks == PATIENCE_LOOKS_FOR_LOST
    assert seconds > PATIENCE_SECONDS_FOR_LOST


def test_looks_that_fail_for_days_give_no_batch_up_and_say_why() -> None:
    flow, now = flow_of([active(0)], SnapshotSettings(deadline_seconds=1e9)), BEGIN
    for _ in range(300):
        (poll,) = begun(flow, now)
        end_call(flow, poll, Answer(fault=Fault(code="404", message="Resource not found")), now)
        assert "Resource not found" in progress(flow)["message"]
        now = woken(flow, now)
    (poll,) = begun(flow, now)
    answer(flow, poll, now, news={"batch-0": FOUND}, complaint="one of them is not shown")
    assert "one of them is not shown" in progress(flow)["message"]
    now = woken(flow, now)
    answer(flow, begun(flow, now)[0], now, news={})
    assert progress(flow)["message"] is None
    assert flow.shards[0].step is ShardStep.ACTIVE


def test_results_are_read_for_a_day_each_reason_counted_by_itself() -> None:
    """Then the file is set aside with what was said last, and a later snapshot goes on reading."""
    flow, now = flow_of([active(0)], SnapshotSettings()), BEGIN
    flow.shards[0].move(ShardStep.COLLECT)
    passing = [Fault(code=code, message="row-7 is missing") for code in ("broken_result", "http_503")]
    for fault in [*passing * 100, *[Fault(code="refused", message="No.", passing=False)] * 5]:
        (call,) = begun(flow, now)
        end_call(flow, call, Answer(fault=fault), now)
        now = woken(flow, now)
    while (calls := begun(flow, now))[0].activity == "collect_batch":
        end_call(flow, calls[0], Answer(fault=passing[0]), now)
        now = woken(flow, now) if flow.shards else now
    assert now - BEGIN > 24 * 3600
    (hold,) = calls
    assert hold.activity == "hold_file"
    assert hold.input["reason"] == "broken_result: row-7 is missing"


def test_a_step_that_fails_for_ever_new_reasons_comes_to_an_end_all_the_same() -> None:
    flow, now = flow_of([active(0)], SnapshotSettings()), BEGIN
    flow.shards[0].move(ShardStep.COLLECT)
    for number in range(MOST_REASONS + MAX_OTHER_TRIES):
        (call,) = begun(flow, now)
        end_call(flow, call, Answer(fault=Fault(code=f"{number}", message="m", passing=False)), now)
        now = woken(flow, now) if flow.shards else now
    assert [call.activity for call in begun(flow, now)] == ["hold_file"]


def test_a_batch_the_service_has_lost_is_collected_as_lost() -> None:
    told = lived(Mood(storm_rounds=FOREVER, lost=1.0), files=2)
    assert told.report().done == 2
    assert told.now - BEGIN < 3600


def active(number: int, *, model: str = "gpt-a") -> ShardState:
    shard = OpenShard(shard=f"{number:04d}", blob="b", requests=1, size=1, model=model, url="/v1")
    return ShardState(
        key="key-0", shard=shard, step=ShardStep.ACTIVE, batch_id=f"batch-{number}", submitted_at=BEGIN
    )


def flow_of(shards: list[ShardState], settings: SnapshotSettings) -> Flow:
    file = FileState(key="key-0", path="a.jsonl", step=FileStep.RUN, requests=len(shards))
    long_after = BEGIN + 300 * 3600  # no look at what the other snapshots hold is due before
    agreed = Allowance(places=len(shards), looked_at=long_after, next_at=long_after)
    return Flow(
        snapshot_id="s",
        settings=settings,
        files_total=1,
        pages=0,
        files=[file],
        shards=shards,
        allowance=agreed,
    )


@pytest.mark.parametrize("seen_before", ["submitted", "paused"])
@pytest.mark.parametrize("looks_too_early", [0, 2])
def test_a_batch_that_ended_while_nobody_looked_is_read_although_its_deadline_has_passed(
    seen_before: str, looks_too_early: int
) -> None:
    """After an outage the service refuses the cancellation of what is complete; its results are paid for."""
    flow = flow_of([active(0)], SnapshotSettings())
    flow.shards[0].status = seen_before
    flow.poll.next_at = BEGIN + SnapshotSettings().deadline_seconds + 1.5
    now = BEGIN + SnapshotSettings().deadline_seconds
    (cancel,) = begun(flow, now)
    assert cancel.activity == "cancel_batch"
    answer(flow, cancel, now, refused=True)
    completed = {"status": "completed", "ended": True, "output_file_id": "out"}
    for told in [*[{"status": "finalizing"}] * looks_too_early, completed]:
        now = max(now, flow.poll.next_at)
        (poll,) = begun(flow, now, "poll_batches")
        answer(flow, poll, now, news={"batch-0": told})
    (collect,) = begun(flow, now, "collect_batch")
    assert (collect.input["status"], collect.input["output_file_id"]) == ("completed", "out")


def test_an_unknown_state_with_nothing_left_to_cancel_ends_with_the_next_look() -> None:
    flow = flow_of([active(0)], SnapshotSettings())
    flow.shards[0].status = "archived"
    now = BEGIN + SnapshotSettings().deadline_seconds
    (cancel,) = begun(flow, now)
    answer(flow, cancel, now, refused=True)
    (poll,) = begun(flow, now, "poll_batches")
    answer(flow, poll, now, news={})
    assert [call.activity for call in begun(flow, now)] == ["collect_batch"]


def test_a_batch_is_not_cancelled_while_it_is_looked_at_nor_looked_at_while_it_is_cancelled() -> None:
    """The answers may come in any order, and the older view must not count as the newer."""
    flow = flow_of([active(0)], SnapshotSettings())
    (poll,) = begun(flow, BEGIN)
    late = BEGIN + SnapshotSettings().deadline_seconds
    assert begun(flow, late) == []
    answer(flow, poll, late, news={})
    (cancel,) = begun(flow, late)
    assert cancel.activity == "cancel_batch"
    assert begun(flow, late + 3600) == []


def test_hundreds_of_batches_that_reach_the_deadline_together_are_cancelled_a_few_at_a_time() -> None:
    flow = flow_of([active(number) for number in range(500)], SnapshotSettings())
    now, asked = BEGIN + SnapshotSettings().deadline_seconds, set()
    while calls := begun(flow, now, "cancel_batch"):
        for poll in flow.calls_of("poll_batches"):
            answer(flow, poll, now, news={})
        assert len(calls) <= SnapshotSettings().micro_batch_size
        asked |= {call.shard for call in calls}
        for call in calls:
            answer(flow, call, now, refused=False)
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
    settings = SnapshotSettings(micro_batch_size=1)
    flow = flow_of([waiting(0, "gpt-a"), waiting(1, "gpt-a"), waiting(2, "gpt-b")], settings)
    (call,) = begun(flow, BEGIN, "submit_batch")
    answer(flow, call, BEGIN, paused={"model": paused, "kind": "quota", "message": "Full."})
    assert [call.shard for call in begun(flow, BEGIN + 1, "submit_batch")] == (
        ["0002"] if others_go_on else []
    )
    at = woken(flow, BEGIN + 1)
    assert others_go_on or begun(flow, at, "submit_batch")


def test_a_full_deployment_is_tried_again_as_soon_as_one_of_its_batches_ends() -> None:
    flow = flow_of([active(0), waiting(1, "gpt-a")], SnapshotSettings(micro_batch_size=5))
    flow.poll.next_at = BEGIN + 3
    (submit,) = begun(flow, BEGIN)
    answer(flow, submit, BEGIN, paused={"model": "gpt-a", "kind": "quota", "message": "Full."})
    (poll,) = begun(flow, BEGIN + 3)
    answer(flow, poll, BEGIN + 3.5, news={"batch-0": {"status": "completed", "ended": True}})
    assert {call.activity for call in begun(flow, BEGIN + 3.5)} == {"submit_batch", "collect_batch"}


def test_a_queue_that_tells_how_full_it_is_refuses_only_those_who_do_not_know_yet() -> None:
    told = history(
        Mood(token_limit=1000), files=30, most_shards=1, settings=SnapshotSettings(micro_batch_size=5)
    )
    refused = 0
    carried_out = told.world.answer

    def counting(call: Call, now: float) -> Any:
        nonlocal refused
        answered = carried_out(call, now)
        refused += bool(call.activity == "submit_batch" and answered["ok"]["paused"])
        return answered

    told.world.answer = counting  # type: ignore[method-assign]
    told.live()
    assert told.report().done == 30
    assert refused <= 10  # of two deployments, in the first round


def test_a_shard_that_is_submitted_anew_asks_for_a_place_again_when_its_own_was_given_back() -> None:
    """Its batch failed as a whole; meanwhile nothing was wanted, and the snapshot agreed on no place at all."""
    shard = waiting(0, "gpt-a")
    shard.begun = True
    flow = flow_of([shard], SnapshotSettings())
    flow.allowance = Allowance(places=0, looked_at=BEGIN, next_at=BEGIN + 900)
    assert begun(flow, BEGIN) == []
    (share,) = begun(flow, woken(flow, BEGIN))
    assert share.activity == "share_limit"
    answer(flow, share, BEGIN + 900, places=1)
    assert [call.activity for call in begun(flow, BEGIN + 900)] == ["submit_batch"]


# --- what people see -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("letter", ["a", "ü", "語", "🦜", '"', "\\", "\t"])
def test_the_progress_document_fits_into_a_custom_status_whatever_the_paths_look_like(letter: str) -> None:
    path = letter * 700
    flow = Flow(
        snapshot_id="s",
        settings=SnapshotSettings(),
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
    flow = Flow(
        snapshot_id="s", settings=SETTINGS, files_total=1, pages=0, files=[FileState(key="a", path="a")]
    )
    flow.files[0].step = FileStep.LEFT
    with pytest.raises(RuntimeError, match="nothing to wait for"):
        begin_calls(flow, BEGIN, most=1)


# --- calls that end each by itself -----------------------------------------------------------------------------------


def preparing(count: int, settings: SnapshotSettings, *, size: int = 100) -> Flow:
    files = [FileState(key=f"key-{number}", path=f"{number}.csv", size=size) for number in range(count)]
    agreed = Allowance(places=9, looked_at=BEGIN, next_at=BEGIN + 300 * 3600)
    return Flow(snapshot_id="s", settings=settings, files_total=count, pages=0, files=files, allowance=agreed)


def test_a_call_that_fails_below_its_activity_costs_the_file_it_was_for_a_try_and_no_other_file_anything() -> (
    None
):
    flow = preparing(2, SETTINGS)
    first, second = begun(flow, BEGIN, "prepare_file")
    end_call(flow, first, answer_of(first, Exception("The worker died.\n at ...")), BEGIN)
    answer(flow, second, BEGIN, requests=0)
    assert (flow.file("key-0").tries, flow.file("key-0").step) == (1, FileStep.PREPARE)
    assert [call.activity for call in begun(flow, BEGIN)] == ["write_outputs"]


def test_a_file_whose_call_fails_below_its_activity_again_and_again_is_set_aside_with_the_reason() -> None:
    flow, now = preparing(1, SETTINGS), BEGIN
    for _ in range(MAX_OTHER_TRIES):
        (call,) = begun(flow, now, "prepare_file")
        end_call(flow, call, answer_of(call, Exception("Timeout value of 00:30:00 was exceeded")), now)
        now += 3600
    (hold,) = begun(flow, now)
    assert hold.activity == "hold_file"
    assert hold.input["reason"] == "call_failed: Timeout value of 00:30:00 was exceeded"


def test_what_concerns_the_snapshot_as_a_whole_is_tried_for_longer() -> None:
    poll, prepare = Call("poll_batches", {}), Call("prepare_file", {}, "key-0")
    told = [answer_of(call, Exception("The worker died.")).fault for call in (poll, prepare)]
    assert [fault.passing for fault in told if fault] == [True, False]


def test_slow_calls_give_their_places_up_but_never_more_than_as_many_again() -> None:
    flow = preparing(9, SnapshotSettings(micro_batch_size=2))
    assert len(begun(flow, BEGIN, "prepare_file")) == 2
    assert begun(flow, BEGIN + 5) == []
    later = woken(flow, BEGIN + 5)
    assert len(begun(flow, later, "prepare_file")) == 2
    assert begun(flow, later + 3600, "prepare_file") == []


def test_a_large_file_does_not_hold_up_the_small_ones_behind_it() -> None:
    flow = preparing(4, SnapshotSettings(micro_batch_size=3))
    flow.files[0].size = flow.files[1].size = 10**9
    assert [call.key for call in begun(flow, BEGIN, "prepare_file")] == ["key-0", "key-2", "key-3"]


def test_what_is_due_within_a_second_is_due_and_no_wait_is_shorter_than_two() -> None:
    flow = preparing(1, SETTINGS)
    (call,) = begun(flow, BEGIN, "prepare_file")
    answer(flow, call, BEGIN, wait_seconds=0.1)
    assert begun(flow, BEGIN) == []
    assert woken(flow, BEGIN) - BEGIN > EARLY_SECONDS
    assert len(begun(flow, woken(flow, BEGIN) - EARLY_SECONDS, "prepare_file")) == 1


def test_a_move_that_is_not_among_the_allowed_ones_is_a_defect_that_shows() -> None:
    with pytest.raises(ForbiddenMoveError, match=r"a\.csv: from prepare to archive"):
        FileState(key="a", path="a.csv").move(FileStep.ARCHIVE)
    with pytest.raises(ForbiddenMoveError, match="from active to left"):
        active(0).move(ShardStep.LEFT)
