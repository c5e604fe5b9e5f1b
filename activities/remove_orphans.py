"""Delete the files that runs which died have left in the service: ours by name, and of no file that is being worked on."""

import logging
from typing import TYPE_CHECKING

import azure.durable_functions as df

from activities.answering import answering
from adapters import clients
from adapters.work_room import WorkRoom
from domain import names
from domain.errors import RefusedError

if TYPE_CHECKING:
    from adapters.batch_api import BatchApi

bp = df.Blueprint()
log = logging.getLogger(__name__)


@bp.activity_trigger(input_name="request")
def remove_orphans(request: dict) -> dict:
    """Answer None to a SnapshotRequest."""
    del request  # whose snapshot it is does not matter: orphans have none
    return answering(
        lambda: remove(room=clients.work_room(), api=clients.batch_api(), file_prefix=clients.file_prefix())
    )


def remove(*, room: WorkRoom, api: "BatchApi", file_prefix: str) -> None:
    """Delete every file of ours whose input file has left `work/`. What is claimed is left alone.

    The service is listed first: a file that is uploaded between the two looks has its claim already.
    """
    files = [
        (file_id, names.key_of_service_filename(file_prefix, name))
        for file_id, _, name in api.files_named(file_prefix)
    ]
    if not files:
        return
    claimed = {key for key, *_ in room.claims()}
    for file_id, key in files:
        if key is not None and key not in claimed:
            log.warning("%s belongs to no file any more and is deleted", file_id)
            try:
                api.delete_file(file_id)
            except RefusedError as error:
                log.warning("the service keeps file %s: %s", file_id, error)
