"""The end of a file: its archived copy, then the input file and all records about it go."""

import logging

from adapters.services import Services
from adapters.storage.blobs import COPY_WAIT_SECONDS, Container
from domain.contracts import FileWork
from domain.errors import BlockedError, NotFoundError, PassingError
from domain.records import Plan
from domain.results.output_paths import OutputPaths, output_paths
from steps.deliver.listing import add_to_list, summary
from steps.deliver.removal import Kept, remove_input

log = logging.getLogger(__name__)


def archive(work: FileWork, services: Services) -> None:
    """Archive, delete, drop the records, in this order: whatever breaks off in between can be done again.

    Raises PassingError while the archived copy is still being made.
    """
    store = services.work
    recalled = store.plans.recall(work.key)
    plan = recalled or store.plans.read(work.key)
    if plan is None:
        return  # an earlier try came to the end
    paths = output_paths(services.settings, work.key, plan)
    if recalled and not _is_still_copied(work.key, plan, paths, services):
        return  # so did another snapshot, since this one has written the outputs
    if not recalled and not _is_copied(work.key, plan, paths, services):
        raise copy_pending(plan)
    kept = remove_input(work.key, plan.path, plan.etag, plan.size, services)
    # The records go next, and a repetition would find none of what the line tells.
    add_to_list(work, [summary(work.key, plan, paths, services)], services)
    if kept is None:
        store.drop_file(work.key)
        return
    finish(work.key, plan, kept, services)


def finish(key: str, plan: Plan, kept: Kept, services: Services) -> None:
    """Note that a file is done whose input stays where it is: without its claim the file would be taken, and paid, again."""
    store = services.work
    if store.claims.finish(key, code=kept.code, reason=kept.reason, at=services.clock()):
        log.error("%s stays in the input container. %s", plan.path, kept.reason)
    store.drop_all_but_claim(key)


def copy_pending(plan: Plan) -> PassingError:
    """Give the error of a file whose archived copy is still being made."""
    return PassingError(
        f"{plan.path}: its copy is being made.", code="copy_pending", retry_after=COPY_WAIT_SECONDS
    )


def copy(key: str, plan: Plan, paths: OutputPaths, services: Services) -> str:
    """Begin the archived copy, unless that was done; gives its status. Raises NotFoundError where the frozen input is gone."""
    target, name = _place(plan, paths, services)
    try:
        return services.work.claims.copy_input(key, target, name, plan.etag)
    except BlockedError as error:
        # An earlier try's copy is kept as it is by a policy.
        try:
            return target.entry(name).copy_status or "success"
        except NotFoundError:
            raise error from None


def _is_still_copied(key: str, plan: Plan, paths: OutputPaths, services: Services) -> bool:
    """Copy the input of a file that was there just now; False where it is gone. Raises PassingError as `archive` does."""
    try:
        status = copy(key, plan, paths, services)
    except NotFoundError:
        return False
    if status != "success":
        raise copy_pending(plan)
    return True


def _is_copied(key: str, plan: Plan, paths: OutputPaths, services: Services) -> bool:
    """Tell whether the archived copy is complete; begin it unless that was done."""
    try:
        return copy(key, plan, paths, services) == "success"
    except NotFoundError as error:
        # The work of an earlier try was all but done.
        target, name = _place(plan, paths, services)
        try:
            return target.entry(name).copy_status == "success"
        except NotFoundError:
            raise error from None


def _place(plan: Plan, paths: OutputPaths, services: Services) -> tuple[Container, str]:
    storage = services.storage
    return (storage.error, paths.rejected_input) if plan.rejected else (storage.processed, paths.archive)
