"""Agree with the other snapshots on how many batches this one may have at once."""

import time

import azure.durable_functions as df

from adapters import clients
from adapters.work.shares import Shares
from domain.contracts import Share, ShareRequest, from_wire
from domain.flow.sharing import Holding, agree, is_stale
from steps.answering import answering

bp = df.Blueprint()


@bp.activity_trigger(input_name="request")
def share_limit(request: dict) -> dict:
    """Answer Share to a ShareRequest."""
    return answering(
        lambda: share(from_wire(request, ShareRequest), shares=clients.work().shares, now=time.time())
    )


def share(asking: ShareRequest, *, shares: Shares, now: float) -> Share:
    """Read and write records as the agreement wants it; those of the dead go."""
    agreement = agree(asking, now)
    wish = next(agreement)
    try:
        while True:
            if wish is None:
                wish = agreement.send(_living(shares, asking, now))
            else:
                shares.write(wish)
                wish = next(agreement)
    except StopIteration as end:
        agreed: Share = end.value
        return agreed


def _living(shares: Shares, asking: ShareRequest, now: float) -> list[Holding]:
    """Give the records of all snapshots that are alive; the others go."""
    found = shares.all()
    stale = [record.snapshot_id for record in found if is_stale(record, asking, now)]
    if stale:
        shares.drop(stale)
    return [record for record in found if record.snapshot_id not in stale]
