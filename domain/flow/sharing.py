"""How the snapshots of one app share MAX_ACTIVE_BATCHES, without locks and without a place for two.

Each snapshot has a note of what it holds (batches it has, and places it may still fill) and of what it would like. It may
hold an equal share, more where others want less, and a few places are left for a newcomer, so that a small late file is
not behind a huge early one. No snapshot gives up a batch that is alive.

Two that take the same free places at once find out: each writes first and looks again after that, so that at least the
later one sees both notes, and it steps back. What they hold together is never more than the limit, except for batches
that come with a dead snapshot's files, and where a note could not be written for a day.
"""

from collections.abc import Generator, Iterable

import msgspec

from domain.contracts import Share, ShareRequest, SnapshotSettings
from domain.flow.pacing import POLL_GROWTH, later

RESERVED_SHARE = 10  # at most one place in so many is left free for a newcomer


STALE_POLLS = 3  # a record is written at every third of the time after which it is stale
STALE_LEAST_SECONDS = 1200.0


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot's note: places it holds, places it would like besides, when it said so (epoch seconds)."""

    snapshot_id: str
    held: int
    wanted: int
    at: float


class Allowance(msgspec.Struct):
    """How many batches this snapshot may have alive, and when it looks again. Times are epoch seconds."""

    places: int = 0
    looked_at: float = 0.0
    next_at: float = 0.0
    interval: float = 0.0
    tries: int = 0

    def agreed(self, places: int, now: float, settings: SnapshotSettings) -> None:
        """Take what was agreed on; without more room, look again later each time."""
        grown = min(max(self.interval, settings.poll_min_seconds) * POLL_GROWTH, settings.poll_max_seconds)
        self.interval = settings.poll_min_seconds if places > self.places else grown
        self.places, self.looked_at, self.next_at, self.tries = places, now, later(now, self.interval), 0


def places(asking: ShareRequest, others: Iterable[Holding]) -> int:
    """Say how many batches a snapshot may have, beside what the others hold and want."""
    notes = list(others)
    capacity = asking.limit - min(asking.reserve, asking.limit // RESERVED_SHARE)
    equal = max(1, capacity // (len(notes) + 1))
    mine = max(equal, capacity - sum(min(equal, note.held + note.wanted) for note in notes))
    free = asking.limit - sum(note.held for note in notes) - asking.active
    return asking.active + max(0, min(mine - asking.active, asking.wanted, free))


def agree(asking: ShareRequest, now: float) -> Generator[Holding | None, list[Holding] | None, Share]:
    """Come to terms with the others: yields None to be sent all records, and a record that has to be written."""
    notes = (yield None) or []
    others = _others(asking, notes, now)
    most = places(asking, others)
    if not _says_so(notes, asking, most, now):
        yield _note(asking, most, now)
    if most > asking.active:
        others = _others(asking, (yield None) or [], now)
        too_many = max(0, sum(note.held for note in others) + most - asking.limit)
        if too_many:
            most = max(asking.active, most - too_many)
            yield _note(asking, most, now)
    return Share(places=most)


def _says_so(notes: Iterable[Holding], asking: ShareRequest, most: int, now: float) -> bool:
    """Tell whether our own note says already what we would write, and not too long ago."""
    said = _note(asking, most, now)
    return any(
        (note.snapshot_id, note.held, note.wanted) == (said.snapshot_id, said.held, said.wanted)
        and note.at > now - asking.stale_seconds / STALE_POLLS
        for note in notes
    )


def is_stale(note: Holding, asking: ShareRequest, now: float) -> bool:
    """Tell a note whose snapshot has not been heard of for too long."""
    return note.at < now - asking.stale_seconds


def _others(asking: ShareRequest, notes: Iterable[Holding], now: float) -> list[Holding]:
    return [
        note for note in notes if note.snapshot_id != asking.snapshot_id and not is_stale(note, asking, now)
    ]


def _note(asking: ShareRequest, most: int, now: float) -> Holding:
    wanted = max(0, asking.wanted - (most - asking.active))
    return Holding(snapshot_id=asking.snapshot_id, held=most, wanted=wanted, at=now)
