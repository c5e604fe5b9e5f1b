"""Give up what is missing of a file that is set aside, at a person's word: all that was read is delivered, the rest are errors."""

import logging

import msgspec

from adapters.services import Services
from steps.deliver.hold import RELEASED

log = logging.getLogger(__name__)


def give_up(key: str, services: Services) -> bool:
    """Have the next snapshot deliver a file without the answers that it cannot read then either.

    False where no file of that key is set aside, and where none of its batches has answers to be read: nothing was paid then.
    """
    claims = services.work.claims
    found = claims.deciding(key)
    if found is None or not found.claim.held_until or found.claim.done_at:
        return False
    if not _has_open_batch(found.key, services):
        return False
    log.warning("%s: what cannot be read of its answers is given up", found.claim.path)
    freed = msgspec.structs.replace(found.claim, held_until=RELEASED, held_by="", holds=0, given_up=True)
    return claims.replace(found.key, freed, found.etag)


def _has_open_batch(key: str, services: Services) -> bool:
    plan = services.work.plans.read(key)
    ledgers = services.work.ledgers.of_shards(key, plan.shards) if plan else {}
    return any(ledger.batch and not ledger.collected for ledger in ledgers.values())
