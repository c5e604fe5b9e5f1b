"""The end of a file: its archived copy, then the input file and all records about it go."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

from adapters.services import Services
from domain import names
from domain.contracts import FileWork
from domain.errors import BlockedError, NotFoundError
from domain.records import Plan
from domain.results.finished import FinishedFile
from domain.results.output_paths import output_paths
from domain.service.transports import TransportName
from steps.containment import answers_are_harmless
from steps.deliver.copying import have_copied
from steps.deliver.listing import add_to_list, summary
from steps.deliver.removal import Kept, remove_input

log = logging.getLogger(__name__)


class Ended(NamedTuple):
    """A file that is archived: what is told of it, and why its input is still there, if it is.

    `records`: the names of all records about it besides its claim, where they are known.
    """

    work: FileWork
    plan: Plan
    kept: Kept | None
    line: FinishedFile
    records: list[str] | None = None


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
    ended = archived(work, plan, services, asks_for_copy=recalled is None)
    if ended is None:
        # An earlier try had begun to, or another snapshot has done it since the outputs were written.
        store.drop_file(work.key)
        return
    ended = ended._replace(records=_records_besides(work, plan, services) if recalled else None)
    if (together := _together.get()) is not None:
        together.append(ended)
        return
    close([ended], services)


def _records_besides(work: FileWork, plan: Plan, services: Services) -> list[str] | None:
    """Name the records about a file besides its claim, where nothing that is not known can have been written; else None.

    That is a small file that is its own shard, and that this process alone has worked on, or others in the same way.
    """
    store = services.work
    if not store.plans.is_of_one_life(work.key, work.snapshot_id):
        return None
    (planned,) = plan.shards
    ledger = store.ledgers.recall(work.key, planned.shard)
    collected = ledger.collected if ledger else None
    if (
        ledger is None
        or ledger.sending is not None
        or ledger.transport is not TransportName.UPLOAD
        or collected is None
        or collected.outcomes is None
        or collected.children
        or not answers_are_harmless(planned.size, planned.requests)
    ):
        return None
    return [names.plan(work.key), names.ledger(work.key, planned.shard)]


def archived(work: FileWork, plan: Plan, services: Services, *, asks_for_copy: bool = False) -> Ended | None:
    """Copy a file's frozen input to its last place and remove the input file; None where the frozen input is gone.

    `asks_for_copy`: where it is gone, the copy counts that an earlier try has left, and NotFoundError is raised without one.
    Raises PassingError while the copy is still being made.
    """
    paths, storage = output_paths(services.settings, work.key, plan), services.storage
    target, name = (
        (storage.error, paths.rejected_input) if plan.rejected else (storage.processed, paths.archive)
    )
    # Its work may be all but done.
    or_there = (BlockedError, NotFoundError) if asks_for_copy else (BlockedError,)
    try:
        have_copied(
            lambda: services.work.claims.copy_input(work.key, target, name, plan.etag),
            target,
            name,
            or_there=or_there,
        )
    except NotFoundError:
        if asks_for_copy:
            raise
        return None
    kept = remove_input(work.key, plan.path, plan.etag, plan.size, services)
    return Ended(work, plan, kept, summary(work.key, plan, paths, services))


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
            _finish(end.work.key, end.plan, end.kept, services)
    store.drop_files({end.work.key: end.records for end in ends if end.kept is None})


def _finish(key: str, plan: Plan, kept: Kept, services: Services) -> None:
    """Note that a file is done whose input stays where it is: without its claim the file would be taken, and paid, again."""
    store = services.work
    if store.claims.finish(key, code=kept.code, reason=kept.reason, at=services.clock()):
        log.error("%s stays in the input container. %s", plan.path, kept.reason)
    store.drop_all_but_claim(key)
