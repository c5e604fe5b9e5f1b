"""A file has arrived: start the snapshot of its time window. The file itself is not read here."""

import logging
import os
import time
from collections import Counter
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
from steps.intake.arrival import brings_something
from steps.intake.upcoming import upcoming
from triggers.starting import is_started, start_snapshot

PATH = f"{read_at_import(os.environ, 'input_container')}/{names.prefix_of(read_at_import(os.environ, 'input_directory'))}{{name}}"
SOURCE = func.BlobSource(read_at_import(os.environ, "blob_trigger_source"))

logging.getLogger("azure.identity").setLevel(logging.WARNING)  # the binding makes a credential for each file

# Looks at files that have arrived, in a window whose snapshot is not started.
MOST_LOOKS = 32
_looks: Counter[str] = Counter()  # by the window's snapshot

bp = df.Blueprint()


@bp.blob_trigger(arg_name="arrived", path=PATH, connection=DATA, source=SOURCE)
@bp.durable_client_input(client_name="client")
async def blob_arrived(
    arrived: blob.BlobClient, client: df.DurableOrchestrationClient, context: func.Context
) -> None:
    """Start the window's snapshot; the first of a window's events does, the others find it there.

    The binding hands over a client, not the content: a blob of gigabytes costs as little as an empty one. Events that
    come late, twice or for a blob that is gone start nothing. A job spec counts as well: files may wait for it to be fixed.
    """
    log_as(context)
    name = _let_go(arrived)
    window_seconds = services().settings.snapshot_window_seconds
    start = names.window_start(datetime.fromtimestamp(time.time(), UTC), window_seconds)
    request = SnapshotRequest(
        snapshot_id=names.window_snapshot_id(start),
        settled_at=start.timestamp() + window_seconds,
        woken_by="event",
    )
    if await _is_news(name, request.snapshot_id) and await start_snapshot(client, request):
        await in_thread(warm_up)  # the window has to pass anyway


def _let_go(client: blob.BlobClient) -> str:
    """Empty a client, but for the blob's name, which is given: the worker keeps each one, in case its file arrives again.

    That would be 44 kB for every file that has ever come.
    """
    name = str(client.blob_name)
    vars(client).clear()
    client.blob_name = name
    return name


async def _is_news(name: str, snapshot_id: str) -> bool:
    """Tell whether a file wants the window's snapshot: not when one is about to look at what is there, or there is nothing to take.

    Many late events cost less by a snapshot that finds nothing than by a look at each file.
    """
    if is_started(snapshot_id) or upcoming.will_look(time.time()):
        return False
    if snapshot_id not in _looks:
        _looks.clear()
    _looks[snapshot_id] += 1
    if _looks[snapshot_id] > MOST_LOOKS:
        return True
    try:
        return await in_thread(brings_something, name, services())
    except PipelineError:
        # The snapshot will meet the same fault, and tell it.
        return True
