"""Timer functions: each in a loop of its own, so one run of a function never overlaps the next."""

import asyncio
import json
import time
from collections.abc import Iterable

from local.functions_host.background import BackgroundTasks
from local.functions_host.errors import AppLoadError, WorkerError
from local.functions_host.functions import AppFunction
from local.functions_host.history import wire_time
from local.functions_host.invoke import Invoker
from local.functions_host.logs import host_logger, user_traceback
from local.functions_host.storage.timers import TimerStatus, TimerStore
from local.functions_host.triggers.schedule import Schedule
from local.functions_host.worker_messages import TypedData

SHORTEST_MONITORED_SECONDS = 60.0  # Azure keeps no status of schedules that recur more often
_LONGEST_SLEEP_SECONDS = 60.0  # a laptop that wakes up is at most this late
_log = host_logger("timers")


class TimerFunctions:
    """All timer functions of an app."""

    def __init__(self, functions: Iterable[AppFunction], *, invoker: Invoker, store: TimerStore) -> None:
        """Raise AppLoadError for a schedule that is not supported."""
        self._timers = {function.name: _Timer(function, invoker, store) for function in functions}
        self._tasks = BackgroundTasks()

    def start(self) -> None:
        """Begin to run the functions when they are due."""
        for timer in self._timers.values():
            self._tasks.spawn(timer.run_for_ever())

    def run_now(self, name: str) -> bool:
        """Run a timer function out of turn; False if there is none of that name."""
        timer = self._timers.get(name)
        if timer is None:
            return False
        self._tasks.spawn(timer.run_once())
        return True

    async def stop(self) -> None:
        """Stop; a run that is under way is cut off."""
        await self._tasks.stop()


class _Timer:
    def __init__(self, function: AppFunction, invoker: Invoker, store: TimerStore) -> None:
        self._function = function
        self._invoker = invoker
        self._store = store
        try:
            self._schedule = Schedule(function.trigger["schedule"])
        except ValueError as error:
            raise AppLoadError(str(error), function=function.name) from error
        self._is_monitored = function.trigger.get("useMonitor") is not False and (
            self._schedule.interval_after(time.time()) >= SHORTEST_MONITORED_SECONDS
        )

    async def run_for_ever(self) -> None:
        """Run the function whenever it is due, at once if it was due while no host was running."""
        status = self._store.find(self._function.name) if self._is_monitored else None
        due = time.time() if status is None else status.next
        if status is not None and due <= time.time():
            await self._run(is_past_due=True)
        elif self._function.trigger.get("runOnStartup"):
            await self._run(is_past_due=False)
        while True:
            upcoming = self._schedule.next_after(max(time.time(), due))
            self._save(last=due, upcoming=upcoming)
            due = upcoming
            while (left := due - time.time()) > 0:  # noqa: ASYNC110 - it is the clock that is waited for
                await asyncio.sleep(min(left, _LONGEST_SLEEP_SECONDS))
            await self._run(is_past_due=False)

    async def run_once(self) -> None:
        """Run the function without regard to its schedule."""
        await self._run(is_past_due=False)

    async def _run(self, *, is_past_due: bool) -> None:
        request = TypedData(json=json.dumps(self._request(is_past_due=is_past_due)))
        try:
            await self._invoker.call(self._function, request)
        except WorkerError as error:  # the schedule goes on
            _log.error("%s failed\n%s", self._function.name, user_traceback(error))

    def _request(self, *, is_past_due: bool) -> dict[str, object]:
        status = self._store.find(self._function.name) if self._is_monitored else None
        return {
            "IsPastDue": is_past_due,
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": status
            and {
                "Last": wire_time(status.last),
                "Next": wire_time(status.next),
                "LastUpdated": wire_time(status.updated_at),
            },
        }

    def _save(self, *, last: float, upcoming: float) -> None:
        if self._is_monitored:
            self._store.save(
                self._function.name, TimerStatus(last=last, next=upcoming, updated_at=time.time())
            )
