"""How long one generation goes on."""

import pytest

from domain.flow.flow import Flow
from domain.flow.generation import (
    EVENTS_PER_CALL,
    EVENTS_PER_GENERATION,
    EVENTS_PER_IDLE_LOOK,
    LEAST_PATIENCE_SECONDS,
    Generation,
)
from domain.flow.step import SLOW_SECONDS
from tests.domain.flow.stories import NOW, answer, file_at, flow_of

MOST_CALLS = EVENTS_PER_GENERATION // EVENTS_PER_CALL


def preparing(count: int) -> Flow:
    return flow_of(*(file_at(key=f"k{number}") for number in range(count)))


def closed(now: float) -> tuple[Generation, Flow]:
    """A generation that began its last call at a time; one call is under way, and a file waits."""
    generation, flow = Generation(NOW), preparing(1)
    idle = flow_of(file_at(not_before=now + 9999))
    while generation.calls_left > 1:
        generation.begin_calls(idle, NOW)
    assert len(generation.begin_calls(flow, now)) == 1
    flow.files.append(file_at(key="other"))
    return generation, flow


def test_so_many_calls_begin_as_the_history_has_room_for() -> None:
    generation, flow, begun = Generation(NOW), preparing(100), 0
    assert generation.calls_left == MOST_CALLS
    while calls := generation.begin_calls(flow, NOW):
        begun += len(calls)
        assert generation.calls_left == MOST_CALLS - begun
        for (call,) in calls:
            answer(flow, call, NOW, gone=True)
    assert begun == MOST_CALLS
    assert generation.calls_left == 0


def test_a_look_that_begins_nothing_takes_of_the_history_as_well() -> None:
    generation, flow = Generation(NOW), flow_of(file_at(not_before=NOW + 60))
    looks = 0
    while generation.calls_left:
        assert generation.begin_calls(flow, NOW) == []
        looks += 1
        left = EVENTS_PER_GENERATION - looks * EVENTS_PER_IDLE_LOOK
        assert generation.calls_left == max(0, left // EVENTS_PER_CALL)
    assert looks == 49
    generation.begin_calls(flow, NOW)
    generation.begin_calls(flow, NOW)
    assert generation.calls_left == 0


def test_it_is_over_when_no_call_may_begin_and_none_is_under_way() -> None:
    generation, flow = closed(NOW)
    assert not generation.is_over(flow)
    answer(flow, flow.in_flight[0], NOW, gone=True)
    assert generation.is_over(flow)
    assert not Generation(NOW).is_over(flow)


@pytest.mark.parametrize(
    ("went_on", "patience"),
    [(0, LEAST_PATIENCE_SECONDS), (15, 15), (1000, SLOW_SECONDS)],
)
def test_calls_under_way_are_waited_for_as_long_again_within_bounds(went_on: float, patience: float) -> None:
    generation, flow = closed(NOW + went_on)
    until = NOW + went_on + patience
    assert not generation.is_stuck(flow, until - 1.5)
    assert generation.wake_at(flow, until - 1.5) == until
    # The engine's timers fire up to a second early.
    assert generation.is_stuck(flow, until - 1)
    assert generation.is_stuck(flow, until)
    assert generation.wake_at(flow, until) is None


@pytest.mark.parametrize(
    ("begun_before", "until"),
    [
        pytest.param([5], 65, id="quick-for-long-yet"),
        pytest.param([27], 43, id="slow-soon"),
        pytest.param([300, 27], 43, id="one-of-them-may-be-quick-yet"),
        pytest.param([30], 40, id="slow-now"),
        pytest.param([300], 40, id="slow-for-long"),
    ],
)
def test_calls_that_have_taken_longer_than_the_generation_are_not_waited_for(
    begun_before: list[float], until: float
) -> None:
    closed_at, until = NOW + 40, NOW + until
    flow = preparing(0)
    for seconds in begun_before:
        flow.files.append(file_at(key=f"begun {seconds} s before"))
        Generation(NOW).begin_calls(flow, closed_at - seconds)
    flow.files.append(file_at(key="other", not_before=NOW + 9999))
    generation = Generation(NOW)
    while generation.calls_left:
        generation.begin_calls(flow, closed_at)
    assert generation.is_stuck(flow, closed_at) is (until <= closed_at)
    if until > closed_at:
        assert not generation.is_stuck(flow, until - 1.5)
        assert generation.wake_at(flow, until - 1.5) == until
    assert generation.is_stuck(flow, until - 1)


def test_the_wait_begins_with_the_last_call_and_not_anew_with_each_look_after_it() -> None:
    generation, flow = closed(NOW + 20)
    assert generation.begin_calls(flow, NOW + 30) == []
    assert generation.wake_at(flow, NOW + 30) == NOW + 40


def test_where_nothing_else_could_go_on_the_calls_are_waited_for() -> None:
    generation, flow = closed(NOW)
    del flow.files[1:]
    assert not generation.is_stuck(flow, NOW + 3600)
    assert generation.wake_at(flow, NOW) is None


def test_while_calls_may_begin_it_is_not_stuck_and_wakes_at_the_next_time_to_come() -> None:
    generation, flow = Generation(NOW), preparing(1)
    flow.files.append(file_at(key="later", not_before=NOW + 3600))
    assert generation.wake_at(flow, NOW) is None
    assert len(generation.begin_calls(flow, NOW)) == 1
    assert not generation.is_stuck(flow, NOW + 3000)
    assert generation.wake_at(flow, NOW) == NOW + 3600
