"""A file has arrived: start the snapshot of its time window. The file itself is not read here."""

import logging
import os
import time
from datetime import UTC, datetime

import azure.durable_functions as df
import azure.functions as func
from azurefunctions.extensions.bindings import blob

from adapters.services import services, warm_up
from adapters.threads import in_thread, log_as
from domain import names
from domain.contracts import SnapshotRequest
from domain.errors import PipelineError
from domain.settings import DATA, read_at_import
from triggers.starting import start_snapshot

PATH = f"{read_at_import(os.environ, 'input_container')}/{names.prefix_of(read_at_import(os.environ, 'input_directory'))}{{name}}"
SOURCE = func.BlobSource(read_at_import(os.environ, "blob_trigger_source"))

logging.getLogger("azure.identity").setLevel(logging.WARNING)  # the binding makes a credential for each file

bp = df.Blueprint()
log = logging.getLogger(__name__)


@bp.blob_trigger(arg_name="arrived", path=PATH, connection=DATA, source=SOURCE)
@bp.durable_client_input(client_name="client")
async def blob_arrived(
    arrived: blob.BlobClient, client: df.DurableOrchestrationClient, context: func.Context
) -> None:
    """Start the window's snapshot; the first of a window's events does, the others find it there.

    The binding hands over a client, not the content: a blob of gigabytes costs as little as an empty one. Events that
    come late, twice or for a blob that is gone start at most a snapshot that finds nothing to take. A job spec counts as
    well: files may wait for it to be fixed.
    """
    log_as(context)
    _let_go(arrived)  # which file it is does not matter; what waits does
    window_seconds = services().settings.snapshot_window_seconds
    start = names.window_start(datetime.fromtimestamp(time.time(), UTC), window_seconds)
    request = SnapshotRequest(
        snapshot_id=names.window_snapshot_id(start), settled_at=start.timestamp() + window_seconds
    )
    if await start_snapshot(client, request, unless=_is_paused):
        await in_thread(warm_up)  # the window has to pass anyway


async def _is_paused() -> bool:
    """Tell whether people have paused the intake. Where that cannot be seen, the snapshot sees it when it takes its files."""

    def is_paused() -> bool:
        return services().work.wishes.intake_paused()

    try:
        return await in_thread(is_paused)
    except PipelineError as error:
        log.warning("whether the intake is paused is seen later: %s", error)
        return False


def _let_go(client: blob.BlobClient) -> None:
    """Empty a client: the worker keeps each one for as long as it lives, in case its file arrives again.

    That would be 44 kB for every file that has ever come. Who gets an empty one later does not look at it either.
    """
    vars(client).clear()
