"""Who has a turn in a round. A round is as long as its longest activity, so what is large comes a little at a time."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")

ROUND_BYTES = 256_000_000
"""Bytes that one kind of activity moves per round: two of the largest shards. Bounds time and memory, wherever it runs."""


def light(
    items: Iterable[Item], size: Callable[[Item], int], *, most: int, heaviest: int = ROUND_BYTES
) -> Iterator[Item]:
    """Give the first items that one round may hold: at most `most`, together no larger than `heaviest`, but always one."""
    moved = 0
    for taken, item in enumerate(items):
        moved += size(item)
        if taken == most or (taken and moved > heaviest):
            return
        yield item


def by_turns(waiting: Sequence[Item], owner: Callable[[Item], str], served: Counter[str]) -> list[Item]:
    """Put waiting items into an order in which whoever was served least comes first; within an owner as they were.

    `served` counts what each owner has already.
    """
    so_far = Counter(served)
    ranked = []
    for item in waiting:
        ranked.append((so_far[owner(item)], item))
        so_far[owner(item)] += 1
    return [item for _, item in sorted(ranked, key=lambda pair: pair[0])]
