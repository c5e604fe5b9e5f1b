"""Calling functions: the values of their bindings in, what they return out, within the time limit."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from local.functions_host import worker
from local.functions_host.errors import WorkerError
from local.functions_host.functions import AppFunction
from local.functions_host.logs import host_logger
from local.functions_host.worker_messages import TypedData

_T = TypeVar("_T")
_THREADS = 4  # for the host's own work that blocks
_log = host_logger("invoke")


class Invoker:
    """Calls functions, as many at once as it is asked to; sync ones wait for one of the worker's threads."""

    def __init__(self, *, client_binding: str, timeout_seconds: float | None) -> None:
        self._client_binding = client_binding
        self._timeout = timeout_seconds
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="host")

    async def call(self, function: AppFunction, trigger_value: TypedData) -> TypedData | None:
        """Call a function with the value of its trigger and return what it returns.

        Raises WorkerError, also when the time is over. The thread of a sync function goes on even then.
        """
        limit = asyncio.timeout(self._timeout)
        try:
            async with limit:
                return await self._call(function, trigger_value)
        except TimeoutError as error:
            _log.error("%s exceeded the functionTimeout of %g s", function.name, self._timeout)
            raise WorkerError(
                f"FunctionTimeoutError: Timeout value of {self._timeout:g} s was exceeded by function: {function.name}"
            ) from error

    async def call_activity(self, function: AppFunction, input_text: str | None) -> str | None:
        """Call an activity with its input and return its result, both JSON text."""
        result = await self.call(function, TypedData(string="null" if input_text is None else input_text))
        return None if result is None else str(result.content)

    def call_orchestrator(
        self, function: AppFunction, loop: asyncio.AbstractEventLoop
    ) -> Callable[[str], str]:
        """Give a way to have an orchestrator called from another thread than the loop's: request in, answer out."""

        async def call(body: str) -> str:
            answer = await self._call(function, TypedData(string=body))
            assert answer is not None  # the SDK answers, or raises
            return str(answer.content)

        return lambda body: asyncio.run_coroutine_threadsafe(call(body), loop).result()

    async def in_thread(self, work: Callable[..., _T], *arguments: Any) -> _T:
        """Call something that blocks."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    def close(self) -> None:
        """Take no more calls. Functions that run in threads go on until the process ends."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _call(self, function: AppFunction, trigger_value: TypedData) -> TypedData | None:
        inputs = [(str(function.trigger["name"]), trigger_value)]
        inputs += [(name, TypedData(string=self._client_binding)) for name in function.client_parameters]
        return await worker.call(function.metadata, inputs)
