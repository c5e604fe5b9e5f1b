"""One snapshot at a time takes files, of those in this process, and what one takes the next ones need not look for.

Two that take at the same time want the same files, and storage refuses one of them for each: calls for nothing. Other
hosts may take as well; the claim decides.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

# Taking ten thousand files is a matter of minutes. One that hangs keeps the others no longer than this.
LONGEST_SECONDS = 120.0


@dataclass(slots=True, kw_only=True)
class Turn:
    """A snapshot's turn to take."""

    number: int  # in the order in which turns begin
    asked: int  # the latest turn that had begun when this one was asked for
    owners: frozenset[str] | None = None
    """Once all that was found is taken: the snapshots whose claims were found among it."""


@dataclass(slots=True)
class _Turns:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    begun: int = 0
    latest: Turn | None = None  # of those that have taken all they found

    def begin(self, asked: int) -> Turn:
        self.begun += 1
        return Turn(number=self.begun, asked=asked)


_turns: "WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns]" = WeakKeyDictionary()


@asynccontextmanager
async def a_turn(longest_seconds: float = LONGEST_SECONDS) -> AsyncIterator[Turn]:
    """Wait until the others have taken what they found, but not longer than so many seconds."""
    turns = _turns.setdefault(asyncio.get_running_loop(), _Turns())
    asked = turns.begun
    try:
        async with asyncio.timeout(longest_seconds):
            await turns.lock.acquire()
    except TimeoutError:
        yield turns.begin(asked)
        return
    try:
        turn = turns.begin(asked)
        yield turn
        if turn.owners is not None:
            turns.latest = turn
    finally:
        turns.lock.release()


def is_taken(turn: Turn, snapshot_id: str) -> bool:
    """Tell whether all that was there when a turn was asked for is taken: by one that looked later, and found nothing of this snapshot's own."""
    latest = _turns[asyncio.get_running_loop()].latest
    return latest is not None and latest.number > turn.asked and snapshot_id not in (latest.owners or ())
