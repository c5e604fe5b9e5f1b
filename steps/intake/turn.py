"""One snapshot at a time takes files, of those in this process.

Two that take at the same time want the same files, and storage refuses one of them for each: calls for nothing. Other
hosts may take as well; the claim decides.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

# Taking ten thousand files is a matter of minutes. One that hangs keeps the others no longer than this.
LONGEST_SECONDS = 120.0

_turns: "WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]" = WeakKeyDictionary()


@asynccontextmanager
async def a_turn(longest_seconds: float = LONGEST_SECONDS) -> AsyncIterator[None]:
    """Wait until the others have taken what they found, but not longer than so many seconds."""
    lock = _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())
    try:
        async with asyncio.timeout(longest_seconds):
            await lock.acquire()
    except TimeoutError:
        yield
        return
    try:
        yield
    finally:
        lock.release()
