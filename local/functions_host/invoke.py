"""Calling the app's functions: arguments, threads, time limits.

Sync functions run in a pool of threads, async ones on the host's loop, as in the Python worker. Orchestrators are not
called here: they have no side effects to bound and a pool of their own.
"""

import asyncio
import contextvars
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from local.functions_host.converters import decode, encode
from local.functions_host.functions import AppFunction, TriggerKind
from local.functions_host.logs import host_logger, running_function

# Room beside the busiest moment for threads that have exceeded their time: nobody can stop those.
_SPARE_THREADS = 100
_T = TypeVar("_T")
_log = host_logger("invoke")


class FunctionTimeoutError(Exception):
    """A function took longer than host.json's functionTimeout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a parameter named `context` gets: `azure.functions.Context`, as far as there is something to tell."""

    function_name: str
    function_directory: str
    invocation_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    thread_local_storage: threading.local = field(default_factory=threading.local)
    """Where the worker looks up which invocation a thread's log lines belong to; this host shows them all."""


class Invoker:
    """Calls functions, as many at once as it is asked to."""

    def __init__(
        self, *, client_binding: str, app_folder: str, timeout_seconds: float | None, threads: int
    ) -> None:
        self._client_binding = client_binding
        self._app_folder = app_folder
        self._timeout = timeout_seconds
        self._pool = ThreadPoolExecutor(threads + _SPARE_THREADS, thread_name_prefix="function")

    async def call(self, function: AppFunction, trigger_value: Any) -> Any:
        """Call a function with the value of its trigger and return what it returns.

        Raises whatever the function raises, and FunctionTimeoutError.
        """
        arguments = {function.trigger_parameter: trigger_value}
        arguments |= dict.fromkeys(function.client_parameters, self._client_binding)
        if function.wants_context:
            arguments["context"] = Context(function_name=function.name, function_directory=self._app_folder)
        token = running_function.set(function.name)
        try:
            if function.is_async:
                return await self._call_async(function, arguments)
            return await self._call_in_thread(function, arguments)
        finally:
            running_function.reset(token)

    async def call_activity(self, function: AppFunction, input_text: str | None) -> str | None:
        """Call an activity with its input and return its result, both JSON text."""
        argument = decode(TriggerKind.ACTIVITY, "null" if input_text is None else input_text, "json")
        result = encode(TriggerKind.ACTIVITY, await self.call(function, argument)).value
        return None if result is None else str(result)

    async def call_trigger(self, function: AppFunction, trigger_value: Any) -> None:
        """Call a function that may not return anything."""
        if await self.call(function, trigger_value) is not None:
            raise RuntimeError(f"function {function.name!r} without a $return binding returned a value")

    async def in_thread(self, work: Callable[..., _T], *arguments: Any) -> _T:
        """Call something that blocks."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    def close(self) -> None:
        """Take no more calls. Functions that run in threads go on until the process ends."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _call_async(self, function: AppFunction, arguments: dict[str, Any]) -> Any:
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                return await function.call(**arguments)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise self._timeout_error(function) from error

    async def _call_in_thread(self, function: AppFunction, arguments: dict[str, Any]) -> Any:
        work = partial(contextvars.copy_context().run, partial(function.call, **arguments))
        future = asyncio.get_running_loop().run_in_executor(self._pool, work)
        if self._timeout is None:
            return await future
        done, _ = await asyncio.wait({future}, timeout=self._timeout)
        if not done:
            future.add_done_callback(partial(_log_late_end, function.name))
            raise self._timeout_error(function)
        return future.result()

    def _timeout_error(self, function: AppFunction) -> FunctionTimeoutError:
        _log.error("%s exceeded the functionTimeout of %g s", function.name, self._timeout)
        return FunctionTimeoutError(
            f"Timeout value of {self._timeout:g} s was exceeded by function: {function.name}"
        )


def _log_late_end(name: str, future: asyncio.Future[Any]) -> None:
    error = None if future.cancelled() else future.exception()
    _log.warning("%s ended after its functionTimeout%s", name, f" with {error!r}" if error else "")
