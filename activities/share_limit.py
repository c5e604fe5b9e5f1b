"""Agree with the other snapshots on how many batches this one may have at once."""

import time

import azure.durable_functions as df

from adapters import clients
from adapters.work.shares import ShareNotes
from domain.contracts import Share, ShareRequest, from_wire
from domain.flow.sharing import Holding, agree, is_stale
from steps.answering import answering

bp = df.Blueprint()


@bp.activity_trigger(input_name="request")
def share_limit(request: dict) -> dict:
    """Answer Share to a ShareRequest."""
    return answering(
        lambda: share(from_wire(request, ShareRequest), notes=clients.share_notes(), now=time.time())
    )


def share(asking: ShareRequest, *, notes: ShareNotes, now: float) -> Share:
    """Read and write notes as the agreement wants it; notes of the dead go."""
    agreement = agree(asking, now)
    wish = next(agreement)
    try:
        while True:
            if wish is None:
                wish = agreement.send(_living(notes, asking, now))
            else:
                notes.write(wish)
                wish = next(agreement)
    except StopIteration as end:
        agreed: Share = end.value
        return agreed


def _living(notes: ShareNotes, asking: ShareRequest, now: float) -> list[Holding]:
    """Give everybody's notes; those of the dead go."""
    found = notes.all()
    stale = [note.snapshot_id for note in found if is_stale(note, asking, now)]
    if stale:
        notes.drop(stale)
    return [note for note in found if note.snapshot_id not in stale]
