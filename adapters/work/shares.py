"""The notes by which snapshots share what the app may have alive: one small blob each, told by one listing."""

from collections.abc import Iterable
from contextlib import suppress

from adapters.storage.blobs import Container
from domain import names
from domain.errors import NotFoundError
from domain.flow.sharing import Holding


class ShareNotes:
    """Typed access to the notes in the work container. They lie in metadata, which a listing shows."""

    def __init__(self, work: Container) -> None:
        self._work = work

    def all(self) -> list[Holding]:
        """Give everybody's note."""
        return [
            Holding(
                snapshot_id=names.snapshot_of_share_note(entry.name),
                held=int(entry.metadata.get("held", "0")),
                wanted=int(entry.metadata.get("wanted", "0")),
                at=float(entry.metadata.get("at", "0")),
            )
            for entry in self._work.list(names.SHARES, metadata=True)
        ]

    def write(self, note: Holding) -> None:
        """Write a snapshot's note in place of its last one."""
        metadata = {"held": str(note.held), "wanted": str(note.wanted), "at": str(note.at)}
        self._work.write(names.share_note(note.snapshot_id), b"", metadata=metadata)

    def drop(self, snapshot_ids: Iterable[str]) -> None:
        """Delete notes; those that are gone already are what was wanted."""
        for snapshot_id in snapshot_ids:
            with suppress(NotFoundError):
                self._work.delete(names.share_note(snapshot_id))
