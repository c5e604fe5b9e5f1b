"""Let files leave a pool: from then on each goes on alone, like any other."""

import logging
from collections.abc import Iterable

import msgspec

from adapters.services import Services
from adapters.threads import pool
from domain.contracts import ListedFile
from domain.records import Claim

CALLS_AT_ONCE = 8

log = logging.getLogger(__name__)


def free(key: str, files: Iterable[ListedFile], snapshot_id: str, services: Services) -> list[ListedFile]:
    """Let files leave a pool: each is this snapshot's like any other from then on. Gives them; a repetition gives the same.

    Left out are those that have come to their end, and those that another snapshot has by now.
    """
    with pool(CALLS_AT_ONCE) as freeing:
        is_ours = freeing.map(lambda file: _free(key, file, snapshot_id, services), wanted := list(files))
    return [
        msgspec.structs.replace(file, fresh=False, pool="")
        for file, ours in zip(wanted, is_ours, strict=True)
        if ours
    ]


def _free(key: str, file: ListedFile, snapshot_id: str, services: Services) -> bool:
    claims = services.work.claims
    found = claims.read(file.key)
    if found is None:
        return False
    claim, etag = found
    if claim.pool != key:
        # One that is in another pool goes on there.
        return not claim.pool and claim.snapshot_id == snapshot_id and not claim.held_until
    log.info("%s goes on alone", claim.path)
    return claims.replace(file.key, _freed(claim, snapshot_id), etag)


def _freed(claim: Claim, snapshot_id: str) -> Claim:
    return msgspec.structs.replace(claim, pool="", snapshot_id=snapshot_id)
