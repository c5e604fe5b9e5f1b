"""The flow in motion: what begins, what ends, and what no step can say alone."""

import msgspec
import pytest

from domain.contracts import Answer, Fault, ListedFile, Pause, SnapshotSettings
from domain.flow.flow import Flow
from domain.flow.machine import answers_of, begin_calls, end_call
from domain.flow.pacing import EARLY_SECONDS, MAX_OTHER_TRIES
from domain.flow.sharing import Allowance
from domain.flow.state import Call, FileStep
from domain.flow.step import SLOW_SECONDS
from tests.domain.flow.stories import (
    NOW,
    SETTINGS,
    active,
    answer,
    begun,
    file_at,
    flow_of,
    waiting,
    woken,
)

# --- batches that do not end -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seen_before", ["submitted", "paused"])
@pytest.mark.parametrize("looks_too_early", [0, 2])
def test_a_batch_that_ended_while_nobody_looked_is_read_although_its_deadline_has_passed(
    seen_before: str, looks_too_early: int
) -> None:
    """After an outage the service refuses the cancellation of what is complete; its results are paid for."""
    flow = flow_of(active(0), settings=SnapshotSettings(), places=1)
    flow.shards[0].status = seen_before
    flow.poll.next_at = NOW + SnapshotSettings().deadline_seconds + 1.5
    now = NOW + SnapshotSettings().deadline_seconds
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
    flow = flow_of(active(0), settings=SnapshotSettings(), places=1)
    flow.shards[0].status = "archived"
    now = NOW + SnapshotSettings().deadline_seconds
    (cancel,) = begun(flow, now)
    answer(flow, cancel, now, refused=True)
    (poll,) = begun(flow, now, "poll_batches")
    answer(flow, poll, now, news={})
    assert [call.activity for call in begun(flow, now)] == ["collect_batch"]


def test_a_batch_is_not_cancelled_while_it_is_looked_at_nor_looked_at_while_it_is_cancelled() -> None:
    """The answers may come in any order, and the older view must not count as the newer."""
    flow = flow_of(active(0), settings=SnapshotSettings(), places=1)
    (poll,) = begun(flow, NOW)
    late = NOW + SnapshotSettings().deadline_seconds
    assert begun(flow, late) == []
    answer(flow, poll, late, news={})
    (cancel,) = begun(flow, late)
    assert cancel.activity == "cancel_batch"
    assert begun(flow, late + 3600) == []


def test_hundreds_of_batches_that_reach_the_deadline_together_are_cancelled_a_few_at_a_time() -> None:
    flow = flow_of(*(active(number) for number in range(500)), settings=SnapshotSettings(), places=500)
    now, asked = NOW + SnapshotSettings().deadline_seconds, set()
    while calls := begun(flow, now, "cancel_batch"):
        for poll in flow.calls_of("poll_batches"):
            answer(flow, poll, now, news={})
        assert len(calls) <= SnapshotSettings().micro_batch_size
        asked |= {call.shard for call in calls}
        for call in calls:
            answer(flow, call, now, refused=False)
    assert len(asked) == 500


# --- deployments -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("paused", "others_go_on"), [("gpt", True), (None, False)])
def test_a_full_deployment_holds_up_nobody_else_and_a_missing_role_everybody(
    paused: str | None, others_go_on: bool
) -> None:
    settings = SnapshotSettings(micro_batch_size=1)
    flow = flow_of(waiting(0), waiting(1), waiting(2, model="other"), settings=settings, places=3)
    (call,) = begun(flow, NOW, "submit_batch")
    answer(flow, call, NOW, paused={"model": paused, "kind": "quota", "message": "Full."})
    assert [call.shard for call in begun(flow, NOW + 1, "submit_batch")] == (["0002"] if others_go_on else [])
    at = woken(flow, NOW + 1)
    assert others_go_on or begun(flow, at, "submit_batch")


def test_a_full_deployment_is_tried_again_as_soon_as_one_of_its_batches_ends() -> None:
    flow = flow_of(active(0), waiting(1), settings=SnapshotSettings(micro_batch_size=5), places=2)
    flow.poll.next_at = NOW + 3
    (submit,) = begun(flow, NOW)
    answer(flow, submit, NOW, paused={"model": "gpt", "kind": "quota", "message": "Full."})
    (poll,) = begun(flow, NOW + 3)
    answer(flow, poll, NOW + 3.5, news={"batch-0": {"status": "completed", "ended": True}})
    assert {call.activity for call in begun(flow, NOW + 3.5)} == {"submit_batch", "collect_batch"}


