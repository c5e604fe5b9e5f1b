"""A shard's ledger while it is being submitted: opened as its owner's, written before and after each effect.

Why: docs/decisions/0006-the-ledger-keeps-the-transport-of-a-shard.md
"""

from adapters.work.store import WorkStore
from domain import names
from domain.contracts import ShardWork
from domain.errors import ConflictError
from domain.records import Ledger
from domain.service.transports import Choice


class LedgerSession:
    """Reads and writes one ledger. `first_time`: the shard has not been tried before."""

    def __init__(self, work: ShardWork, store: WorkStore, choice: Choice, *, now: float) -> None:
        self._work, self._store = work, store
        self._etag: str | None = None
        self.first_time = True
        self.ledger = Ledger(
            owner=work.snapshot_id,
            attempt=work.shard.attempt,
            transport=choice.transport,
            transport_reason=choice.reason,
            upload_intended_at=now,
        )

    def open(self) -> None:
        """Begin the ledger with the intent to upload, or read the one there is and take it over from a dead owner."""
        work = self._work
        if not work.begun and self._begin():
            return
        found = self._store.ledgers.own(work.key, work.shard.shard, work.snapshot_id)
        if found:
            self.first_time = False
            self.ledger, self._etag = found
        elif not self.is_ours() or not self._begin():
            raise ConflictError(f"Shard {work.shard.shard} of {work.key} is another snapshot's, or finished.")

    def is_ours(self) -> bool:
        """Tell whether the file is still claimed by the snapshot that this work is for."""
        claim = self._store.claims.read(self._work.key)
        return claim is not None and claim[0].snapshot_id == self._work.snapshot_id

    def tidy_up(self) -> None:
        """Take back a ledger that was begun for a file that another snapshot has brought to its end meanwhile."""
        if self._store.claims.read(self._work.key) is None:
            self._store.blobs.purge(names.ledger(self._work.key, self._work.shard.shard))

    def write(self) -> None:
        """Write what is in the ledger now. Raises ConflictError when it was written elsewhere since."""
        self._etag = self._store.ledgers.write(
            self._work.key, self._work.shard.shard, self.ledger, self._etag
        )

    def go(self, choice: Choice) -> None:
        """Choose another transport for this submission; `write` makes it count."""
        self.ledger.transport, self.ledger.transport_reason = choice

    def _begin(self) -> bool:
        try:
            self.write()
        except ConflictError:
            return False
        return True
