"""Set a file aside: it stays where it is, with all records about it, and a later snapshot goes on with it. Or release it."""

import logging

import msgspec

from adapters.services import Services
from adapters.version import app_version
from domain.basis import basis_of
from domain.contracts import FileWork
from domain.errors import NotFoundError
from domain.records import Claim
from domain.results.finished import MOST_REASON_CHARS, FinishedFile
from domain.settings import Settings
from domain.wishes import WishKind
from steps.deliver.listing import add_to_list

HOLD_SECONDS = 6 * 3600.0
# What is tried again soon, after twice the time each time: what people set right is noticed at once, what comes right by
# itself after as long again as it took.
FIRST_HOLD_SECONDS = 60.0
# A time that is over; 0 would say that the file was not set aside.
RELEASED = 1.0

log = logging.getLogger(__name__)


def hold(work: FileWork, services: Services) -> None:
    """Mark the claim: no snapshot takes the file before the time is over."""
    if line := mark_held(work, services):
        add_to_list(work, [line], services)


def mark_held(work: FileWork, services: Services) -> FinishedFile | None:
    """Mark the claim; gives what is told of the file, None where it is another snapshot's or finished by now."""
    claims = services.work.claims
    found = claims.read(work.key)
    if found is None or found[0].snapshot_id != work.snapshot_id:
        return None
    claim, etag = found
    log.error("%s is set aside: %s", claim.path, work.reason)
    seconds = min(FIRST_HOLD_SECONDS * 2.0 ** min(claim.holds, 20), HOLD_SECONDS)
    held = msgspec.structs.replace(
        claim,
        held_until=services.clock() + (seconds if work.again_soon else HOLD_SECONDS),
        held_for=work.reason or "",
        held_by=_held_by(work, services.settings),
        held_beside=_beside(work, claim, services) if work.needs_settings else "",
        holds=claim.holds + 1 if work.again_soon else 0,
    )
    if not claims.replace(work.key, held, etag):
        return None
    if _is_overtaken(work, services):
        release(work.key, services)
    return FinishedFile(
        key=work.key,
        path=claim.path,
        state="held",
        at=services.clock(),
        reason=held.held_for[:MOST_REASON_CHARS],
    )


def release(key: str, services: Services) -> bool:
    """Let the next snapshot take a file that is set aside, whatever it was for; False where none of that key is.

    What is set aside with its pool is released with it.
    """
    claims = services.work.claims
    found = claims.deciding(key)
    if found is None or not found.claim.held_until or found.claim.done_at:
        return False
    services.work.attempts.forget(found.key)
    log.warning("%s is released", found.claim.path)
    released = msgspec.structs.replace(found.claim, held_until=RELEASED, held_by="", holds=0)
    return claims.replace(found.key, released, found.etag)


def _is_overtaken(work: FileWork, services: Services) -> bool:
    """Tell whether people have asked meanwhile for what lets the file go on: they found it as one that was not set aside yet."""
    asked = {wish.kind for wish in services.work.wishes.about(work.key)}
    is_cancelled = WishKind.CANCEL in asked and not work.unwanted
    return is_cancelled or (WishKind.APPROVE in asked and not work.approved)


def _beside(work: FileWork, claim: Claim, services: Services) -> str:
    """Give what a file is set aside beside: its job spec, and what lies in its place."""
    try:
        there = services.storage.input.entry(claim.path).etag
    except NotFoundError:
        there = ""
    return basis_of(work.spec, services.settings.spec_defaults, input_etag=there)


def _held_by(work: FileWork, settings: Settings) -> str:
    """Give what holds a file, so that it is free as soon as that is another: settings, or the version of the app."""
    if work.needs_version:
        return app_version()
    return settings.digest if work.needs_settings else ""
