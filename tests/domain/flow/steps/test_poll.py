"""One look at all batches: what is asked, what its news change, and what silence means."""

from typing import Any

import pytest

from domain.contracts import Fault, Pause
from domain.flow.pacing import MAX_PASSING_TRIES, QuotaGauge
from domain.flow.state import ShardStep
from domain.flow.steps.cancel import PATIENCE_POLLS
from domain.flow.steps.poll import PATIENCE_LOOKS_FOR_LOST, PATIENCE_SECONDS_FOR_LOST
from domain.tokens import quota_tokens
from tests.domain.flow.stories import (
    GPT,
    LONG_AFTER,
    NO,
    NOW,
    SETTINGS,
    active,
    answer,
    begun,
    ended,
    fail,
    flow_of,
    shard_in,
    waiting,
    woken,
)

ACTIVITY = "poll_batches"
LOST = {"status": "lost", "lost": True}
ODD = {"status": "archived", "known": False}


def look(flow: Any, now: float, **news: Any) -> None:
    """Look once, and be told these news; `_` stands for the hyphen of a batch's id."""
    (call,) = begun(flow, now, ACTIVITY)
    answer(flow, call, now, news={batch.replace("_", "-"): told for batch, told in news.items()})


def looks(flow: Any, count: int, **news: Any) -> float:
    for number in range(count):
        flow.poll.next_at = NOW
        look(flow, NOW + number, **news)
    flow.poll.next_at = NOW
    return NOW + count


# --- asking ----------------------------------------------------------------------------------------------------------


def test_all_batches_are_asked_for_in_one_call_with_what_is_known_of_them() -> None:
    flow = flow_of(active(0), active(1), ended(2), waiting(3), active(4))
    shard_in(flow, 1).status = "in_progress"
    shard_in(flow, 4).batch_id = None
    flow.poll.interval = 600.0
    (call,) = begun(flow, NOW, ACTIVITY)
    assert call.input == {
        "known": {"batch-0": "submitted", "batch-1": "in_progress"},
        "share": call.input["share"],
        "max_age": 300.0,
        "asked_since": 0.0,
    }
    assert (call.key, call.shard) == ("", "")
    assert begun(flow, NOW, ACTIVITY) == []


def test_no_look_without_batches_and_none_before_its_time() -> None:
    flow = flow_of(active(0), places=1)
    flow.poll.next_at = NOW + 60
    assert begun(flow, NOW + 58, ACTIVITY) == []
    assert woken(flow, NOW + 58) == NOW + 60
    assert len(begun(flow, NOW + 60, ACTIVITY)) == 1
    assert begun(flow_of(waiting(0)), NOW, ACTIVITY) == []


def test_a_batch_that_is_being_cancelled_is_not_looked_at_but_the_others_are() -> None:
    flow = flow_of(active(0, submitted_at=NOW - SETTINGS.deadline_seconds), active(1))
    flow.poll.next_at = NOW + 10
    assert len(begun(flow, NOW, "cancel_batch")) == 1
    (call,) = begun(flow, NOW + 10, ACTIVITY)
    assert list(call.input["known"]) == ["batch-1"]


def test_the_share_is_agreed_on_along_the_way() -> None:
    flow = flow_of(active(0), waiting(1), places=1)
    flow.allowance.looked_at = NOW
    (call,) = begun(flow, NOW, ACTIVITY)
    assert (call.input["share"]["active"], call.input["share"]["wanted"]) == (1, 1)
    answer(flow, call, NOW, news={}, share={"places": 2})
    assert (flow.allowance.places, flow.allowance.looked_at) == (2, NOW)
    assert [call.shard for call in begun(flow, NOW, "submit_batch")] == ["0001"]


# --- news ------------------------------------------------------------------------------------------------------------


def test_news_are_noted_and_the_next_look_is_soon() -> None:
    flow = flow_of(active(0), active(1))
    flow.poll.interval = 600.0
    look(flow, NOW, batch_0={"status": "finalizing", "done": 3})
    first, second = flow.shards
    assert (first.status, first.done, second.status, second.done) == ("finalizing", 3, "submitted", 0)
    assert flow.poll.next_at == NOW + 60
    # More of the same is no progress.
    flow.poll.interval = 600.0
    look(flow, NOW + 60, batch_0={"status": "finalizing", "done": 4})
    assert (first.done, flow.poll.next_at) == (4, NOW + 60 + 900)


@pytest.mark.parametrize(
    ("status", "is_sooner"),
    [
        ("validating", False),
        ("in_progress", False),
        ("finalizing", True),
        ("cancelling", True),
        ("a state of tomorrow", True),
    ],
)
def test_what_says_nothing_of_the_end_brings_no_look_sooner(status: str, is_sooner: bool) -> None:
    flow = flow_of(active(0))
    flow.poll.interval = 600.0
    look(flow, NOW, batch_0={"status": status})
    assert flow.poll.next_at == NOW + (60 if is_sooner else 900)


