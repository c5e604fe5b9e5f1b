"""What a chain of calls about one file has written or read, for the calls of it that come next.

Calls of a chain follow on each other at once, in one process. What they hand on here is what the next one would read, unless
another snapshot has taken the file over in between, so it is used only where that makes no difference: for what the chain
has written itself and every other life would write alike. Whether there is still something to do, storage tells.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_remembered: ContextVar[dict[str, bytes] | None] = ContextVar("remembered", default=None)


@contextmanager
def one_chain() -> Iterator[None]:
    """Remember until the end of the block, in this context and the threads begun in it."""
    before = _remembered.set({})
    try:
        yield
    finally:
        _remembered.reset(before)


def remember(name: str, content: bytes) -> None:
    """Keep what a blob holds; nothing happens outside a chain."""
    remembered = _remembered.get()
    if remembered is not None:
        remembered[name] = content


def recall(name: str) -> bytes | None:
    """Give what a blob holds, None where this chain does not know."""
    return (_remembered.get() or {}).get(name)
