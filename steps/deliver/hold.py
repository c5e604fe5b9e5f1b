"""Set a file aside: it stays where it is, with all records about it, and a later snapshot goes on with it."""

import logging

import msgspec

from adapters.services import Services
from domain.contracts import FileWork

HOLD_SECONDS = 6 * 3600.0

log = logging.getLogger(__name__)


def hold(work: FileWork, services: Services) -> None:
    """Mark the claim: no snapshot takes the file before the time is over."""
    claims = services.work.claims
    found = claims.read(work.key)
    if found is None or found[0].snapshot_id != work.snapshot_id:
        return  # finished or taken over: nothing of ours to hold
    claim, etag = found
    log.error("%s is set aside: %s", claim.path, work.reason)
    held = msgspec.structs.replace(
        claim,
        held_until=services.clock() + HOLD_SECONDS,
        held_for=work.reason or "",
        held_by=services.settings.digest if work.needs_settings else "",
    )
    claims.replace(work.key, held, etag)
