"""Which blobs have been seen, which wait for their function, and which were given up."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from local.functions_host.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobWork:
    """One call of a blob function that has not succeeded yet."""

    seq: int
    function: str
    container: str
    name: str
    etag: str | None
    """None if the event did not tell; then no version is the one that was meant."""
    tries: int = 0
    """Calls that failed."""


class BlobStore:
    """Receipts, the queue and the poison list of blob functions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def receipts(self, function: str) -> dict[str, str]:
        """Return the ETag of each blob name the function has been given."""
        return dict(
            self._database.rows("SELECT blob, etag FROM blob_receipts WHERE function = ?", (function,))
        )

    def take_scanned(self, function: str, container: str, blobs: Iterable[tuple[str, str]]) -> list[BlobWork]:
        """Write receipts for blobs (name, ETag) and queue them, in one step."""
        works = []
        with self._database.transaction():
            for name, etag in blobs:
                self._database.run(
                    "INSERT OR REPLACE INTO blob_receipts VALUES (?,?,?)", (function, name, etag)
                )
                works.append(self.take_event(function, container, name, etag))
        return works

    def take_event(self, function: str, container: str, name: str, etag: str | None) -> BlobWork:
        """Queue a blob without a receipt."""
        cursor = self._database.run(
            "INSERT INTO blob_queue (function, container, name, etag) VALUES (?,?,?,?)",
            (function, container, name, etag),
        )
        assert cursor.lastrowid is not None
        return BlobWork(seq=cursor.lastrowid, function=function, container=container, name=name, etag=etag)

    def forget_receipts(self, function: str, names: Iterable[str]) -> None:
        """Drop receipts of blobs that are gone; should one come back, its ETag is new."""
        with self._database.transaction():
            for name in names:
                self._database.run(
                    "DELETE FROM blob_receipts WHERE function = ? AND blob = ?", (function, name)
                )

    def queued(self) -> list[BlobWork]:
        """Return all waiting work, oldest first."""
        rows = self._database.rows(
            "SELECT seq, function, container, name, etag, tries FROM blob_queue ORDER BY seq"
        )
        names = ("seq", "function", "container", "name", "etag", "tries")
        return [BlobWork(**dict(zip(names, row, strict=True))) for row in rows]

    def count_failure(self, work: BlobWork) -> BlobWork:
        """Remember one more failed call."""
        self._database.run("UPDATE blob_queue SET tries = tries + 1 WHERE seq = ?", (work.seq,))
        return replace(work, tries=work.tries + 1)

    def finish(self, work: BlobWork) -> None:
        """Take work off the queue."""
        self._database.run("DELETE FROM blob_queue WHERE seq = ?", (work.seq,))

    def give_up(self, work: BlobWork, error: str, now: float) -> None:
        """Move work from the queue to the poison list."""
        with self._database.transaction():
            self.finish(work)
            self._database.run(
                "INSERT INTO blob_poison VALUES (?,?,?,?,?,?)",
                (work.function, work.container, work.name, work.etag, error, now),
            )
