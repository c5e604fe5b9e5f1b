"""How long a batch is looked for, and its results are read, before anything is given up."""

import pytest

from domain.contracts import Answer, Fault, SnapshotSettings
from domain.flow.flow import MOST_REASONS
from domain.flow.machine import end_call
from domain.flow.pacing import MAX_OTHER_TRIES
from domain.flow.progress import progress
from domain.flow.state import ShardStep
from domain.flow.steps.cancel import PATIENCE_POLLS
from domain.flow.steps.poll import PATIENCE_LOOKS_FOR_LOST, PATIENCE_SECONDS_FOR_LOST
from tests.domain.flow.stories import NOW, active, answer, begun, flow_of, woken

LOST, FOUND = {"status": "lost", "lost": True}, {"status": "in_progress"}


def looks_until_given_up(settings: SnapshotSettings, *, found_after: int) -> tuple[int, float]:
    """How many lists in a row do not have a batch, and how long (seconds), until it counts as gone."""
    flow, now, looks, since = flow_of(active(0), settings=settings), NOW, 0, NOW
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
    flow, now = flow_of(active(0), settings=SnapshotSettings(deadline_seconds=1e9)), NOW
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


def test_looks_that_fail_after_a_cancellation_do_not_count_as_looks() -> None:
    """The batch goes on being cancelled meanwhile, and has partial results in the end."""
    flow, now = flow_of(active(0), settings=SnapshotSettings()), NOW
    flow.shards[0].cancel_asked = True
    for look in range(5 * PATIENCE_POLLS):
        (poll,) = begun(flow, now)
        if look % 10:
            end_call(flow, poll, Answer(fault=Fault(code="http_503", message="Busy.")), now)
        else:
            answer(flow, poll, now, news={"batch-0": {"status": "cancelling"}})
        assert flow.shards[0].step is ShardStep.ACTIVE
        now = woken(flow, now)


def test_results_are_read_for_a_day_each_reason_counted_by_itself() -> None:
    """Then the file is set aside with what was said last, and a later snapshot goes on reading."""
    flow, now = flow_of(active(0), settings=SnapshotSettings()), NOW
    flow.shards[0].move(ShardStep.COLLECT)
    passing = [Fault(code=code, message="row-7 is missing") for code in ("broken_result", "http_503")]
    for fault in [*passing * 100, *[Fault(code="refused", message="No.", passing=False)] * 5]:
        (call,) = begun(flow, now)
        end_call(flow, call, Answer(fault=fault), now)
        now = woken(flow, now)
    while (calls := begun(flow, now))[0].activity == "collect_batch":
        end_call(flow, calls[0], Answer(fault=passing[0]), now)
        now = woken(flow, now) if flow.shards else now
    assert now - NOW > 24 * 3600
    (hold,) = calls
    assert hold.activity == "hold_file"
    assert hold.input["reason"] == "broken_result: row-7 is missing"


def test_a_step_that_fails_for_ever_new_reasons_comes_to_an_end_all_the_same() -> None:
    flow, now = flow_of(active(0), settings=SnapshotSettings()), NOW
    flow.shards[0].move(ShardStep.COLLECT)
    for number in range(MOST_REASONS + MAX_OTHER_TRIES):
        (call,) = begun(flow, now)
        end_call(flow, call, Answer(fault=Fault(code=f"{number}", message="m", passing=False)), now)
        now = woken(flow, now) if flow.shards else now
    assert [call.activity for call in begun(flow, now)] == ["hold_file"]
