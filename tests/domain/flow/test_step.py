"""How many calls of a kind may be under way."""

import pytest

from domain.flow.state import Call
from domain.flow.step import MOVING_BYTES, SLOW_SECONDS, room_left, within_places
from tests.domain.flow.stories import NOW, flow_of


def calls(ages: list[float], *, weight: int = 0, activity: str = "prepare_file") -> list[Call]:
    return [
        Call(activity, {}, f"k{number}", weight=weight, begun_at=NOW - age) for number, age in enumerate(ages)
    ]


@pytest.mark.parametrize(
    ("ages", "free"),
    [
        ([], 3),
        ([0.0], 2),
        ([0.0, 0.0, 0.0], 0),
        ([SLOW_SECONDS - 1], 2),
        ([SLOW_SECONDS], 3),
        ([SLOW_SECONDS] * 3, 3),
        ([SLOW_SECONDS] * 4, 2),
        ([SLOW_SECONDS] * 4 + [0.0, 0.0], 0),
        ([SLOW_SECONDS] * 7, 0),
        ([0.0] * 5, 0),
    ],
)
def test_a_micro_batch_may_be_under_way_and_as_many_slow_ones_again(ages: list[float], free: int) -> None:
    assert room_left(flow_of(), calls(ages), NOW) == free


def test_those_of_the_same_kind_count_and_what_they_move() -> None:
    flow, half = flow_of(), MOVING_BYTES // 2
    flow.in_flight = calls([0.0], weight=half) + calls([0.0, 0.0, 0.0], weight=half, activity="write_outputs")
    wanted = [
        Call("prepare_file", {}, key, weight=weight)
        for key, weight in (("a", half + 1), ("b", half), ("c", 1))
    ]
    assert [call.key for call in within_places(flow, "prepare_file", wanted, NOW)] == ["b", "c"]
    assert list(within_places(flow, "write_outputs", wanted, NOW)) == []
    assert len(list(within_places(flow, "write_outputs", wanted[2:], NOW + SLOW_SECONDS))) == 1
