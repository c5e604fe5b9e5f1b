"""Whose turn it is within a round, and how much a round may move."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from domain.flow.turns import ROUND_BYTES, by_turns, light

sizes = st.lists(st.integers(0, ROUND_BYTES * 2), max_size=20)


@given(sizes=sizes, most=st.integers(0, 12))
def test_a_round_is_light_unless_one_thing_alone_is_heavy(sizes: list[int], most: int) -> None:
    taken = list(light(sizes, lambda size: size, most=most))
    assert taken == sizes[: len(taken)]
    assert len(taken) <= most
    assert sum(taken) <= ROUND_BYTES or len(taken) == 1
    assert taken or not sizes or not most
    if len(taken) < min(most, len(sizes)):
        assert sum(sizes[: len(taken) + 1]) > ROUND_BYTES


def test_a_small_file_is_not_behind_all_shards_of_a_large_one() -> None:
    waiting = [f"large/{n}" for n in range(5)] + ["small/0", "other/0", "other/1"]
    turns = by_turns(waiting, lambda shard: shard.partition("/")[0], Counter({"large": 1}))
    assert turns == ["small/0", "other/0", "large/0", "other/1", "large/1", "large/2", "large/3", "large/4"]


@given(
    st.lists(st.sampled_from("abc"), max_size=30), st.dictionaries(st.sampled_from("abc"), st.integers(0, 9))
)
def test_turns_lose_nobody_and_keep_an_owners_order(owners: list[str], served: dict[str, int]) -> None:
    waiting = list(enumerate(owners))
    turns = by_turns(waiting, lambda item: item[1], Counter(served))
    assert sorted(turns) == waiting
    for owner in "abc":
        mine = [item for item in turns if item[1] == owner]
        assert mine == sorted(mine)
