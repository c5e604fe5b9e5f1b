"""The end of what is not looked at any more: finished orchestrations and old reports. Nothing of it expires by itself."""

import logging
from datetime import UTC, datetime, timedelta

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from adapters.threads import in_thread, log_as
from adapters.work.snapshots import Snapshots
from adapters.work.wishes import Wishes
from domain import names
from steps.intake.liveness import IsAlive, alive_in

SCHEDULE = "0 30 3 * * *"  # every night
BEGINNING = datetime(2020, 1, 1, tzinfo=UTC)  # older than anything; the task hub wants one
FINAL = [
    df.OrchestrationRuntimeStatus.Completed,
    df.OrchestrationRuntimeStatus.Failed,
    df.OrchestrationRuntimeStatus.Terminated,
]

bp = df.Blueprint()
log = logging.getLogger(__name__)


@bp.timer_trigger(arg_name="timer", schedule=SCHEDULE)
@bp.durable_client_input(client_name="client")
async def purge(
    timer: func.TimerRequest, client: df.DurableOrchestrationClient, context: func.Context
) -> None:
    """Delete what was begun more than RETENTION_DAYS ago and has ended; what is still running is left alone."""
    del timer  # when it was due does not matter
    log_as(context)
    ours = services()
    if not ours.settings.retention_days:
        return
    store = await in_thread(lambda: ours.work)  # opening blocks
    before = datetime.fromtimestamp(ours.clock(), UTC) - timedelta(days=ours.settings.retention_days)
    await in_thread(purge_wishes, store.wishes, before)
    reports = await purge_records(store.snapshots, alive_in(client, ours), before=before)
    await in_thread(store.day_costs.drop_before, names.day_of(before))
    purged = await client.purge_instance_history_by(BEGINNING, before, FINAL)
    log.info("purged %d reports and %d orchestrations", reports, purged.instances_deleted)


def purge_wishes(wishes: Wishes, before: datetime) -> None:
    """Forget what was asked about snapshots that were begun earlier, and that left no report which would have done so."""
    for wish in wishes.standing().wishes:
        if names.is_snapshot_id(wish.subject) and wish.subject < names.window_snapshot_id(before):
            wishes.drop(wish.subject, wish.kind)


async def purge_records(snapshots: Snapshots, is_alive: IsAlive, *, before: datetime) -> int:
    """Delete the records about snapshots older than `before`, unless one is alive; gives how many.

    A report says that its snapshot has ended; without one the task hub is asked.
    """
    old = await in_thread(snapshots.before, names.window_snapshot_id(before))
    ended = [snapshot for snapshot, reported in old.items() if reported or not await is_alive(snapshot)]
    await in_thread(snapshots.drop, ended)
    return len(ended)
