"""Work that goes on beside everything else, until the host stops."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from local.functions_host.logs import host_logger

_log = host_logger("background")


class BackgroundTasks:
    """Keeps tasks alive, cancels them at the end, and never lets one die in silence."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` beside everything else."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Cancel all tasks and wait until they are gone."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s ended unexpectedly", task.get_coro(), exc_info=error)
