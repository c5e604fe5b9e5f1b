"""What an orchestration waits for: the durable tasks that are under way, and timers.

Tasks begin and end one by one; whatever ends first wakes the orchestration, and the others go on.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from math import ceil
from typing import Any, Generic, TypeVar

import azure.durable_functions as df

Errand = TypeVar("Errand")


class InFlight(Generic[Errand]):
    """The tasks of one generation that are under way, each with what it is for."""

    def __init__(self, context: df.DurableOrchestrationContext) -> None:
        self._context = context
        self._tasks: list[tuple[Errand, Any]] = []
        self._timers: dict[datetime, Any] = {}

    def begin(self, errand: Errand, task: Any) -> None:
        """Have a task under way."""
        self._tasks.append((errand, task))

    def next_end(self, wake_at: float | None = None) -> Any:
        """Give what to wait for: the end of any task, at the latest `wake_at` (epoch seconds)."""
        if wake_at is not None:
            self._set_timer(wake_at)
        first = self._context.task_any([*(task for _, task in self._tasks), *self._timers.values()])
        self._begin_without_waiting(first)
        return first

    def ended(self) -> Iterator[tuple[Errand, Any]]:
        """Give what has ended since, with its result, or the exception in place of one."""
        over = [(errand, task) for errand, task in self._tasks if task.is_completed]
        self._tasks = [(errand, task) for errand, task in self._tasks if not task.is_completed]
        self._timers = {at: timer for at, timer in self._timers.items() if not timer.is_completed}
        return ((errand, task.result) for errand, task in over)

    def cancel_timers(self) -> None:
        """Let no timer keep the execution from its end."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers = {}

    def _set_timer(self, wake_at: float) -> None:
        """Have a timer that fires by then, in whole seconds, as the engine counts; one that fires earlier will do."""
        at = datetime.fromtimestamp(ceil(wake_at), UTC)
        if all(known > at for known in self._timers):
            self._timers[at] = self._context.create_timer(at)

    def _begin_without_waiting(self, first: Any) -> None:
        """Have the extension's own replay go on at once, where it would wait for one of the tasks that begin now.

        It is told of each task once, in the `task_any` in which it begins, and so would wait for the latest ones alone: a
        slow call would keep it from beginning any other until it ends. A `task_all` of nothing ends at once there; the
        orchestrator itself never waits for it (docs/decisions/0009-calls-that-end-each-by-itself.md).
        """
        told = first.action_repr.compound_tasks
        if told:
            told.append(self._context.task_all([]).action_repr)
