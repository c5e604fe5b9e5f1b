"""Start a snapshot's orchestration, once for each id."""

import logging

import azure.durable_functions as df

from domain.contracts import SnapshotRequest, to_wire

log = logging.getLogger(__name__)


async def start_snapshot(client: df.DurableOrchestrationClient, request: SnapshotRequest) -> bool:
    """Start `process_snapshot` unless an instance of that id is or was there; True when this call started it.

    Starting an id that has finished would replace it and run again, so it is looked up first. Two that look at the
    same time both start; the second is refused by the task hub because the first is running.
    """
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
