"""Blocking work of async functions, in threads whose log lines count as the function's.

The worker knows by thread and by task which invocation a line belongs to, and the host drops the lines of none. It does
not know threads of ours; they have to be told ("Azure Functions developer reference for Python", log from created
threads, read 2026-11).
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any, ParamSpec, Protocol, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Invocation(Protocol):
    """What is used of the worker's context of a call (`azure.functions.Context`)."""

    @property
    def invocation_id(self) -> str:
        """The call's id."""

    @property
    def thread_local_storage(self) -> Any:
        """Where the worker looks for the id of the call to which a thread's log lines belong."""


_invocation: ContextVar[Invocation | None] = ContextVar("invocation", default=None)


def log_as(invocation: Invocation) -> None:
    """Have what runs in threads from here on log as a part of this invocation."""
    _invocation.set(invocation)


async def in_thread(work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Do work that blocks in another thread; gives what it returns."""
    invocation = _invocation.get()

    def do() -> _T:
        _begin(invocation)
        try:
            return work(*args, **kwargs)
        finally:
            _end(invocation)  # the thread serves others next

    return await asyncio.to_thread(do)


def pool(threads: int) -> ThreadPoolExecutor:
    """Give threads for what is to be done at once."""
    return ThreadPoolExecutor(threads, initializer=_begin, initargs=(_invocation.get(),))


def _begin(invocation: Invocation | None) -> None:
    if invocation is not None:
        invocation.thread_local_storage.invocation_id = invocation.invocation_id


def _end(invocation: Invocation | None) -> None:
    if invocation is not None:
        invocation.thread_local_storage.invocation_id = None