def test_progress_of_one_batch_is_progress_whatever_is_said_of_the_next() -> None:
    flow = flow_of(active(0), active(1))
    flow.poll.interval = 600.0
    look(flow, NOW, batch_0={"status": "finalizing"}, batch_1={"status": "submitted"})
    assert flow.poll.next_at == NOW + 60


def test_an_ended_batch_is_collected_with_its_files_and_makes_room() -> None:
    flow = flow_of(active(0, size=4000), waiting(1))
    flow.gauges["gpt"] = QuotaGauge(enqueued=5000, limit=6000)
    flow.pauses.begin(Pause(model="gpt", kind="quota", message="Full."), NOW)
    flow.poll.next_at = NOW
    told = {"status": "completed", "ended": True, "output_file_id": "out", "error_file_id": "err", "done": 9}
    look(flow, NOW + 1, batch_0=told)
    s = shard_in(flow, 0)
    assert (s.step, s.status, s.done, s.output_file_id, s.error_file_id) == (
        ShardStep.COLLECT,
        "completed",
        9,
        "out",
        "err",
    )
    assert flow.gauges["gpt"].enqueued == 5000 - quota_tokens(4000)
    assert flow.pauses.over_at(GPT) == NOW + 1
    assert flow.poll.next_at == NOW + 61


def test_an_ended_batch_makes_room_in_all_that_held_it() -> None:
    flow = flow_of(active(0))
    for reach in GPT:
        flow.pauses.begin(Pause(model="gpt", reach=reach, kind="quota", message="Full."), NOW)
    look(flow, NOW + 1, batch_0={"status": "completed", "ended": True})
    assert {reach: pause.until for reach, pause in flow.pauses.by_model.items()} == dict.fromkeys(
        GPT, NOW + 1
    )


def test_a_queue_is_never_emptier_than_empty() -> None:
    flow = flow_of(active(0, size=4000))
    flow.gauges["gpt"] = QuotaGauge(enqueued=3, limit=6000)
    look(flow, NOW, batch_0={"status": "completed", "ended": True})
    assert flow.gauges["gpt"].enqueued == 0


def test_news_of_a_batch_that_was_not_asked_for_change_nothing() -> None:
    flow = flow_of(active(0))
    (call,) = begun(flow, NOW, ACTIVITY)
    flow.shards.append(active(1))
    answer(flow, call, NOW, news={"batch-1": {"status": "completed", "ended": True}})
    assert shard_in(flow, 1).step is ShardStep.ACTIVE


# --- silence, and states that say nothing ----------------------------------------------------------------------------


@pytest.mark.parametrize("told", [LOST, ODD])
def test_looks_that_show_nothing_to_rely_on_are_counted_in_a_row(told: dict[str, Any]) -> None:
    flow = flow_of(active(0))
    looks(flow, 3)
    assert shard_in(flow).odd_polls == 0
    looks(flow, 2, batch_0=told)
    assert shard_in(flow).odd_polls == 2
    # No news: it is still so.
    looks(flow, 1)
    assert shard_in(flow).odd_polls == 3
    looks(flow, 1, batch_0={"status": "in_progress"})
    assert shard_in(flow).odd_polls == 0


def test_a_batch_that_stays_lost_is_collected_as_lost() -> None:
    flow = flow_of(active(0))
    looks(flow, PATIENCE_LOOKS_FOR_LOST - 1, batch_0=LOST)
    assert shard_in(flow).step is ShardStep.ACTIVE
    assert shard_in(flow).odd_polls == PATIENCE_LOOKS_FOR_LOST - 1
    look(flow, NOW + PATIENCE_SECONDS_FOR_LOST - 1, batch_0=LOST)
    assert shard_in(flow).step is ShardStep.ACTIVE
    look(flow, NOW + 2 * PATIENCE_SECONDS_FOR_LOST, batch_0=LOST)
    assert (shard_in(flow).step, shard_in(flow).status) == (ShardStep.COLLECT, "lost")


def test_a_state_that_is_not_known_is_no_loss() -> None:
    flow = flow_of(active(0))
    now = looks(flow, PATIENCE_LOOKS_FOR_LOST + 1, batch_0=ODD)
    assert shard_in(flow).step is ShardStep.ACTIVE
    assert begun(flow, now, "cancel_batch") == []


def cancelled(*, refused: bool, status: str = "in_progress") -> Any:
    flow = flow_of(active(0))
    s = shard_in(flow)
    s.cancel_asked, s.cancel_refused, s.status = True, refused, status
    return flow


def test_a_cancellation_that_does_not_come_is_waited_for_so_many_looks() -> None:
    flow = cancelled(refused=False)
    looks(flow, PATIENCE_POLLS - 1)
    assert shard_in(flow).step is ShardStep.ACTIVE
    flow.poll.next_at = NOW
    flow.poll.interval = 600.0
    look(flow, NOW)
    assert shard_in(flow).step is ShardStep.COLLECT
    assert (shard_in(flow).output_file_id, shard_in(flow).error_file_id) == (None, None)
    # An end is progress.
    assert flow.poll.next_at == NOW + 60


