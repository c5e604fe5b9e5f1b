"""Start a snapshot's orchestration, once for each id."""

import logging

import azure.durable_functions as df

from domain.contracts import SnapshotRequest, to_wire
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


async def _start(client: df.DurableOrchestrationClient, request: SnapshotRequest) -> bool:
    if await client.get_status(request.snapshot_id):
        return False
    try:
        await client.start_new("process_snapshot", request.snapshot_id, to_wire(request))
    except Exception:
        if await client.get_status(request.snapshot_id):
            return False
        raise
    log.info("%s started", request.snapshot_id)
    return True
