"""How long one file may be prepared, and where: for a while beside others, then in a process of its own, then no more."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from adapters.function_timeout import function_timeout
from domain.bounds import Bounds, refuse_memory, refuse_wait
from domain.errors import NeedsOwnProcessError
from formats.allowance import Allowance

# Of the processor, which the others in the worker wait for; nearly all files are prepared by then.
SECONDS_BESIDE_OTHERS = 30.0


def patience(bounds: Bounds, *, beside_others: bool) -> Callable[[], Allowance]:
    """Give what makes the allowance of each pass through a file in this call."""
    wait = function_timeout() * 2 / 3
    end = time.monotonic() + wait

    def allow() -> Allowance:
        allowance = Allowance(bounds)
        allowance.beside_others = beside_others
        too_long = _goes_elsewhere if beside_others else lambda: refuse_wait(wait)
        allowance.at_time(end - time.monotonic(), too_long, time.monotonic)
        if beside_others:
            allowance.at_time(min(SECONDS_BESIDE_OTHERS, bounds.seconds), _goes_elsewhere)
        return allowance

    return allow


@contextmanager
def memory_bound(bounds: Bounds) -> Iterator[None]:
    """Raise InputFileError where there was not enough memory."""
    try:
        yield
    except MemoryError:
        refuse_memory(bounds.memory_bytes)


def _goes_elsewhere() -> NoReturn:
    raise NeedsOwnProcessError("It takes long, and goes on in a process of its own.")
