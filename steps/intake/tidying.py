"""What a look at storage leads to besides taking files: people are told what stands still, and what is over is removed.

Nothing here is worth failing for: what does not work out is logged, and tried again at the next look.
"""

import logging
import random

from adapters.services import Services
from domain import names
from domain.errors import PipelineError
from steps.deliver.removal import remove_input
from steps.intake.standing import tell_standing, tell_tables
from steps.intake.survey import Look, Survey
from steps.intake.waiting_note import tell_waiting

REMOVALS_AT_ONCE = 20  # a different sample every time, so that each has its turn

# A priority of 0 that a folder was given stands for so long: snapshots that are running have to hear of it.
UNSAID_SECONDS = 86_400.0

log = logging.getLogger(__name__)


def tell(found: Survey, services: Services) -> None:
    """Tell why files wait or stand still."""
    tell_waiting(found, services)
    tell_standing(found.standing, found.look.records.unreadable)
    tell_tables(found.look.tables)


def tidy(seen: Look, services: Services) -> None:
    """Remove input files that are done and could not be removed before, and notes about files that are gone.

    What is gone, records from memory do not tell.
    """
    if seen.is_recalled:
        return
    there = {file.path: file for file in seen.inputs}
    removable = [found for found in seen.done if not (file := there.get(found.claim.path)) or not file.leased]
    for found in random.sample(removable, min(len(removable), REMOVALS_AT_ONCE)):
        try:
            _remove(found.key, found.claim.path, found.claim.etag, found.size, services)
        except PipelineError as error:
            log.warning("%s: is done, and its input is still there: %s", found.claim.path, error)
    keys = {names.file_key(file.path, file.etag) for file in seen.inputs}
    _drop_wishes(seen, keys, services)
    for key in (
        seen.records.refusals.keys() - keys - seen.pools.keys() - {found.key for found in seen.records.claims}
    ):
        try:
            services.work.blobs.purge(names.refusal(key))
        except PipelineError as error:
            log.warning("%s: %s", names.refusal(key), error)


def _drop_wishes(seen: Look, keys: set[str], services: Services) -> None:
    """Drop what was asked about files that are done or gone, and folders that have no priority any more."""
    unfinished = {found.key for found in seen.unfinished} | seen.pools.keys()
    about = (keys | unfinished | seen.records.unreadable.keys()) - {found.key for found in seen.done}
    settled = services.clock() - UNSAID_SECONDS
    for wish in seen.wished.wishes:
        is_over = names.is_file_key(wish.subject) and wish.subject not in about
        is_unsaid = wish.folder and not wish.priority and wish.changed < settled
        if is_over or is_unsaid:
            try:
                services.work.wishes.drop(wish.subject, wish.kind)
            except PipelineError as error:
                log.warning("%s of %s stays written down: %s", wish.kind, wish.about, error)


def _remove(key: str, path: str, etag: str, size: int, services: Services) -> None:
    kept = remove_input(key, path, etag, size, services)
    if kept is None:
        services.work.drop_file(key)
        log.info("%s is done, and has left the input container", path)
    else:
        services.work.claims.finish(key, code=kept.code, reason=kept.reason, at=services.clock())
