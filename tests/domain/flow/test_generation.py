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
    fill(generation, NOW, but=1)
    assert len(generation.begin_calls(flow, now)) == 1
    flow.files.append(file_at(key="other"))
    return generation, flow


def fill(generation: Generation, now: float, *, but: int = 0) -> None:
    """Have a generation look at what waits until it has but so many calls left."""
    idle = flow_of(file_at(not_before=now + 9999))
    while generation.calls_left > but:
        generation.begin_calls(idle, now)


def closed_again(now: float, *begun_before: float) -> tuple[Generation, Flow]:
    """A generation that has had its room twice: calls were begun so many seconds before its end, and a file waits."""
    generation, flow = Generation(NOW), preparing(1)
    fill(generation, NOW)
    Generation(NOW).begin_calls(flow, NOW)
    assert generation.begin_calls(flow, NOW + LEAST_PATIENCE_SECONDS) == []
    flow.files, flow.in_flight = [], []
    for seconds in begun_before:
        flow.files.append(file_at(key=f"begun {seconds} s before"))
        Generation(NOW).begin_calls(flow, now - seconds)
    flow.files.append(file_at(key="other", not_before=NOW + 9999))
    while generation.calls_left:
        generation.begin_calls(flow, now)
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


def test_it_is_over_at_the_first_chance_once_it_has_more_room() -> None:
    generation, flow = closed(NOW)
    generation.begin_calls(flow, NOW + LEAST_PATIENCE_SECONDS)
    assert generation.calls_left
    for call in [*flow.in_flight]:
        assert not generation.is_over(flow)
        answer(flow, call, NOW, gone=True)
    assert generation.is_over(flow)


def test_calls_under_way_are_waited_for_a_little_and_then_the_others_go_on() -> None:
    generation, flow = closed(NOW + 20)
    until = NOW + 20 + LEAST_PATIENCE_SECONDS
    assert generation.begin_calls(flow, until - 1.5) == []
    assert generation.wake_at(flow, until - 1.5) == until
    # The engine's timers fire up to a second early.
    assert len(generation.begin_calls(flow, until - 1)) == 1
    assert not generation.is_stuck(flow, until + 3600)
    assert MOST_CALLS - 3 <= generation.calls_left < MOST_CALLS


def test_a_call_that_takes_long_already_is_not_waited_for() -> None:
    generation, flow = Generation(NOW), preparing(1)
    generation.begin_calls(flow, NOW)
    flow.files.append(file_at(key="other", not_before=NOW + 99))
    fill(generation, NOW + LEAST_PATIENCE_SECONDS)
    assert generation.begin_calls(flow, NOW + LEAST_PATIENCE_SECONDS) == []
    assert generation.calls_left
    assert generation.wake_at(flow, NOW + LEAST_PATIENCE_SECONDS) == NOW + 99


@pytest.mark.parametrize(
    ("went_on", "begun_before", "patience"),
    [
        (6, [5], 1),
        (6, [3], 3),
        (15, [0], 15),
        (15, [14], 1),
        (15, [15], 0),
        (15, [300, 15], 0),
        (15, [300, 7], 8),
        (1000, [0], SLOW_SECONDS),
        (1000, [300], 0),
    ],
)
def test_then_a_call_has_as_long_as_the_generation_went_on_within_bounds(
    went_on: float, begun_before: list[float], patience: float
) -> None:
    now = NOW + went_on
    generation, flow = closed_again(now, *begun_before)
    if patience > 1:
        assert not generation.is_stuck(flow, now + patience - 1.5)
        assert generation.wake_at(flow, now + patience - 1.5) == now + patience
    assert generation.is_stuck(flow, now + patience - 1)
    assert generation.is_stuck(flow, now + patience)
    assert generation.wake_at(flow, now + patience) is None


def test_where_nothing_else_could_go_on_the_calls_are_waited_for() -> None:
    generation, flow = closed_again(NOW + 20, 0)
    del flow.files[1:]
    assert not generation.is_stuck(flow, NOW + 3600)
    assert generation.wake_at(flow, NOW + 20) is None


def test_while_calls_may_begin_it_is_not_stuck_and_wakes_at_the_next_time_to_come() -> None:
    generation, flow = Generation(NOW), preparing(1)
    flow.files.append(file_at(key="later", not_before=NOW + 3600))
    assert generation.wake_at(flow, NOW) is None
    assert len(generation.begin_calls(flow, NOW)) == 1
    assert not generation.is_stuck(flow, NOW + 3000)
    assert generation.wake_at(flow, NOW) == NOW + 3600
