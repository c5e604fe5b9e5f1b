"""Delete what runs that died have left: files in the service, ours by name, and records, of no file that is being worked on."""

import logging

from adapters.services import Services
from domain.errors import PipelineError
from steps.service_files import delete_orphans

log = logging.getLogger(__name__)


def remove(services: Services) -> None:
    """Delete every record and every file of ours whose input file has left `work/`. What is claimed is left alone."""
    store = services.work
    for key in store.claims.stray_keys(services.clock()):
        try:
            store.drop_file(key)
        except PipelineError as error:
            log.warning("%s: what is left of it stays for now: %s", key, error)
    delete_orphans(services)
