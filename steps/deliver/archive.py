"""The end of a file: its archived copy, then the input file and all records about it go."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from adapters.services import Services
from adapters.storage.blobs import COPY_WAIT_SECONDS, Container
from domain.contracts import FileWork
from domain.errors import BlockedError, NotFoundError, PassingError
from domain.records import Plan
from domain.results.finished import FinishedFile
from domain.results.output_paths import OutputPaths, output_paths
from steps.deliver.listing import add_to_list, summary
from steps.deliver.removal import Kept, remove_input

log = logging.getLogger(__name__)


class Ended(NamedTuple):
    """A file that is archived: what is told of it, and why its input is still there, if it is."""

    work: FileWork
    plan: Plan
    kept: Kept | None
    line: FinishedFile


_together: ContextVar[list[Ended] | None] = ContextVar("together", default=None)


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
        store.drop_file(
            work.key
        )  # an earlier try had begun to, or another snapshot has done it since the outputs were written
        return
    if not recalled and not _is_copied(work.key, plan, paths, services):
        raise copy_pending(plan)
    kept = remove_input(work.key, plan.path, plan.etag, plan.size, services)
    ended = Ended(work, plan, kept, summary(work.key, plan, paths, services))
    if (together := _together.get()) is not None:
        together.append(ended)
        return
    close([ended], services)


@contextmanager
def ending_together() -> Iterator[list[Ended]]:
    """Have files that are archived in this context come to their end later, in one go, by `close`; gives them."""
    ends: list[Ended] = []
    before = _together.set(ends)
    try:
        yield ends
    finally:
        _together.reset(before)


def close(ends: Sequence[Ended], services: Services) -> None:
    """List files that are archived, all of one snapshot, and drop the records about them.

    Where that breaks off, archiving them again does what is left.
    """
    store = services.work
    # The records go after it, and a repetition would find none of what the line tells.
    add_to_list(ends[0].work, (end.line for end in ends), services)
    for end in ends:
        if end.kept is not None:
            finish(end.work.key, end.plan, end.kept, services)
    store.drop_files([end.work.key for end in ends if end.kept is None])


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
