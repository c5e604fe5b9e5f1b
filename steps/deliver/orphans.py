"""Delete what runs that died have left: files in the service, ours by name, and records, of no file that is being worked on."""

from adapters.services import Services
from steps.service_files import delete_orphans


def remove(services: Services) -> None:
    """Delete every record and every file of ours whose input file has left `work/`. What is claimed is left alone."""
    store = services.work
    for key in store.claims.stray_keys():
        store.drop_file(key)
    delete_orphans(services)
