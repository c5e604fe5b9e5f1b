"""An ended batch comes home: what is asked, and what goes on."""

import msgspec
import pytest

from domain.contracts import Fault, Pause, to_wire
from domain.flow.pacing import FAULT_LONGEST_SECONDS, MAX_OTHER_TRIES
from domain.flow.progress import progress
from domain.flow.state import FileStep, ShardStep
from domain.flow.step import MOVING_BYTES, SLOW_SECONDS
from domain.shards import answer_bytes
from tests.domain.flow.stories import (
    GPT,
    NEVER,
    NOW,
    SETTINGS,
    answer,
    begun,
    ended,
    fail,
    flow_of,
    live,
    opened,
    shard_in,
    waiting,
    woken,
)

ACTIVITY = "collect_batch"
DEADLINE = NOW + SETTINGS.deadline_seconds


def pause_of(model: str | None, message: str = "Full.") -> Pause:
    return Pause(model=model, kind="quota", message=message)


def test_all_that_is_known_of_the_batch_is_told() -> None:
    s = ended(0)
    s.output_file_id, s.error_file_id, s.tries, s.done = "out", "err", 2, 7
    s.refused = Fault(code="no", message="No.")
    s.batch_id = "batch_2"
    s.shard = msgspec.structs.replace(s.shard, batch_id="batch_1")  # was found when the file was taken over
    flow = flow_of(s)
    (call,) = begun(flow, NOW, ACTIVITY)
    assert (call.key, call.shard) == ("k", "0000")
    assert call.input == {
        "snapshot_id": "snapshot-1",
        "key": "k",
        "shard": to_wire(s.shard),
        "batch_id": "batch_2",
        "status": "completed",
        "output_file_id": "out",
        "error_file_id": "err",
        "refused": to_wire(s.refused),
        "tries": 2,
        "done": 7,
        "overdue": False,
        "unwanted": False,
    }
    assert begun(flow, NOW, ACTIVITY) == []


@pytest.mark.parametrize(("now", "overdue"), [(DEADLINE - 2, False), (DEADLINE, True)])
def test_an_end_after_the_deadline_is_told_as_such(now: float, overdue: bool) -> None:
    (call,) = begun(flow_of(ended(0)), now, ACTIVITY)
    assert call.input["overdue"] is overdue


def test_a_fault_is_waited_for() -> None:
    flow = flow_of(ended(0))
    (call,) = begun(flow, NOW, ACTIVITY)
    fail(flow, call, NOW, Fault(code="busy", message="", retry_after=50.0))
    assert begun(flow, NOW + 48, ACTIVITY) == []
    assert woken(flow, NOW + 48) == NOW + 50
    (call,) = begun(flow, NOW + 50, ACTIVITY)
    assert call.input["tries"] == 1


def test_answers_that_cannot_be_collected_stay_where_they_are_and_the_file_is_set_aside() -> None:
    flow, now = flow_of(ended(0)), NOW
    for _ in range(MAX_OTHER_TRIES):
        (call,) = begun(flow, now, ACTIVITY)
        fail(flow, call, now, NEVER)
        now += 3600
    assert flow.shards == []
    (hold,) = begun(flow, now)
    assert (hold.activity, hold.input["reason"]) == ("hold_file", "mishap: Never.")


def test_outcomes_are_counted_and_the_file_is_written_once_no_shard_is_left() -> None:
    flow = flow_of(ended(0), ended(1))
    flow.pauses.begin(pause_of(None), NOW)
    first, second = begun(flow, NOW, ACTIVITY)
    answer(flow, first, NOW, tally={"ok": 7, "failed": 1, "input_tokens": 99})
    assert (flow.file("k").ended, flow.file("k").step) == (8, FileStep.RUN)
    # Its files in the service are gone, and files have a quota.
    assert flow.pauses.over_at(GPT) == NOW
    answer(flow, second, NOW, tally={"ok": 10})
    assert flow.file("k").ended == 18
    assert [call.activity for call in begun(flow, NOW)] == ["write_outputs"]


