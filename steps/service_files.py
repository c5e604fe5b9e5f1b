"""The files that a shard leaves in the service: its input, and the results of each of its batches."""

import logging
from typing import TYPE_CHECKING

from adapters.services import Services
from domain import names
from domain.errors import RefusedError
from domain.records import Ledger

if TYPE_CHECKING:
    from adapters.openai.batch_api import BatchApi

log = logging.getLogger(__name__)


def delete_service_files(ledger: Ledger, api: "BatchApi") -> None:
    """Delete all service files of a shard whose outcomes lie safely in `work/`."""
    batches = [*ledger.past_batches, *([ledger.batch] if ledger.batch else [])]
    files = [ledger.input_file_id]
    for batch in batches:
        files += [batch.input_file_id, batch.output_file_id, batch.error_file_id]
    for file_id in dict.fromkeys(file for file in files if file):
        _delete(file_id, api)


def _delete(file_id: str, api: "BatchApi") -> None:
    try:
        api.delete_file(file_id)
    except RefusedError as error:
        log.warning("the service keeps file %s: %s", file_id, error)


def delete_leftovers(key: str, services: Services) -> None:
    """Delete what a run that died between collecting and deleting has left of a file that is taken up again.

    Its collected shards are not collected a second time, so that nothing else would.
    """
    store = services.work
    plan = store.plans.read(key)
    ledgers = store.ledgers.of_shards(key, plan.shards) if plan else {}
    for ledger in ledgers.values():
        if ledger.collected:
            delete_service_files(ledger, services.batch_api)


def delete_orphans(services: Services) -> None:
    """Delete every file of ours whose input file has left `work/`. What is claimed is left alone.

    The service is listed first: a file that is uploaded between the two looks has its claim already.
    """
    api = services.batch_api
    files = [
        (file_id, names.key_of_service_filename(prefix, name))
        for prefix in services.known_file_prefixes
        for file_id, _, name in api.files_named(prefix)
    ]
    if not files:
        return
    seen = services.work.claims.seen_lately(services.clock())
    claimed = {found.key for found in seen.all} if seen else set()
    if any(key is not None and key not in claimed for _, key in files):
        # Only a survey tells that a file is claimed no more.
        claimed = {found.key for found in services.work.claims.all()}
    for file_id, key in files:
        if key is not None and key not in claimed:
            log.warning("%s belongs to no file any more and is deleted", file_id)
            _delete(file_id, api)
