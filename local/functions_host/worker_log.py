"""Whose log lines are: which invocation a line belongs to by the rules of the workers in Azure, where lines of none are lost.

Both workers ask the running task first; each passes its invocation on to the tasks that begin in it. Then the worker
below Python 3.13 asks `Context.thread_local_storage` of the thread, the one from 3.13 on the context variable
`invocation_id_cv`; only in the thread of its own event loop it remembers the latest invocation. Source: `dispatcher.py` of
`azure_functions_worker` and `proxy_worker`, Azure/azure-functions-python-worker (read 2026-11).
"""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, NamedTuple

from azure_functions_runtime import invocation_id_cv
from azure_functions_runtime.bindings import context

_MOST_NAMES = 4096  # of functions that were called lately: threads of theirs may still log
_names: dict[str, str] = {}


class Owner(NamedTuple):
    """The invocations that a line belongs to, by each of the rules; None is nobody's."""

    below_313: str | None
    from_313: str | None


class InvocationTask(asyncio.Task[Any]):
    """A task that belongs to an invocation, and with it the tasks that begin in it."""

    invocation_id: str | None

    def __init__(self, work: Coroutine[Any, Any, Any], **options: Any) -> None:
        super().__init__(work, **options)
        self.invocation_id = _id_of_task()


def make_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Have all tasks of a loop know their invocation."""
    loop.set_task_factory(lambda loop, work, **options: InvocationTask(work, loop=loop, **options))


def begin(invocation_id: str, function: str) -> None:
    """Let the running task, and its thread where the worker does so, belong to an invocation of a function."""
    task = asyncio.current_task()
    assert isinstance(task, InvocationTask)  # see make_tasks
    task.invocation_id = invocation_id
    if len(_names) >= _MOST_NAMES:
        del _names[next(iter(_names))]
    _names[invocation_id] = function


def function_of(invocation_id: str) -> str:
    """Give the name of the function that an invocation called."""
    return _names.get(invocation_id, "a function of long ago")


def current_owner(loop_thread: int | None) -> Owner:
    """Tell whose a line would be that is written here and now. `loop_thread` is the identity of the event loop's thread."""
    of_task = _id_of_task()
    of_thread = getattr(context._invocation_id_local, "invocation_id", None)  # noqa: SLF001 - what Context gives out
    is_loop = threading.get_ident() == loop_thread
    return Owner(
        below_313=of_task or of_thread,
        from_313=of_task or invocation_id_cv.get() or (of_thread if is_loop else None),
    )


def _id_of_task() -> str | None:
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        return None
    return getattr(task, "invocation_id", None)
