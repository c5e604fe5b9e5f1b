"""The net under the blob trigger: events can be lost, and snapshots can die with a task hub."""

import os
from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from adapters.threads import in_thread, log_as
from domain import names
from domain.contracts import SnapshotRequest
from domain.settings import read_at_import
from steps.intake.liveness import alive_in
from steps.intake.survey import survey
from steps.intake.waiting_note import tell_waiting
from triggers.starting import start_snapshot

bp = df.Blueprint()


@bp.timer_trigger(
    arg_name="timer", schedule=read_at_import(os.environ, "sweep_schedule"), run_on_startup=True
)
@bp.durable_client_input(client_name="client")
async def sweep(
    timer: func.TimerRequest, client: df.DurableOrchestrationClient, context: func.Context
) -> None:
    """Start a snapshot when files wait that no snapshot works on.

    Runs at start-up as well: the first thing a fresh app does is to make sure that its containers are there.
    """
    del timer  # when it was due does not matter; what waits does
    log_as(context)
    ours = services()
    await in_thread(lambda: ours.work)  # opening blocks
    settings = ours.settings
    if not settings.continuous_mode:
        return
    start = names.window_start(datetime.fromtimestamp(ours.clock(), UTC), settings.snapshot_window_seconds)
    snapshot_id = names.window_snapshot_id(start)
    found = await survey(ours, alive_in(client, ours), snapshot_id=snapshot_id)
    await in_thread(tell_waiting, found, ours)
    if found.anything:
        settled_at = start.timestamp() + settings.snapshot_window_seconds
        await start_snapshot(client, SnapshotRequest(snapshot_id=snapshot_id, settled_at=settled_at))
