"""Whose turn it is, and how much may be moved at once."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.flow.turns import round_robin, take_within

HEAVIEST = 800
LIGHT = HEAVIEST // 8
sizes = st.lists(st.integers(0, HEAVIEST * 2), max_size=20)


@given(sizes=sizes, moving=sizes, most=st.integers(-1, 12))
def test_what_begins_weighs_no_more_than_allowed_unless_one_heavy_thing_is_alone(
    sizes: list[int], moving: list[int], most: int
) -> None:
    taken = list(
        take_within(enumerate(sizes), lambda item: item[1], most=most, heaviest=HEAVIEST, moving=moving)
    )
    assert taken == sorted(taken)
    assert len(taken) <= max(most, 0)
    for is_heavy in (True, False):
        beside = [size for size in moving if (size > LIGHT) is is_heavy]
        begun = [size for _, size in taken if (size > LIGHT) is is_heavy]
        assert not begun or sum(begun + beside) <= HEAVIEST or (len(begun) == 1 and not beside)
        if len(taken) < most:
            left = [size for number, size in enumerate(sizes) if (number, size) not in taken]
            free = [size for size in left if (size > LIGHT) is is_heavy]
            assert all(beside + begun and sum(beside + begun) + size > HEAVIEST for size in free)


@pytest.mark.parametrize(
    ("moving", "sizes", "taken"),
    [
        ([], [400, 400, 101], [400, 400]),
        ([400], [401, 400, 101], [400]),
        # An eighth is light, and not held up by what is heavy.
        ([800], [101, LIGHT, LIGHT], [LIGHT, LIGHT]),
        ([LIGHT] * 7, [LIGHT, LIGHT, 101], [LIGHT, 101]),
    ],
)
def test_heavy_and_light_ones_have_as_much_each_for_themselves(
    moving: list[int], sizes: list[int], taken: list[int]
) -> None:
    assert list(take_within(sizes, int, most=9, heaviest=HEAVIEST, moving=moving)) == taken


@given(
    sizes=st.lists(st.tuples(st.integers(0, HEAVIEST), st.integers(1, 4)), max_size=20),
    most=st.integers(-1, 9),
)
def test_what_takes_more_room_than_is_left_holds_up_nothing_that_takes_less(
    sizes: list[tuple[int, int]], most: int
) -> None:
    waiting = [(number, *item) for number, item in enumerate(sizes)]
    taken = list(
        take_within(
            waiting, lambda item: item[1], most=most, heaviest=HEAVIEST * 100, room=lambda item: item[2]
        )
    )
    assert sum(room for *_, room in taken) <= max(most, 0)
    for item in waiting:
        before = sum(room for number, _, room in taken if number < item[0])
        assert (item in taken) == (before + item[2] <= most)


def test_thousands_that_wait_behind_are_not_even_looked_at() -> None:
    waiting = iter(range(10_000))
    assert list(take_within(waiting, lambda _: 0, most=2, heaviest=HEAVIEST)) == [0, 1]
    assert len(list(waiting)) >= 9_997


def test_a_small_file_is_not_behind_all_shards_of_a_large_one() -> None:
    waiting = [f"large/{n}" for n in range(5)] + ["small/0", "other/0", "other/1"]
    turns = round_robin(waiting, lambda shard: shard.partition("/")[0], Counter({"large": 1}))
    assert turns == ["small/0", "other/0", "large/0", "other/1", "large/1", "large/2", "large/3", "large/4"]


def test_who_was_served_more_waits_until_the_others_have_had_as_much() -> None:
    turns = round_robin(["a0", "a1", "b0", "b1", "b2"], lambda item: item[0], Counter({"a": 2}))
    assert turns == ["b0", "b1", "a0", "b2", "a1"]


@given(
    st.lists(st.sampled_from("abc"), max_size=30), st.dictionaries(st.sampled_from("abc"), st.integers(0, 9))
)
def test_turns_lose_no_item_and_keep_an_owners_order(owners: list[str], served: dict[str, int]) -> None:
    waiting = list(enumerate(owners))
    turns = round_robin(waiting, lambda item: item[1], Counter(served))
    assert sorted(turns) == waiting
    for owner in "abc":
        mine = [item for item in turns if item[1] == owner]
        assert mine == sorted(mine)
