"""The durable engine: takes messages to turns, turns to the store, and what follows from them to their places.

The store is touched on the loop's thread only; what comes before and after the call of an orchestrator, long compared to
everything else here, happens in threads, the call itself in one of the worker's.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from local.functions_host.activity_queue import ActivityQueue
from local.functions_host.alarms import Alarms
from local.functions_host.commit import Effects, TurnCommit
from local.functions_host.config import HostConfig, VersionFailure, VersionMatch
from local.functions_host.functions import App
from local.functions_host.history import RuntimeStatus
from local.functions_host.invoke import Invoker
from local.functions_host.logs import host_logger, user_traceback
from local.functions_host.storage.database import Database
from local.functions_host.storage.orchestrations import OrchestrationStore, Turn
from local.functions_host.trace import TurnTrace
from local.functions_host.turn import TurnOutcome, end_turn, fail_turn, run_turn
from local.functions_host.turn_queue import TurnQueue

VERSION_MISMATCH = "VersionMismatch: Orchestration version did not comply with Worker Versioning"
_GRACE_SECONDS = 1.0
_log = host_logger("engine")


class Engine:
    """Runs all orchestrations of one app."""

    def __init__(
        self,
        *,
        app: App,
        database: Database,
        store: OrchestrationStore,
        invoker: Invoker,
        config: HostConfig,
        clock: Callable[[], float] = time.time,
        trace: TurnTrace | None = None,
    ) -> None:
        """`clock` tells seconds since 1970; `trace` is told of every turn."""
        self._app = app
        self.commit = TurnCommit(database, store, config.default_version)
        self._store = store
        self._invoker = invoker
        self._config = config
        self._clock = clock
        self._trace = trace
        self._threads = ThreadPoolExecutor(config.max_concurrent_turns, thread_name_prefix="orchestrator")
        self._turns = TurnQueue(self._take_turn, config.max_concurrent_turns)
        self._alarms = Alarms(clock, self._turns.wake)
        self._activities = ActivityQueue(
            app=app,
            invoker=invoker,
            store=store,
            limit=config.max_concurrent_activities,
            clock=clock,
            wake=self._turns.wake,
        )

    def start(self) -> None:
        """Go on where the last host stopped, however it stopped."""
        for instance_id, moment in self._store.wake_times():
            self._alarms.set(moment, instance_id)
        self._activities.add(self._store.open_activities())

    def wake(self, instance_id: str) -> None:
        """Give an instance a turn because it has a new message."""
        self._turns.wake(instance_id)

    async def stop(self) -> None:
        """End quickly; what is not finished is in the store."""
        self._alarms.close()
        await asyncio.gather(self._turns.close(_GRACE_SECONDS), self._activities.close(_GRACE_SECONDS))
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _take_turn(self, instance_id: str) -> None:
        now = self._clock()
        turn = self._store.next_turn(instance_id, now)
        if turn is None or self._waits_for_its_version(turn):
            return
        outcome = await self._run(turn, now)
        if self._trace:
            self._trace.note(turn, outcome, self._clock() - now)
        self._set_in_motion(self.commit.write(turn, outcome, self._clock()))
        _log_outcome(turn, outcome)

    async def _run(self, turn: Turn, now: float) -> TurnOutcome:
        instance = turn.instance
        function = self._app.orchestrator(instance.name)
        if not _version_matches(instance.version, self._config):
            return end_turn(turn, VERSION_MISMATCH, now)
        if function is None:
            known = ", ".join(f"'{known}'" for known in self._app.orchestrator_names())
            reason = (
                f"The function '{instance.name}' doesn't exist, is disabled, or is not an orchestrator function. "
                f"Additional info: The following are the known orchestrator functions: {known}."
            )
            return fail_turn(turn, reason, now)
        loop = asyncio.get_running_loop()
        handle = self._invoker.call_orchestrator(function, loop)
        return await loop.run_in_executor(self._threads, run_turn, turn, handle, now)

    def _waits_for_its_version(self, turn: Turn) -> bool:
        """Tell whether the instance waits for another app, with its messages; so does the extension, again and again."""
        instance = turn.instance
        if self._config.version_failure is VersionFailure.FAIL or _version_matches(
            instance.version, self._config
        ):
            return False
        _log.warning(
            "%s %s waits: this app does not run version %r",
            *(instance.name, instance.instance_id, instance.version),
        )
        return True

    def _set_in_motion(self, effects: Effects) -> None:
        self._activities.add(effects.activities)
        for moment, instance_id in effects.wake:
            self._alarms.set(moment, instance_id)


def _version_matches(version: str, config: HostConfig) -> bool:
    match config.version_match:
        case VersionMatch.NONE:
            return True
        case VersionMatch.STRICT:
            return version == config.default_version
        case VersionMatch.CURRENT_OR_OLDER:
            return _version_key(version) <= _version_key(config.default_version)


def _version_key(version: str) -> tuple[tuple[bool, int, str], ...]:
    """Order versions by their dotted parts, numbers by value."""
    parts = version.split(".") if version else []
    return tuple((part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts)


def _log_outcome(turn: Turn, outcome: TurnOutcome) -> None:
    instance = outcome.instance
    if not turn.history:
        _log.debug("%s %s started", instance.name, instance.instance_id)
    if instance.status is RuntimeStatus.FAILED:
        trace = f"\n{user_traceback(outcome.failure)}" if outcome.failure else ""
        _log.error("%s %s: %s%s", instance.name, instance.instance_id, instance.output, trace)
    elif instance.status.is_final:
        level = logging.INFO if instance.parent is None else logging.DEBUG  # children may be thousands
        _log.log(level, "%s %s %s", instance.name, instance.instance_id, instance.status.lower())
