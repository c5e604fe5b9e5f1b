"""Threads of ours, whose log lines count as the function's for which they work.

The host drops log lines that belong to no invocation, and no worker knows threads of ours. Which invocation a line is of,
the worker below Python 3.13 asks the thread, by `Context.thread_local_storage` ("Azure Functions developer reference for
Python", log from created threads); the one from 3.13 on asks the context variable of its library, which it sets for plain
functions and not for coroutine functions (`dispatcher.py` in `proxy_worker`, issue 1860 of Azure/azure-functions-python-worker).
All read 2026-11. So both are told.
"""

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any, ParamSpec, Protocol, TypeVar

# Never imported: it is there when it is what runs us.
_LIBRARY_FROM_313 = "azure_functions_runtime"

_P = ParamSpec("_P")
_I = TypeVar("_I")
_T = TypeVar("_T")


class Invocation(Protocol):
    """What is used of the worker's context of a call (`azure.functions.Context`)."""

    @property
    def invocation_id(self) -> str:
        """The call's id."""

    @property
    def thread_local_storage(self) -> Any:
        """Where the worker below Python 3.13 looks for the id of the call to which a thread's log lines belong."""


_invocation: ContextVar[Invocation | None] = ContextVar("invocation", default=None)


def log_as(invocation: Invocation) -> None:
    """Have what runs in threads of ours from here on log as a part of this invocation: in this context, see `contextvars`."""
    _invocation.set(invocation)
    variable = getattr(sys.modules.get(_LIBRARY_FROM_313), "invocation_id_cv", None)
    if variable is not None:
        variable.set(invocation.invocation_id)


async def in_thread(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Do work that blocks in another thread; gives what it returns."""
    # Which copies the context.
    return await asyncio.to_thread(_logged, partial(work, *args, **kwargs))


def pool(threads: int) -> ThreadPoolExecutor:
    """Give threads for what is to be done at once."""
    return _Pool(threads)


def in_turn(
    work: Callable[[_I], _T], items: Iterable[_I], *, threads: int, ahead: int
) -> Iterator[tuple[_I, _T]]:
    """Do work about items in threads, with at most so many ahead of the one that is taken; gives what came of each, in their order.

    Raises what the work about an item raises, when it is that one's turn.
    """
    begun: deque[tuple[_I, Future[_T]]] = deque()
    with pool(threads) as working:
        for item in items:
            begun.append((item, working.submit(work, item)))
            if len(begun) > ahead:
                first, done = begun.popleft()
                yield first, done.result()
        for first, done in begun:
            yield first, done.result()


class _Pool(ThreadPoolExecutor):
    def submit(
        self, work: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> Future[_T]:  # `map` calls it as well
        return super().submit(copy_context().run, _logged, partial(work, *args, **kwargs))


def _logged(work: Callable[[], _T]) -> _T:
    invocation = _invocation.get()
    if invocation is None:
        return work()
    invocation.thread_local_storage.invocation_id = invocation.invocation_id
    try:
        return work()
    finally:  # the thread serves others next
        invocation.thread_local_storage.invocation_id = None
