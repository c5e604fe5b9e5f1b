"""Start a snapshot's orchestration, once for each id."""

import logging
import time

import azure.durable_functions as df

from domain.contracts import RetryWork, SnapshotRequest, to_wire
from steps.intake.liveness import ALIVE
from steps.intake.upcoming import upcoming
from steps.recent import Recent

log = logging.getLogger(__name__)
# Ids this process has seen started: a thousand events of one window ask the task hub once.
_known = Recent(100)


def is_started(snapshot_id: str) -> bool:
    """Tell whether this process has seen a snapshot started lately."""
    return snapshot_id in _known


async def start_snapshot(client: df.DurableOrchestrationClient, request: SnapshotRequest) -> bool:
    """Start `process_snapshot` unless an instance of that id is or was there; True when this call started it.

    Starting an id that has finished would replace it and run again, so it is looked up first. Two that look at the
    same time both start; the second is refused by the task hub because the first is running.
    """
    if request.snapshot_id in _known:
        return False
    _known.add(request.snapshot_id)
    try:
        return await _start(client, request)
    except BaseException:
        _known.discard(request.snapshot_id)
        raise


async def start_retry(client: df.DurableOrchestrationClient, work: RetryWork) -> None:
    """Have a retry file of some rows written, unless that is under way; the same may be asked again when it is over."""
    status = await client.get_status(work.run)
    if status and status.runtime_status is not None and status.runtime_status.name in ALIVE:
        return
    try:
        await client.start_new("retry_rows", work.run, to_wire(work))
    except Exception:
        if not await client.get_status(work.run):
            raise


async def _start(client: df.DurableOrchestrationClient, request: SnapshotRequest) -> bool:
    if await client.get_status(request.snapshot_id):
        return False
    try:
        await client.start_new("process_snapshot", request.snapshot_id, to_wire(request))
    except Exception:
        if await client.get_status(request.snapshot_id):
            return False
        raise
    upcoming.announce(request.snapshot_id, request.settled_at, time.time())
    log.info("%s started", request.snapshot_id)
    return True
