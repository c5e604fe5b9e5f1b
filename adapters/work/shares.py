"""The records by which snapshots share what the app may have alive: one small blob each, told by one listing.

Why: docs/decisions/0007-sharing-without-locks.md
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from math import isfinite

from adapters.storage.blobs import Container
from domain import names
from domain.errors import NotFoundError
from domain.flow.sharing import Holding


class Shares:
    """A record for each snapshot, or for each part of one. They lie in metadata, which a listing shows."""

    def __init__(self, work: Container) -> None:
        self._work = work

    def all(self) -> list[Holding]:
        """Give the records of all snapshots."""
        return [
            Holding(
                snapshot_id=names.snapshot_of_share_record(entry.name),
                held=int(_number(entry.metadata, "held")),
                wanted=int(_number(entry.metadata, "wanted")),
                at=_number(entry.metadata, "at"),
            )
            for entry in self._work.list(names.SHARES, metadata=True)
        ]

    def write(self, record: Holding) -> None:
        """Write a snapshot's record in place of its last one."""
        metadata = {"held": str(record.held), "wanted": str(record.wanted), "at": str(record.at)}
        self._work.write(names.share_record(record.snapshot_id), b"", metadata=metadata)

    def drop(self, snapshot_ids: Iterable[str]) -> None:
        """Delete the records of snapshots and of their parts; those that are gone already are what was wanted."""
        for record in map(names.share_record, snapshot_ids):
            for entry in self._work.list(record):
                if entry.name == record or entry.name.startswith(f"{record}-"):
                    with suppress(NotFoundError):
                        self._work.delete(entry.name)


def _number(metadata: Mapping[str, str], name: str) -> float:
    """Read a number; 0 for what is none: such a record holds nothing, and grows stale."""
    try:
        told = float(metadata.get(name, "0"))
    except ValueError:
        return 0.0
    return told if isfinite(told) else 0.0
