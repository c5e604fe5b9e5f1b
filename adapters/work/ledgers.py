"""What a file's preparation has decided, and what was intended and done about each of its shards."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from adapters.storage.blobs import Container
from adapters.work.chain import recall, remember
from adapters.work.claims import Claims
from adapters.work.kept import KeptBlobs
from domain import names
from domain.contracts import prepared_type
from domain.errors import ConflictError, NotFoundError
from domain.records import Ledger, Plan, PlannedShard

Record = TypeVar("Record")

_encode = msgspec.json.Encoder().encode


class Plans:
    """A plan for each file, written once."""

    def __init__(self, work: Container, kept: KeptBlobs) -> None:
        self._work, self._kept = work, kept

    def read(self, key: str) -> Plan | None:
        """Give a file's plan, None before it is complete."""
        found = self.find(key)
        return found[0] if found else None

    def find(self, key: str) -> tuple[Plan, str] | None:
        """Give a file's plan and its ETag, None before it is complete."""
        found = _read(self._work, names.plan(key))
        if found is None:
            return None
        remember(names.plan(key), found[0])
        return _decoded(found[0], Plan), found[1]

    def keep(self, key: str, plan: Plan, owner: str) -> None:
        """Keep a plan that this process has just made for a snapshot, of a file on which no work had begun before."""
        self._kept.keep(names.plan(key), _encode(plan), owner)

    def hand_on(self, key: str, owner: str) -> None:
        """Let the next calls of this chain go by the plan that was kept for a snapshot.

        For one who has just written a ledger of it as that snapshot's: no other has taken such a plan back.
        """
        kept = self._kept.get(names.plan(key))
        if kept and kept.version == owner:
            remember(names.plan(key), kept.content)

    def is_of_one_life(self, key: str, owner: str) -> bool:
        """Tell, once, whether a plan was kept for a snapshot: what was written about its file then follows from it."""
        kept = self._kept.take(names.plan(key))
        return kept is not None and kept.version == owner

    def recall(self, key: str) -> Plan | None:
        """Give the plan that an earlier call of this chain has read or handed on, None outside a chain."""
        content = recall(names.plan(key))
        return None if content is None else _decoded(content, Plan)

    def version(self, key: str) -> str | None:
        """Give the ETag of a file's plan, None before it is complete."""
        try:
            return self._work.entry(names.plan(key)).etag
        except NotFoundError:
            return None

    def write(self, key: str, plan: Plan) -> None:
        """Write a file's plan; from then on nothing about it is decided again."""
        self._work.write(names.plan(key), _encode(plan))

    def write_once(self, key: str, plan: Plan, *, instead_of: str | None) -> None:
        """Write a plan that another run of the same would not make alike: the first one counts.

        `instead_of`: its ETag, as `find` or `version` gave it. Raises ConflictError where there is another plan by now.
        """
        self._work.write(names.plan(key), _encode(plan), if_absent=instead_of is None, if_etag=instead_of)


class Ledgers:
    """A ledger for each shard. Each write says which version it was made from."""

    def __init__(self, work: Container, claims: Claims, kept: KeptBlobs) -> None:
        self._work, self._claims, self._kept = work, claims, kept

    def read(self, key: str, shard: str) -> tuple[Ledger, str] | None:
        """Give a shard's ledger and its ETag, None before its first entry."""
        found = _read(self._work, names.ledger(key, shard))
        return (_decoded(found[0], Ledger), found[1]) if found else None

    def kept(self, key: str, shard: str, owner: str) -> tuple[Ledger, str] | None:
        """Give a ledger as this process has left it when its batch was made, once; None where it does not know.

        It may have been written elsewhere since. Nothing but the ledger itself is to be written by what it says.
        """
        kept = self._kept.take(names.ledger(key, shard))
        if kept is None:
            return None
        ledger = _decoded(kept.content, Ledger)
        return (ledger, kept.version) if ledger.owner == owner else None

    def own(self, key: str, shard: str, owner: str) -> tuple[Ledger, str] | None:
        """Give a shard's ledger as `owner`'s: one left by a dead snapshot is rewritten first, so that a late writer fails.

        Raises ConflictError when the file is claimed by another snapshot.
        """
        found = self.read(key, shard)
        if found is None or found[0].owner == owner:
            return found
        claim = self._claims.read(key)
        if claim is None or claim[0].snapshot_id != owner:
            raise ConflictError(f"Shard {shard} of {key} belongs to {found[0].owner}.")
        ledger, etag = found
        ledger.owner = owner
        return ledger, self.write(key, shard, ledger, etag)

    def of_shards(self, key: str, shards: Iterable[PlannedShard]) -> dict[str, Ledger]:
        """Give the ledgers of shards and of what became of them, by shard."""
        found = {}
        for shard in shards:
            if ledger := self._known(key, shard.shard):
                found[shard.shard] = ledger
                if ledger.collected:
                    found |= self.of_shards(key, ledger.collected.children)
        return found

    def recall(self, key: str, shard: str) -> Ledger | None:
        """Give a ledger as this chain has just written it, None where it has not."""
        content = recall(names.ledger(key, shard))
        return None if content is None else _decoded(content, Ledger)

    def _known(self, key: str, shard: str) -> Ledger | None:
        """Give a ledger to read only: as this chain has just written it, or as it lies there."""
        if recalled := self.recall(key, shard):
            return recalled
        found = self.read(key, shard)
        return found[0] if found else None

    def count(self, key: str) -> int:
        """Count the shards that a file has had so far."""
        return sum(1 for _ in self._work.list(names.ledgers(key)))

    def write(self, key: str, shard: str, ledger: Ledger, etag: str | None) -> str:
        """Write a ledger that was not written elsewhere since (`etag` None: that did not exist); gives the new ETag.

        Raises ConflictError when it was. An own write whose answer was lost does not count.
        """
        name, content = names.ledger(key, shard), _encode(ledger)
        try:
            current = self._work.write(name, content, if_absent=etag is None, if_etag=etag)
        except ConflictError:
            there, current = self._work.read(name)
            if there != content:
                raise
        remember(name, content)
        if ledger.batch and not ledger.collected:
            self._kept.keep(name, content, current)
        return current


def _read(work: Container, name: str) -> tuple[bytes, str] | None:
    try:
        return work.read(name)
    except NotFoundError:
        return None


def _decoded(content: bytes, kind: type[Record]) -> Record:
    return msgspec.json.decode(content, type=prepared_type(kind))
