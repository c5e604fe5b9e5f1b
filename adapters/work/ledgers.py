"""What a file's preparation has decided, and what was intended and done about each of its shards."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from adapters.storage.blobs import Container
from adapters.work.claims import Claims
from domain import names
from domain.contracts import prepared_type
from domain.errors import ConflictError, NotFoundError
from domain.records import Ledger, Plan, PlannedShard

Record = TypeVar("Record")

_encode = msgspec.json.Encoder().encode


class Plans:
    """A plan for each file, written once."""

    def __init__(self, work: Container) -> None:
        self._work = work

    def read(self, key: str) -> Plan | None:
        """Give a file's plan, None before it is complete."""
        found = _read(self._work, names.plan(key), Plan)
        return found[0] if found else None

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

        `instead_of`: as `version` gave it. Raises ConflictError where there is another plan by now.
        """
        self._work.write(names.plan(key), _encode(plan), if_absent=instead_of is None, if_etag=instead_of)


class Ledgers:
    """A ledger for each shard. Each write says which version it was made from."""

    def __init__(self, work: Container, claims: Claims) -> None:
        self._work, self._claims = work, claims

    def read(self, key: str, shard: str) -> tuple[Ledger, str] | None:
        """Give a shard's ledger and its ETag, None before its first entry."""
        return _read(self._work, names.ledger(key, shard), Ledger)

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
            if record := self.read(key, shard.shard):
                found[shard.shard] = record[0]
                if record[0].collected:
                    found |= self.of_shards(key, record[0].collected.children)
        return found

    def count(self, key: str) -> int:
        """Count the shards that a file has had so far."""
        return sum(1 for _ in self._work.list(names.ledgers(key)))

    def write(self, key: str, shard: str, ledger: Ledger, etag: str | None) -> str:
        """Write a ledger that was not written elsewhere since (`etag` None: that did not exist); gives the new ETag.

        Raises ConflictError when it was. An own write whose answer was lost does not count.
        """
        name, content = names.ledger(key, shard), _encode(ledger)
        try:
            return self._work.write(name, content, if_absent=etag is None, if_etag=etag)
        except ConflictError:
            there, current = self._work.read(name)
            if there != content:
                raise
            return current


def _read(work: Container, name: str, kind: type[Record]) -> tuple[Record, str] | None:
    try:
        content, etag = work.read(name)
    except NotFoundError:
        return None
    return msgspec.json.decode(content, type=prepared_type(kind)), etag
