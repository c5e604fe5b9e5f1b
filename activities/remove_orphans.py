"""Delete what runs that died have left: files in the service, ours by name, and notes, of no file that is being worked on."""

from typing import TYPE_CHECKING

import azure.durable_functions as df

from adapters import clients
from adapters.work.store import WorkStore
from steps.answering import answering
from steps.service_files import delete_orphans

if TYPE_CHECKING:
    from adapters.openai.batch_api import BatchApi

bp = df.Blueprint()


@bp.activity_trigger(input_name="request")
def remove_orphans(request: dict) -> dict:
    """Answer None to a SnapshotRequest."""
    del request  # whose snapshot it is does not matter: orphans have none
    return answering(
        lambda: remove(store=clients.work(), api=clients.batch_api(), file_prefix=clients.file_prefix())
    )


def remove(*, store: WorkStore, api: "BatchApi", file_prefix: str) -> None:
    """Delete every note and every file of ours whose input file has left `work/`. What is claimed is left alone."""
    for key in store.claims.stray_keys():
        store.drop_file(key)
    delete_orphans(store=store, api=api, file_prefix=file_prefix)
