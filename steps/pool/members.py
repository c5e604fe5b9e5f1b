"""The files of a pool: each with its plan, as preparing has left it; and those that leave the pool and go on alone."""

import logging
from collections.abc import Iterable, Iterator

import msgspec

from adapters.services import Services
from adapters.storage.line_writer import LineWriter
from adapters.threads import pool
from adapters.work.store import WorkStore
from domain import names
from domain.contracts import ListedFile
from domain.records import Claim, Plan

CALLS_AT_ONCE = 8

log = logging.getLogger(__name__)


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a pool. `number` is in front of the `custom_id` of each of its requests."""

    number: int
    file: ListedFile
    plan: Plan

    @property
    def key(self) -> str:
        """The file's key."""
        return self.file.key


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Member).decode


def write_members(key: str, plan_number: int, members: Iterable[Member], store: WorkStore) -> None:
    """Write the list of a pool's files, in the order of their numbers."""
    with store.blobs.writer(names.pool_members(key, plan_number)) as written:
        lines = LineWriter(written)
        for member in members:
            lines.add(_encode(member))
        lines.flush()


def read_members(key: str, plan: Plan, store: WorkStore) -> Iterator[Member]:
    """Stream the files that are in a pool now."""
    alone = set(plan.alone)
    for line in store.blobs.lines(names.pool_members(key, plan.number)):
        if line and (member := _decode(line)).key not in alone:
            yield member


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
        return claim.snapshot_id == snapshot_id and not claim.held_until
    log.info("%s goes on alone", claim.path)
    return claims.replace(file.key, _freed(claim, snapshot_id), etag)


def _freed(claim: Claim, snapshot_id: str) -> Claim:
    return msgspec.structs.replace(claim, pool="", snapshot_id=snapshot_id)
