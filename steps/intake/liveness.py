"""Whether a snapshot is alive: not whether the task hub says so, but whether it stirs.

The hub's messages can be lost (partitions that move, a queue that is emptied): then it says Running, and nothing moves any
more. Each orchestration tells in its custom status by when it will have stirred (`domain.flow.progress`). One that has not,
and is seen again like that several poll intervals later, is ended, so that a new snapshot takes its files over, with their batches.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol
from weakref import WeakKeyDictionary

from adapters.services import Services
from domain import names
from domain.flow.progress import LONGEST_CALL_SECONDS
from domain.settings import Settings
from steps.recent import Recent

ALIVE = frozenset({"Running", "Pending", "Suspended", "ContinuedAsNew"})
MAX_PARTS = 20

# How often an orchestration may miss its time before it is taken for one that hangs; the whole app may have stood still.
MISSED_POLLS = 5
LEAST_PATIENCE_SECONDS = 60.0
MAX_REMEMBERED = 1000

# One that will stir later, by its own word, is not asked about again for so many of its shortest waits, and for no longer than that:
# a hundred snapshots, asked about at each sweep, cost more than all that they do.
TRUSTED_POLLS = 5
MOST_TRUSTED_SECONDS = 300.0

IsAlive = Callable[[str], Awaitable[bool]]

log = logging.getLogger(__name__)


class TaskHub(Protocol):
    """What is asked of the durable client."""

    async def get_status(self, instance_id: str) -> Any:
        """Give an instance's status; something falsy for one that the hub does not know."""

    async def terminate(self, instance_id: str, reason: str) -> None:
        """End an instance that is running."""


# Instances that this process has seen late, by the last time that they stirred.
_late = Recent(MAX_REMEMBERED)
# Until when snapshots are trusted that were seen alive.
_trusted: "WeakKeyDictionary[Services, dict[str, float]]" = WeakKeyDictionary()


def alive_in(hub: TaskHub, services: Services, late: Recent = _late) -> IsAlive:
    """Tell of snapshots whether they are alive: as the task hub says, or has said lately. A wiped hub knows none: all are dead."""
    trusted = _trusted.setdefault(services, {})

    async def is_alive(snapshot_id: str) -> bool:
        now = services.clock()
        for known, until in list(trusted.items()):
            # A clock that was set back makes none trusted for longer.
            if not now < until <= now + MOST_TRUSTED_SECONDS:
                del trusted[known]
        if snapshot_id in trusted:
            return True
        running = await _running(hub, snapshot_id)
        hung = _hung(running, late, now, patience_seconds(services.settings))
        if hung:
            await _end(hub, [each.instance_id for each in running], hung)
        elif running:
            times = [each.stirs_by for each in running if each.stirs_by is not None]
            trusted[snapshot_id] = min([*times, now + trusted_seconds(services.settings)])
        return bool(running) and not hung

    return is_alive


class _Running(NamedTuple):
    """An orchestration of a snapshot that runs. One that a person has suspended stirs when people say so."""

    instance_id: str
    last_updated: Any
    stirs_by: float | None


async def _running(hub: TaskHub, snapshot_id: str) -> list[_Running]:
    """Give the orchestrations of a snapshot that run; none, where the first of them does not."""
    status = await hub.get_status(snapshot_id)
    if not (status and _state(status) in ALIVE):
        return []
    children = [child async for child in files_instances(hub, snapshot_id)]
    told = [(snapshot_id, status), *((i, child) for i, child in children if _state(child) in ALIVE)]
    if any(_state(each) == "Suspended" for _, each in told):
        return [_Running(snapshot_id, None, None)]
    return [
        _Running(i, each.last_updated_time, stirs_by(each, waits=each is status and len(told) > 1))
        for i, each in told
    ]


def _hung(running: list[_Running], late: Recent, now: float, patience: float) -> list[str]:
    return [
        each.instance_id
        for each in running
        if each.stirs_by is not None
        and each.stirs_by < now
        and now - late.add((each.instance_id, each.last_updated), now) >= patience
    ]


def trusted_seconds(settings: Settings) -> float:
    """Give for how long a snapshot that was seen alive is not asked about."""
    return min(TRUSTED_POLLS * settings.poll_min_seconds, MOST_TRUSTED_SECONDS)


def patience_seconds(settings: Settings) -> float:
    """Give how long an orchestration may be late before it counts as dead, from when it is first seen late."""
    return max(MISSED_POLLS * settings.poll_max_seconds, LEAST_PATIENCE_SECONDS)


def stirs_by(status: Any, *, waits: bool) -> float | None:
    """Give the time (epoch seconds) by which an instance will have stirred; None for one that `waits` for others.

    One that has not begun stirs at once. One that tells nothing waits for a call, if not for others.
    """
    stirred = _seconds(status.last_updated_time)
    if _state(status) == "Pending":
        return stirred
    told = status.custom_status if isinstance(status.custom_status, dict) else {}
    if told.get("stirs_by") is not None:
        return float(told["stirs_by"])
    return None if waits or told.get("parts") else stirred + LONGEST_CALL_SECONDS


async def files_instances(hub: TaskHub, snapshot_id: str) -> AsyncIterator[tuple[str, Any]]:
    """Give id and status of the orchestrations that work on a snapshot's files, parts and all, as far as there are any."""
    waiting, found = [""], 0
    while waiting and found < MAX_PARTS:
        instance_id = names.files_instance_id(snapshot_id, waiting.pop(0))
        status = await hub.get_status(instance_id)
        if status:
            found += 1
            yield instance_id, status
            waiting += (status.custom_status or {}).get("parts", [])


async def _end(hub: TaskHub, running: list[str], hung: list[str]) -> None:
    log.error(
        "%s has not stirred for long: what it waits for is lost. It is ended, and its files are taken over",
        ", ".join(hung),
    )
    for instance_id in running:
        await hub.terminate(instance_id, "It did not stir any more; a new snapshot takes its files over.")


def _state(status: Any) -> str | None:
    return status.runtime_status.name if status.runtime_status is not None else None


def _seconds(moment: datetime | None) -> float:
    if moment is None:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