def test_a_shard_that_is_submitted_anew_asks_for_a_place_again_when_its_own_was_given_back() -> None:
    """Its batch failed as a whole; meanwhile nothing was wanted, and the snapshot agreed on no place at all."""
    shard = waiting(0)
    shard.begun = True
    flow = flow_of(shard, settings=SnapshotSettings(), places=1)
    flow.allowance = Allowance(places=0, looked_at=NOW, next_at=NOW + 900)
    assert begun(flow, NOW) == []
    (share,) = begun(flow, woken(flow, NOW))
    assert share.activity == "share_limit"
    answer(flow, share, NOW + 900, places=1)
    assert [call.activity for call in begun(flow, NOW + 900)] == ["submit_batch"]


# --- calls that end each by itself -----------------------------------------------------------------------------------


def preparing(count: int, settings: SnapshotSettings = SETTINGS, *, size: int = 100) -> Flow:
    return flow_of(*(file_at(key=f"k{number}", size=size) for number in range(count)), settings=settings)


def test_nothing_to_do_and_nothing_to_wait_for_is_a_defect_that_shows() -> None:
    flow = flow_of(file_at(FileStep.LEFT))
    with pytest.raises(
        RuntimeError, match=r"^snapshot-1: files are left, but nothing to do and nothing to wait for\.$"
    ):
        begin_calls(flow, NOW, most=1)


def test_a_snapshot_that_is_finished_waits_for_nothing() -> None:
    assert begin_calls(flow_of(), NOW, most=1) == ([], None)


def test_a_call_counts_as_under_way_since_it_was_begun() -> None:
    flow = preparing(1)
    (call,) = begun(flow, NOW, "prepare_file")
    assert call.begun_at == NOW
    assert flow.in_flight == [call]
    assert begin_calls(flow, NOW, most=9).begun == []


def test_no_more_calls_begin_than_asked_for_and_the_next_look_is_then_when_one_ends() -> None:
    flow = flow_of(
        *(file_at(key=f"k{number}") for number in range(3)), file_at(key="later", not_before=NOW + 60)
    )
    assert [len(begin_calls(flow, NOW, most=most).begun) for most in (0, 2)] == [0, 2]
    assert len(flow.in_flight) == 2
    assert begin_calls(flow, NOW, most=0).wake_at is None
    assert len(begin_calls(flow, NOW, most=1).begun) == 1


def test_the_next_look_is_at_the_first_of_all_times_to_come() -> None:
    flow = flow_of(
        file_at(key="a", not_before=NOW + 60),
        file_at(FileStep.WRITE, key="b", not_before=NOW + 30),
        file_at(key="c"),
    )
    assert [call.key for call in begun(flow, NOW)] == ["c"]
    assert woken(flow, NOW) == NOW + 30


def test_when_calls_turn_out_to_be_slow_is_waited_for_only_where_others_wait_for_their_places() -> None:
    flow = preparing(3)
    assert len(begun(flow, NOW)) == 3
    assert begin_calls(flow, NOW + 5, most=9).wake_at is None
    flow.files.append(file_at(key="k9"))
    assert woken(flow, NOW + 5) == NOW + SLOW_SECONDS
    assert [call.key for call in begun(flow, NOW + SLOW_SECONDS)] == ["k9"]


@pytest.mark.parametrize(("seconds_left", "admitted"), [(1.0, 0), (1.5, 1)])
def test_a_pause_that_is_over_within_a_second_is_over_for_those_who_wait_to_be_admitted(
    seconds_left: float, admitted: int
) -> None:
    listed = ListedFile(key="new", path="new.csv", size=1)
    flow = flow_of(*(waiting(number, key=f"k{number}") for number in range(6)), backlog=[listed])
    flow.pauses.begin(Pause(model="gpt", kind="quota", message="Full."), NOW).until = NOW + seconds_left
    assert len(begun(flow, NOW, "prepare_file")) == admitted
    assert len(flow.backlog) == 1 - admitted


def test_waiting_for_places_puts_no_other_time_off_whatever_else_has_begun() -> None:
    flow = flow_of(
        *(file_at(FileStep.ARCHIVE, key=f"a{number}") for number in range(3)),
        *(file_at(key=f"k{number}") for number in range(4)),
    )
    assert woken(flow, NOW) == NOW + SLOW_SECONDS
    flow.files.append(file_at(FileStep.WRITE, key="w", not_before=NOW + 10))
    assert woken(flow, NOW) == NOW + 10


def test_a_call_that_is_slow_within_a_second_is_slow() -> None:
    flow = preparing(9)
    assert len(begun(flow, NOW)) == 3
    assert begin_calls(flow, NOW + SLOW_SECONDS - EARLY_SECONDS, most=9).wake_at == NOW + 2 * SLOW_SECONDS - 1


