"""Which of those that are ready go first, and how many at once."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def round_robin(waiting: Sequence[Item], owner: Callable[[Item], str], served: Counter[str]) -> list[Item]:
    """Order waiting items so that the owner who was served least comes first; within an owner as they were.

    `served` counts what each owner has already.
    """
    so_far = Counter(served)
    ranked = []
    for item in waiting:
        ranked.append((so_far[owner(item)], item))
        so_far[owner(item)] += 1
    return [item for _, item in sorted(ranked, key=lambda pair: pair[0])]


def take_within(
    items: Iterable[Item],
    weight: Callable[[Item], int],
    *,
    most: int,
    heaviest: int,
    moving: Sequence[int] = (),
    room: Callable[[Item], int] = lambda _: 1,
) -> Iterator[Item]:
    """Give the items that may begin beside those under way, whose weights are `moving`.

    They take at most `most` of the room. Heavy ones (more than an eighth of `heaviest`) weigh no more than `heaviest` together, or are
    alone; light ones have as much for themselves. So a heavy item never holds up the light ones behind it.
    """
    begun = {
        True: [w for w in moving if _is_heavy(w, heaviest)],
        False: [w for w in moving if not _is_heavy(w, heaviest)],
    }
    taken = 0
    for item in items:
        if taken >= most:
            return
        if taken + room(item) > most:
            continue
        size = weight(item)
        beside = begun[_is_heavy(size, heaviest)]
        if not beside or sum(beside) + size <= heaviest:
            beside.append(size)
            taken += room(item)
            yield item


def _is_heavy(weight: int, heaviest: int) -> bool:
    return weight > heaviest // 8
