"""The net under the blob trigger: events can be lost, and snapshots can die with a task hub."""

import logging
import os
from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func

from adapters.services import Services, services
from adapters.threads import in_thread, log_as
from domain import names
from domain.contracts import SnapshotRequest
from domain.errors import PipelineError
from domain.settings import read_at_import
from steps.intake.liveness import alive_in
from steps.intake.survey import Survey, has_new_strays, survey
from steps.intake.tidying import tell, tidy
from steps.intake.upcoming import upcoming
from triggers.starting import start_retry, start_snapshot

bp = df.Blueprint()
log = logging.getLogger(__name__)
_troubles: list[str] = []  # what the last sweep of this process met, by code


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
    try:
        await in_thread(lambda: ours.work)  # opening blocks
        if ours.settings.continuous_mode:
            await _start_if_files_wait(ours, client)
    except PipelineError as error:
        _tell_trouble(error)
    else:
        _tell_trouble(None)


async def _start_if_files_wait(ours: Services, client: df.DurableOrchestrationClient) -> None:
    settings = ours.settings
    start = names.window_start(datetime.fromtimestamp(ours.clock(), UTC), settings.snapshot_window_seconds)
    snapshot_id = names.window_snapshot_id(start)
    seen_at = ours.clock()
    found = await survey(ours, alive_in(client, ours), snapshot_id=snapshot_id)
    await in_thread(tell, found, ours)
    await in_thread(tidy, found.look, ours)
    for run in found.look.wished.retries:
        if work := await in_thread(ours.work.retries.pending, run):
            await start_retry(client, work)
    if _wants_a_snapshot(found, seen_at) or has_new_strays(found):
        settled_at = start.timestamp() + settings.snapshot_window_seconds
        await start_snapshot(
            client, SnapshotRequest(snapshot_id=snapshot_id, settled_at=settled_at, woken_by="sweep")
        )


def _wants_a_snapshot(found: Survey, seen_at: float) -> bool:
    """Tell whether there is something to take that no snapshot takes: a file whose event was not lost, as a rule, has one.

    `seen_at`: when the survey was begun. Among many files it takes seconds, and a snapshot may take them meanwhile.
    """
    left = [file for file in found.unclaimed if not upcoming.takes(file.modified, seen_at)]
    return bool(left or found.orphaned or found.mine)


def _tell_trouble(error: PipelineError | None) -> None:
    """Log what keeps all files waiting once, and once that it is over; the next sweep looks again."""
    if error is None:
        if _troubles:
            log.warning("storage can be looked at again")
        _troubles.clear()
    elif _troubles != [error.code]:
        _troubles[:] = [error.code]
        log.error("all files wait: %s", error)