def test_what_a_files_shards_took_is_added_up() -> None:
    flow = flow_of(ended(0), ended(1), waiting(2))
    for call, tokens in zip(begun(flow, NOW, ACTIVITY), (100, 1000), strict=True):
        answer(flow, call, NOW, tally={"input_tokens": tokens, "output_tokens": 2 * tokens}, cost=tokens / 4)
    told = progress(flow)
    assert (told["tokens_in_work"], told["cost_in_work"]) == (3300, 275.0)


def test_what_may_end_better_goes_on_in_shards_of_its_own_as_batches_or_live() -> None:
    flow = flow_of(ended(0), waiting(1))
    (call,) = begun(flow, NOW, ACTIVITY)
    children = [opened(2, attempt=2), opened(3, attempt=2, engine="direct")]
    answer(flow, call, NOW, tally={"ok": 1}, children=to_wire(children))
    assert [s.identity for s in flow.shards] == [("k", "0001"), ("k", "0002"), ("k", "0003")]
    batch, direct = flow.shards[1:]
    assert (batch.step, batch.shard, batch.not_before) == (ShardStep.SUBMIT, children[0], 0.0)
    assert (direct.step, direct.shard, direct.not_before) == (ShardStep.SEND, children[1], NOW + 5)


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(2, 5), (3, 10), (4, 20), (8, FAULT_LONGEST_SECONDS), (9, FAULT_LONGEST_SECONDS)]
)
def test_live_calls_are_made_again_later_each_time(attempt: int, seconds: float) -> None:
    s = live(0, attempt=attempt - 1)
    s.step = ShardStep.COLLECT
    flow = flow_of(s)
    (call,) = begun(flow, NOW, ACTIVITY)
    answer(flow, call, NOW, children=to_wire([opened(1, attempt=attempt, engine="direct")]))
    assert shard_in(flow, 1).not_before == NOW + seconds


def test_a_batch_that_failed_as_a_whole_is_made_anew_at_the_end_of_the_queue() -> None:
    flow = flow_of(ended(0), waiting(1))
    (call,) = begun(flow, NOW, ACTIVITY)
    answer(flow, call, NOW, again=to_wire(pause_of("gpt")))
    assert [s.identity[1] for s in flow.shards] == ["0001", "0000"]
    fresh = shard_in(flow, 0)
    assert (fresh.step, fresh.shard, fresh.batch_id) == (ShardStep.SUBMIT, opened(0), None)
    assert (fresh.begun, fresh.failing_since, fresh.status) == (True, NOW, "submitted")
    assert flow.pauses.over_at(GPT) > NOW
    assert flow.file("k").ended == 0


@pytest.mark.parametrize(("hours", "held"), [(1.9, False), (2, True)])
def test_a_shard_whose_batches_fail_as_a_whole_until_the_deadline_is_left(hours: float, held: bool) -> None:
    s = ended(0)
    s.failing_since = NOW - hours * 3600
    flow = flow_of(s)
    (call,) = begun(flow, NOW, ACTIVITY)
    answer(flow, call, NOW, again=to_wire(pause_of("gpt", "Full again.")))
    if held:
        assert flow.shards == []
        assert flow.file("k").hold_reason == "Full again."
    else:
        assert shard_in(flow).failing_since == NOW - hours * 3600


def test_what_is_collected_at_once_is_bounded_by_the_bytes_it_moves() -> None:
    """The requests themselves, or their answers on the temporary disk, whichever is more."""
    large = MOVING_BYTES // 2 + 1
    by_answers = large // answer_bytes() + 1
    flow = flow_of(ended(0, size=large), ended(1, requests=by_answers), ended(2))
    first, third = begun(flow, NOW, ACTIVITY)
    assert [first.shard, third.shard] == ["0000", "0002"]
    assert (first.weight, third.weight) == (large, 10 * answer_bytes())


def test_no_more_are_collected_at_once_than_a_micro_batch_beside_the_slow_ones() -> None:
    flow = flow_of(*(ended(number) for number in range(9)))
    assert [call.shard for call in begun(flow, NOW, ACTIVITY)] == ["0000", "0001", "0002"]
    answer(flow, flow.in_flight[0], NOW)
    assert [call.shard for call in begun(flow, NOW + 9, ACTIVITY)] == ["0003"]
    assert [call.shard for call in begun(flow, NOW + SLOW_SECONDS, ACTIVITY)] == ["0004", "0005"]
