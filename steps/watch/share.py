"""Agree with the other snapshots on how many batches this one may have at once."""

import msgspec

from adapters.services import Services
from adapters.work.shares import Shares
from domain.contracts import Share, ShareRequest
from domain.flow.sharing import Holding, agree, is_stale
from steps.wishes.seen import newly_asked


def share_and_look(asking: ShareRequest, services: Services) -> Share:
    """Agree, and look for what people have asked for: a snapshot without room looks at no batches."""
    agreed = share(asking, services)
    return msgspec.structs.replace(agreed, asked=newly_asked(asking.asked_since, services))


def share(asking: ShareRequest, services: Services) -> Share:
    """Read and write records as the agreement wants it; those of the dead go."""
    shares, now = services.work.shares, services.clock()
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
