"""Set a file aside: it stays where it is, with all notes about it, and a later snapshot goes on with it."""

import logging
import time

import azure.durable_functions as df
import msgspec

from adapters import clients
from adapters.work.store import WorkStore
from domain.contracts import FileWork, from_wire
from domain.settings import Settings
from steps.answering import answering

HOLD_SECONDS = 6 * 3600.0

bp = df.Blueprint()
log = logging.getLogger(__name__)


@bp.activity_trigger(input_name="work")
def hold_file(work: dict) -> dict:
    """Answer None to a FileWork."""
    return answering(
        lambda: hold(
            from_wire(work, FileWork), store=clients.work(), settings=clients.settings(), now=time.time()
        )
    )


def hold(work: FileWork, *, store: WorkStore, settings: Settings, now: float) -> None:
    """Mark the claim: nobody takes the file again before the time is over."""
    found = store.claims.read(work.key)
    if found is None or found[0].snapshot_id != work.snapshot_id:
        return  # finished or taken over: nothing of ours to hold
    claim, etag = found
    log.error("%s is set aside: %s", claim.path, work.reason)
    held = msgspec.structs.replace(
        claim,
        held_until=now + HOLD_SECONDS,
        held_for=work.reason or "",
        held_by=settings.digest if work.needs_settings else "",
    )
    store.claims.replace(work.key, held, etag)
