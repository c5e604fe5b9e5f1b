"""The end of a file: its archived copy, then the input file and all records about it go."""

import logging

from adapters.services import Services
from adapters.storage.blobs import COPY_WAIT_SECONDS, Container
from adapters.work.claims import Claims
from domain.contracts import FileWork
from domain.errors import BlockedError, NotFoundError, PassingError
from domain.results.output_paths import output_paths
from steps.deliver.listing import add_to_list, summary
from steps.deliver.removal import remove_input

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
    kept = remove_input(work.key, plan.path, plan.etag, plan.size, services)
    # The records go next, and a repetition would find none of what the line tells.
    add_to_list(work, summary(work.key, plan, paths, services), services)
    if kept is None:
        store.drop_file(work.key)
        return
    # The claim stays for as long as the file does: without it the file would be taken, and paid, again.
    if store.claims.finish(work.key, code=kept.code, reason=kept.reason, at=services.clock()):
        log.error("%s stays in the input container. %s", plan.path, kept.reason)
    store.drop_all_but_claim(work.key)


def _copied(claims: Claims, key: str, target: Container, name: str, etag: str) -> bool:
    """Tell whether the archived copy is complete; begin it unless that was done."""
    try:
        return claims.copy_input(key, target, name, etag) == "success"
    except (BlockedError, NotFoundError) as error:
        # An earlier try's copy is kept as it is by a policy, or its work was all but done.
        try:
            return target.entry(name).copy_status == "success"
        except NotFoundError:
            raise error from None
