"""Which batches are cancelled, when, and what becomes of the wish."""

import msgspec

from domain.contracts import Fault
from domain.flow.pacing import MAX_OTHER_TRIES
from domain.flow.steps.cancel import PATIENCE_POLLS
from tests.domain.flow.stories import (
    NEVER,
    NO,
    NOW,
    SETTINGS,
    active,
    answer,
    begun,
    fail,
    flow_of,
    shard_in,
    woken,
)

DEADLINE = NOW + SETTINGS.deadline_seconds
ACTIVITY = "cancel_batch"


def test_a_batch_is_cancelled_once_it_is_older_than_the_deadline() -> None:
    flow = flow_of(active(0), active(1, submitted_at=NOW + 100))
    flow.poll.next_at = DEADLINE + 3600
    assert begun(flow, DEADLINE - 2, ACTIVITY) == []
    assert woken(flow, DEADLINE - 2) == DEADLINE
    (call,) = begun(flow, DEADLINE, ACTIVITY)
    assert (call.key, call.shard, call.input) == ("k", "0000", {"batch_id": "batch-0"})
    assert woken(flow, DEADLINE) == DEADLINE + 100


def test_a_state_that_is_not_known_is_borne_for_so_many_looks() -> None:
    flow = flow_of(active(0), active(1))
    flow.poll.next_at = DEADLINE + 3600
    shard_in(flow, 0).odd_polls, shard_in(flow, 1).odd_polls = PATIENCE_POLLS - 1, PATIENCE_POLLS
    assert [call.shard for call in begun(flow, NOW, ACTIVITY)] == ["0001"]


def test_what_was_asked_for_is_noted_and_not_asked_for_again() -> None:
    flow = flow_of(active(0), active(1))
    flow.poll.next_at = DEADLINE + 3600
    for number in (0, 1):
        s = shard_in(flow, number)
        s.odd_polls, s.tries, s.not_before = PATIENCE_POLLS, 3, NOW - 5
    for call, refused in zip(begun(flow, DEADLINE, ACTIVITY), (False, True), strict=True):
        answer(flow, call, DEADLINE, refused=refused)
    assert [s.cancel_refused for s in flow.shards] == [False, True]
    assert all(s.cancel_asked for s in flow.shards)
    assert {(s.odd_polls, s.tries, s.not_before) for s in flow.shards} == {(0, 0, 0.0)}
    assert begun(flow, DEADLINE, ACTIVITY) == []


def test_a_wish_that_cannot_be_told_is_told_again_later_and_in_the_end_counts_as_told() -> None:
    flow, now = flow_of(active(0)), DEADLINE
    flow.poll.next_at = DEADLINE + 3600
    (call,) = begun(flow, now, ACTIVITY)
    fail(flow, call, now, Fault(code="http_429", message="", passing=False, retry_after=100.0))
    assert begun(flow, now + 98, ACTIVITY) == []
    # Another reason has chances of its own.
    for _ in range(MAX_OTHER_TRIES):
        assert not shard_in(flow).cancel_asked
        now += 200
        (call,) = begun(flow, now, ACTIVITY)
        fail(flow, call, now, NEVER)
    assert shard_in(flow).cancel_asked
    assert shard_in(flow).cancel_refused is False


def test_what_is_looked_at_or_cancelled_at_this_moment_is_left_out_and_the_others_are_not() -> None:
    flow = flow_of(active(0), active(1, submitted_at=NOW + 1), active(2, submitted_at=NOW + 2))
    flow.poll.next_at = DEADLINE + 3600
    (first,) = begun(flow, DEADLINE - 1, ACTIVITY)
    flow.poll.next_at = 0.0
    (look,) = begun(flow, DEADLINE - 1, "poll_batches")
    assert sorted(look.input["known"]) == ["batch-1", "batch-2"]
    flow.in_flight[-1] = msgspec.structs.replace(
        look, input={"known": {"batch-1": "submitted"}, "share": None}
    )
    assert [call.shard for call in begun(flow, DEADLINE + 10, ACTIVITY)] == ["0002"]
    assert first in flow.in_flight


def test_no_more_are_cancelled_at_once_than_a_micro_batch() -> None:
    flow = flow_of(*(active(number) for number in range(9)))
    flow.poll.next_at = DEADLINE + 3600
    assert [call.shard for call in begun(flow, DEADLINE, ACTIVITY)] == ["0000", "0001", "0002"]
    fail(flow, flow.in_flight[0], DEADLINE, NO)
    assert [call.shard for call in begun(flow, DEADLINE, ACTIVITY)] == ["0003"]
