"""Calling activities: in order of arrival, a bounded number at once, each answered exactly once.

An activity whose answer was not stored before the host died is called again: at least once, as in Azure.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable

from local.functions_host import history
from local.functions_host.errors import WorkerError
from local.functions_host.failures import activity_details
from local.functions_host.functions import App
from local.functions_host.history import Event
from local.functions_host.invoke import Invoker
from local.functions_host.logs import host_logger, user_traceback
from local.functions_host.storage.orchestrations import ActivityTask, OrchestrationStore

_STORE_RETRY_SECONDS = 1.0
_log = host_logger("activities")


class ActivityQueue:
    """Works off activity tasks and puts their answers into the inboxes of their instances."""

    def __init__(
        self,
        *,
        app: App,
        invoker: Invoker,
        store: OrchestrationStore,
        limit: int,
        clock: Callable[[], float],
        wake: Callable[[str], None],
    ) -> None:
        """`wake` is called with the id of each instance that got an answer."""
        self._app = app
        self._invoker = invoker
        self._store = store
        self._limit = limit
        self._clock = clock
        self._wake = wake
        self._waiting: deque[ActivityTask] = deque()
        self._running: set[asyncio.Task[None]] = set()
        self._answers: list[tuple[ActivityTask, Event]] = []
        self._is_closed = False

    def add(self, tasks: Iterable[ActivityTask]) -> None:
        """Call these activities as soon as there is room."""
        self._waiting.extend(tasks)
        self._start()

    async def close(self, grace_seconds: float) -> None:
        """Let running activities finish within the time given; the tasks of others are still in the store."""
        self._is_closed = True
        if self._running:
            await asyncio.wait(self._running, timeout=grace_seconds)
        for running in self._running:
            running.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await asyncio.sleep(0)  # the last answers are stored

    def _start(self) -> None:
        while self._waiting and len(self._running) < self._limit and not self._is_closed:
            running = asyncio.create_task(self._run(self._waiting.popleft()))
            self._running.add(running)
            running.add_done_callback(self._ended)

    def _ended(self, running: asyncio.Task[None]) -> None:
        self._running.discard(running)
        self._start()

    async def _run(self, task: ActivityTask) -> None:
        answer = await self._answer(task)
        if not self._answers:  # what ends in the same round of the loop is stored together
            asyncio.get_running_loop().call_soon(self._store_answers)
        self._answers.append((task, answer))

    def _store_answers(self) -> None:
        try:
            self._store.answer_activities(self._answers, self._clock())
        except sqlite3.OperationalError:  # a full disk, most likely; the answers must not get lost
            _log.exception("answers of activities could not be stored yet")
            asyncio.get_running_loop().call_later(_STORE_RETRY_SECONDS, self._store_answers)
            return
        answers, self._answers = self._answers, []
        for task, _ in answers:
            self._wake(task.instance_id)

    async def _answer(self, task: ActivityTask) -> Event:
        function = self._app.activity(task.name)
        if function is None:  # Azure would let the instance wait for ever
            return self._failure(
                task, WorkerError(f"LookupError: there is no activity function named {task.name!r}")
            )
        try:
            result = await self._invoker.call_activity(function, task.input)
        except WorkerError as error:
            return self._failure(task, error)
        return history.task_completed(self._clock(), task.task_id, result)

    def _failure(self, task: ActivityTask, error: WorkerError) -> Event:
        message, trace = f" {error}", user_traceback(error)
        _log.warning("activity %s of %s failed:%s\n%s", task.name, task.instance_id, message, trace)
        return history.task_failed(
            self._clock(),
            task.task_id,
            f"Activity function '{task.name}' failed: {message}",
            activity_details(message, trace),
        )
