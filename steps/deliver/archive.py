"""The end of a file: its archived copy, then the input file and all records about it go."""

import logging

from adapters.services import Services
from adapters.storage.blobs import COPY_WAIT_SECONDS, Container
from adapters.work.claims import Claims
from domain.contracts import FileWork
from domain.errors import ConflictError, NotFoundError, PassingError
from domain.results.output_paths import output_paths

log = logging.getLogger(__name__)


def archive(work: FileWork, services: Services) -> None:
    """Archive, delete, drop the records, in this order: whatever breaks off in between can be done again.

    Raises PassingError while the archived copy is still being made.
    """
    storage, store = services.storage, services.work
    plan = store.plans.read(work.key)
    if plan is None:
        return  # an earlier try came to the end
    paths = output_paths(services.settings, work.key, plan)
    target, name = (
        (storage.error, paths.rejected_input) if plan.rejected else (storage.processed, paths.archive)
    )
    if not _copied(store.claims, work.key, target, name, plan.etag):
        raise PassingError(
            f"{name}: the copy is being made.", code="copy_pending", retry_after=COPY_WAIT_SECONDS
        )
    try:
        storage.input.delete(plan.path, if_etag=plan.etag)
    except NotFoundError:
        log.info("%s was deleted while it was being worked on", plan.path)
    except ConflictError:
        log.info(
            "%s was replaced while it was being worked on; the new version is a file of its own", plan.path
        )
    store.drop_file(work.key)


def _copied(claims: Claims, key: str, target: Container, name: str, etag: str) -> bool:
    """Tell whether the archived copy is complete; begin it unless that was done."""
    try:
        return claims.copy_input(key, target, name, etag) == "success"
    except (ConflictError, NotFoundError):  # an earlier try's copy is under way, or its work was all but done
        return target.entry(name).copy_status == "success"