def test_calls_that_were_slow_long_ago_are_not_waited_for() -> None:
    flow = preparing(9)
    assert len(begun(flow, NOW)) == 3
    assert len(begun(flow, NOW + SLOW_SECONDS)) == 3
    assert begun(flow, NOW + 2 * SLOW_SECONDS) == []
    assert begin_calls(flow, NOW + 2 * SLOW_SECONDS, most=9).wake_at is None


def test_an_answer_that_is_not_waited_for_any_more_changes_nothing() -> None:
    flow = preparing(2)
    first, second = begun(flow, NOW)
    answer(flow, first, NOW, requests=1)
    answer(flow, first, NOW, gone=True)
    assert flow.in_flight == [second]
    assert [file.step for file in flow.files] == [FileStep.RUN, FileStep.PREPARE]


def test_an_answer_is_for_the_call_with_the_same_name_file_and_shard() -> None:
    flow = preparing(1)
    (call,) = begun(flow, NOW)
    for other in ({"activity": "archive_input"}, {"key": "other"}, {"shard": "0000"}):
        answer(flow, msgspec.structs.replace(call, **other), NOW, gone=True)
    assert flow.in_flight == [call]


def test_a_call_that_fails_below_its_activity_costs_the_file_it_was_for_a_try_and_no_other_file_anything() -> (
    None
):
    flow = preparing(2, SETTINGS)
    first, second = begun(flow, NOW, "prepare_file")
    end_call(flow, first, answers_of([first], Exception("The worker died.\n at ..."))[0][0], NOW)
    answer(flow, second, NOW, requests=0)
    assert (flow.file("k0").tries, flow.file("k0").step) == (1, FileStep.PREPARE)
    assert [call.activity for call in begun(flow, NOW)] == ["write_outputs"]


def test_a_file_whose_call_fails_below_its_activity_again_and_again_is_set_aside_with_the_reason() -> None:
    flow, now = preparing(1, SETTINGS), NOW
    for _ in range(MAX_OTHER_TRIES):
        (call,) = begun(flow, now, "prepare_file")
        end_call(
            flow, call, answers_of([call], Exception("Timeout value of 00:30:00 was exceeded"))[0][0], now
        )
        now += 3600
    (hold,) = begun(flow, now)
    assert hold.activity == "hold_file"
    assert hold.input["reason"] == "call_failed: Timeout value of 00:30:00 was exceeded"


def test_what_concerns_the_snapshot_as_a_whole_is_tried_for_longer() -> None:
    poll, prepare = Call("poll_batches", {}), Call("prepare_file", {}, "k")
    told = [answers_of([call], Exception("The worker died."))[0][0].fault for call in (poll, prepare)]
    assert [fault.passing for fault in told if fault] == [True, False]


@pytest.mark.parametrize(
    ("said", "message"),
    [("The worker died.\n at X\n at Y", "The worker died."), ("é" * 700, "é" * 500), ("", "")],
)
def test_an_exception_from_below_the_activity_is_told_in_a_line(said: str, message: str) -> None:
    assert answers_of([Call("prepare_file", {}, "k")], Exception(said))[0][0].fault == Fault(
        code="call_failed", message=message, passing=False
    )


def test_an_answer_from_the_wire_is_read() -> None:
    call = Call("prepare_file", {}, "k")
    assert answers_of([call], {"ok": {"requests": 1}})[0][0] == Answer(ok={"requests": 1})
    assert answers_of([call], {"fault": {"code": "a", "message": "b"}})[0][0].fault == Fault(
        code="a", message="b"
    )


def test_slow_calls_give_their_places_up_but_never_more_than_as_many_again() -> None:
    flow = preparing(9, SnapshotSettings(micro_batch_size=2))
    assert len(begun(flow, NOW, "prepare_file")) == 2
    assert begun(flow, NOW + 5) == []
    later = woken(flow, NOW + 5)
    assert len(begun(flow, later, "prepare_file")) == 2
    assert begun(flow, later + 3600, "prepare_file") == []


def test_a_large_file_does_not_hold_up_the_small_ones_behind_it() -> None:
    flow = preparing(4, SnapshotSettings(micro_batch_size=3))
    flow.files[0].size = flow.files[1].size = 10**9
    assert [call.key for call in begun(flow, NOW, "prepare_file")] == ["k0", "k2", "k3"]


def test_what_is_due_within_a_second_is_due_and_no_wait_is_shorter_than_two() -> None:
    flow = preparing(1, SETTINGS)
    (call,) = begun(flow, NOW, "prepare_file")
    answer(flow, call, NOW, wait_seconds=0.1)
    assert begun(flow, NOW) == []
    assert woken(flow, NOW) - NOW > EARLY_SECONDS
    assert len(begun(flow, woken(flow, NOW) - EARLY_SECONDS, "prepare_file")) == 1
