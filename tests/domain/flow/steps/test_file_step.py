"""What holds for every step that works on a whole file."""

import pytest

from domain.contracts import Fault
from domain.flow.pacing import MAX_OTHER_TRIES
from domain.flow.state import FileStep
from domain.flow.step import MOVING_BYTES, SLOW_SECONDS
from tests.domain.flow.stories import NEVER, NOW, begun, fail, file_at, flow_of, waiting, woken

STEPS = [
    (FileStep.PREPARE, "prepare_file"),
    (FileStep.WRITE, "write_outputs"),
    (FileStep.ARCHIVE, "archive_input"),
    (FileStep.HOLD, "hold_file"),
]
every_step = pytest.mark.parametrize(("step", "activity"), STEPS)


@every_step
def test_a_file_at_this_step_is_worked_on_once(step: FileStep, activity: str) -> None:
    flow = flow_of(file_at(step, size=7, fresh=True), waiting(key="other"))
    (call,) = begun(flow, NOW, activity)
    assert (call.key, call.shard, call.weight) == ("k", "", 7)
    assert (call.input["snapshot_id"], call.input["key"], call.input["fresh"]) == ("snapshot-1", "k", True)
    assert begun(flow, NOW, activity) == []


@every_step
def test_a_fault_is_waited_for(step: FileStep, activity: str) -> None:
    flow = flow_of(file_at(step))
    (call,) = begun(flow, NOW, activity)
    fail(flow, call, NOW, Fault(code="busy", message="", retry_after=50.0))
    assert begun(flow, NOW + 48, activity) == []
    assert woken(flow, NOW + 48) == NOW + 50
    assert [call.key for call in begun(flow, NOW + 50, activity)] == ["k"]


@every_step
def test_what_is_ready_goes_on_beside_what_waits(step: FileStep, activity: str) -> None:
    flow = flow_of(
        *(file_at(step, key=key, not_before=at) for key, at in (("a", NOW + 9), ("b", 0.0), ("c", NOW)))
    )
    assert [call.key for call in begun(flow, NOW, activity)] == ["b", "c"]


@every_step
def test_no_more_are_worked_on_at_once_than_a_micro_batch_nor_more_bytes_than_allowed(
    step: FileStep, activity: str
) -> None:
    small = flow_of(*(file_at(step, key=f"k{number}") for number in range(9)))
    assert [call.key for call in begun(small, NOW, activity)] == ["k0", "k1", "k2"]
    assert begun(small, NOW + 9, activity) == []
    # The slow ones give their places up.
    assert [call.key for call in begun(small, NOW + SLOW_SECONDS, activity)] == ["k3", "k4", "k5"]
    large = flow_of(*(file_at(step, key=f"k{number}", size=MOVING_BYTES // 2 + 1) for number in range(2)))
    assert [call.key for call in begun(large, NOW, activity)] == ["k0"]


@pytest.mark.parametrize(("step", "activity"), STEPS[:-1])
def test_a_file_that_has_had_its_chances_is_set_aside_with_the_reason(step: FileStep, activity: str) -> None:
    flow, now = flow_of(file_at(step)), NOW
    for _ in range(MAX_OTHER_TRIES):
        assert flow.file("k").step is step
        (call,) = begun(flow, now, activity)
        fail(flow, call, now, NEVER)
        now += 3600
    (hold,) = begun(flow, now)
    assert (hold.activity, hold.input["reason"]) == ("hold_file", "mishap: Never.")
