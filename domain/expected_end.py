"""When what is under way may end, by how long took what has ended: a range, or nothing where nothing can be said."""

from collections.abc import Sequence
from math import ceil

FEW = 10  # up to so many, the shortest and the longest of all bound the range; beyond, those with a tenth below and above

Range = tuple[float, float]


def expected_end(
    durations: Sequence[float], begun: Sequence[Range], waiting: int, *, now: float
) -> Range | None:
    """Give the earliest and the latest moment (epoch seconds) at which all may have ended.

    durations  seconds that each piece took which has ended
    begun      of each piece at work, when it began: not before, and not after
    waiting    pieces that begin when others end, as many at a time as are at work

    None where nothing has ended, nothing is at work, or a piece has been at work for longer than any that has ended. The
    moments do not depend on `now`, so what is told stays the same until there is news.
    """
    if not durations or not begun:
        return None
    shortest, longest = _usual(durations)
    most = max(durations)
    if any(now > not_after + most for _, not_after in begun):
        return None
    waves = ceil(waiting / len(begun))
    earliest = max(not_before for not_before, _ in begun) + shortest
    latest = max(not_after + (longest if now <= not_after + longest else most) for _, not_after in begun)
    return earliest + waves * shortest, max(latest + waves * longest, earliest + waves * shortest)


def at_work_of(spans: Sequence[Range], working: int, since: float) -> list[Range]:
    """Say of pieces at work when they began, where only those are known that have ended (`spans`): as these made room.

    `since`: before that none began.
    """
    if not spans:
        return []
    last_end = max(end for _, end in spans)
    _, longest = _usual([end - start for start, end in spans])
    not_before = max(since, last_end - longest)
    return [(min(not_before, last_end), max(last_end, since))] * working


def _usual(durations: Sequence[float]) -> Range:
    """Give a short and a long duration, between which nearly all are."""
    ordered = sorted(durations)
    beyond = 0 if len(ordered) <= FEW else len(ordered) // 10
    return ordered[beyond], ordered[-1 - beyond]