@pytest.mark.parametrize("told", [{"status": "cancelling"}, {"status": "in_progress"}])
def test_a_known_state_does_not_begin_the_wait_for_a_cancellation_anew(told: dict[str, Any]) -> None:
    flow = cancelled(refused=False)
    looks(flow, PATIENCE_POLLS, batch_0=told)
    assert shard_in(flow).step is ShardStep.COLLECT


@pytest.mark.parametrize("silent", [True, False])
def test_an_unknown_state_with_nothing_left_to_cancel_is_an_end_once_it_is_seen(silent: bool) -> None:
    flow = cancelled(refused=True, status="archived")
    looks(flow, 1, **({} if silent else {"batch_0": ODD}))
    assert (shard_in(flow).step, shard_in(flow).status) == (ShardStep.COLLECT, "archived")


@pytest.mark.parametrize("status", ["in_progress", "finalizing", "cancelling"])
def test_a_known_state_with_nothing_left_to_cancel_is_looked_at_again(status: str) -> None:
    flow = cancelled(refused=True, status=status)
    looks(flow, 1)
    assert shard_in(flow).step is ShardStep.ACTIVE


def test_a_batch_that_is_lost_is_not_taken_for_ended_because_its_cancellation_was_refused() -> None:
    flow = cancelled(refused=True, status="submitted")
    looks(flow, 1, batch_0=LOST)
    assert shard_in(flow).step is ShardStep.ACTIVE


def test_an_unknown_state_that_can_be_cancelled_is_no_end() -> None:
    flow = cancelled(refused=False, status="archived")
    looks(flow, 1)
    assert shard_in(flow).step is ShardStep.ACTIVE


# --- a look that fails -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cancel_asked", [False, True])
def test_a_look_that_failed_has_seen_nothing_and_the_next_one_is_later(cancel_asked: bool) -> None:
    flow = flow_of(active(0))
    shard_in(flow).odd_polls, shard_in(flow).cancel_asked = 4, cancel_asked
    flow.poll.interval = 100.0
    (call,) = begun(flow, NOW, ACTIVITY)
    fail(flow, call, NOW, NO)
    assert (shard_in(flow).odd_polls, shard_in(flow).step) == (4, ShardStep.ACTIVE)
    assert flow.poll.next_at == NOW + 150


def test_a_look_is_not_made_before_the_time_that_the_service_named() -> None:
    flow = flow_of(active(0))
    (call,) = begun(flow, NOW, ACTIVITY)
    fail(flow, call, NOW, Fault(code="http_429", message="", retry_after=5000.0))
    assert flow.poll.next_at == NOW + 5000


def test_a_failed_look_does_not_end_an_unknown_state_with_nothing_left_to_cancel() -> None:
    flow = cancelled(refused=True, status="archived")
    (call,) = begun(flow, NOW, ACTIVITY)
    fail(flow, call, NOW, NO)
    assert shard_in(flow).step is ShardStep.ACTIVE


def test_a_look_that_sees_the_batch_begins_the_count_of_failed_ones_anew() -> None:
    flow = flow_of(active(0))
    shard_in(flow).cancel_asked, shard_in(flow).tries = True, MAX_PASSING_TRIES - 1
    look(flow, NOW, batch_0={"status": "cancelling"})
    for left in reversed(range(MAX_PASSING_TRIES)):
        flow.poll.next_at = NOW
        (call,) = begun(flow, NOW, ACTIVITY)
        fail(flow, call, NOW, NO)
        assert (shard_in(flow).step is ShardStep.ACTIVE) == bool(left)


@pytest.mark.parametrize(("earlier", "is_gone"), [(-1.0, False), (0.0, True)])
def test_a_batch_that_many_lists_do_not_have_is_gone_after_just_so_long(
    earlier: float, is_gone: bool
) -> None:
    flow = flow_of(active(0))
    s = shard_in(flow)
    s.odd_polls, s.lost_since = PATIENCE_LOOKS_FOR_LOST, NOW - PATIENCE_SECONDS_FOR_LOST - earlier
    look(flow, NOW, batch_0=LOST)
    assert (s.step is ShardStep.COLLECT) == is_gone


@pytest.mark.parametrize("is_answered", [False, True])
def test_looks_that_fail_for_long_end_the_wait_for_a_cancellation(is_answered: bool) -> None:
    """All of a look, or the part that is about one batch."""
    flow = flow_of(active(0), active(1))
    shard_in(flow, 0).cancel_asked = True
    shard_in(flow, 0).tries = MAX_PASSING_TRIES - 2
    flow.pauses.begin(Pause(model="gpt", kind="quota", message="Full."), NOW)
    for step in (ShardStep.ACTIVE, ShardStep.COLLECT):
        flow.poll.next_at, flow.poll.interval = NOW, 100.0
        (call,) = begun(flow, NOW, ACTIVITY)
        if is_answered:
            answer(flow, call, NOW, news={}, unseen=["batch-0"], complaint="One of them is not shown.")
        else:
            fail(flow, call, NOW, NO)
        assert shard_in(flow, 0).step is step
    assert flow.pauses.over_at(GPT) == NOW
    # What was given up is progress, also where another one is only waited for.
    assert flow.poll.next_at == NOW + 60
    assert flow.allowance.next_at == LONG_AFTER
