"""The records about snapshots: the manifest of one that is running, the report of one that has ended."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

from adapters.storage.blobs import Container
from domain import names
from domain.contracts import ListedFile, SnapshotReport
from domain.errors import ConflictError, NotFoundError

RECENT_DAYS = 3

_encode = msgspec.json.Encoder().encode
_decode_report = msgspec.json.Decoder(SnapshotReport).decode
_decode_page = msgspec.json.Decoder(list[ListedFile]).decode


class Snapshots:
    """Manifests and reports, by snapshot."""

    def __init__(self, work: Container) -> None:
        self._work = work

    def begin_to_take(self, snapshot_id: str) -> bool:
        """Note that a snapshot is about to claim files; False where that was noted before."""
        try:
            self._work.write(names.begun_to_take(snapshot_id), b"", if_absent=True)
        except ConflictError:
            return False
        return True

    def write_page(
        self, snapshot_id: str, page: int, files: list[ListedFile], *, pooled: bool = False
    ) -> None:
        """Write one page of a snapshot's manifest; `pooled`: of the one in which a pool is one entry."""
        self._work.write(names.manifest_page(snapshot_id, page, pooled=pooled), _encode(files))

    def read_page(self, snapshot_id: str, page: int, *, pooled: bool = False) -> list[ListedFile]:
        """Read one page of a snapshot's manifest; `pooled` as above."""
        content, _ = self._work.read(names.manifest_page(snapshot_id, page, pooled=pooled))
        return _decode_page(content)

    def mark(self, folder: str, key: str, told: Mapping[str, str]) -> None:
        """Note something about a file, below a folder of a snapshot's records; texts of any kind."""
        metadata = {name: urlsafe_b64encode(value.encode()).decode() for name, value in told.items() if value}
        self._work.write(f"{folder}{key}", b"", metadata=metadata)

    def marks(self, folder: str) -> dict[str, dict[str, str]]:
        """Give what was noted below a folder, by file key; one call for 5,000 of them."""
        return {
            entry.name.rpartition("/")[2]: {
                name: urlsafe_b64decode(value).decode() for name, value in entry.metadata.items()
            }
            for entry in self._work.list(folder, metadata=True)
        }

    def drop_marks(self, folder: str) -> None:
        """Remove them."""
        self._work.delete_folder(folder)

    def pages(self, snapshot_id: str) -> Iterator[list[ListedFile]]:
        """Give the pages of a snapshot's manifest, in their order; none where it was dropped."""
        for entry in self._work.list(names.manifest(snapshot_id)):
            if names.is_pooled_page(entry.name):
                continue
            yield _decode_page(self._work.read(entry.name)[0])

    def write_report(self, snapshot_id: str, report: dict[str, object]) -> None:
        """Write a finished snapshot's summary and drop its manifest."""
        self._work.write(names.report(snapshot_id), _encode(report))
        self._work.delete_folder(names.manifest(snapshot_id))

    def read_report(self, snapshot_id: str) -> SnapshotReport | None:
        """Give a snapshot's report; None for one that has not ended, or that is not known."""
        try:
            return _decode_report(self._work.read(names.report(snapshot_id))[0])
        except NotFoundError:
            return None

    def latest(self, now: datetime, most: int, *, before: str = "") -> list[str]:
        """Name the latest snapshots there are records of, newest first; those older than `before`, where one is named.

        Looks through a day at a time, so that the answer does not take longer the more there were; where the last days
        had few, all together are few as well.
        """
        found: set[str] = set()
        for days in range(RECENT_DAYS):
            found |= self._ids(names.snapshots_of_day(now - timedelta(days=days)), before)
            if len(found) >= most:
                return sorted(found, reverse=True)[:most]
        return sorted(self._ids(names.SNAPSHOTS, before), reverse=True)[:most]

    def _ids(self, prefix: str, before: str) -> set[str]:
        ids = {entry.name.split("/")[1] for entry in self._work.list(prefix)}
        return {found for found in ids if not before or found < before}

    def before(self, snapshot_id: str) -> dict[str, bool]:
        """Name the snapshots older than one, which need not exist; each with whether it has left its report."""
        found: dict[str, bool] = {}
        for entry in self._work.list(names.SNAPSHOTS):
            name = entry.name.split("/")[1]
            if name >= snapshot_id:
                break  # ids are moments, and a listing is in the order of names
            found[name] = found.get(name, False) or entry.name == names.report(name)
        return found

    def drop(self, snapshot_ids: Iterable[str]) -> None:
        """Remove all records about snapshots."""
        for snapshot_id in snapshot_ids:
            self._work.delete_folder(names.snapshot_folder(snapshot_id))
