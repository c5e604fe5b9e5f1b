"""The work container of a quote: its source is the frozen input, and of what is written the beginnings are kept.

So preparing runs as it does in the app, with nothing sent anywhere and nothing written to disk.
"""

from adapters.storage.blobs import BlobEntry
from adapters.work.claims import FrozenInput
from adapters.work.store import WorkStore
from domain import names
from domain.records import Claim, PlannedShard
from steps.memory_container import MemoryContainer, Source

START_BYTES = 4 * 1024 * 1024  # kept of each blob: the first requests, the first mistakes


class QuoteWork:
    """What preparing needs of one file: its frozen input, and records; afterwards, the beginnings of what it wrote."""

    def __init__(self, source: Source, path: str) -> None:
        self.key = names.file_key(path, "quote")
        self._container = MemoryContainer(source, most=START_BYTES)
        self.store = WorkStore(self._container)
        entry = BlobEntry(name=path, size=source.size, etag="quote", modified=0.0)
        claim = Claim(snapshot_id="quote", timestamp="", path=path, etag="quote")
        self.frozen = FrozenInput(claim, entry, self._container.chunks(path))

    def first_requests(self, shard: PlannedShard, most: int) -> list[bytes]:
        """Give the first requests of a shard: of what was written, or of the file itself where nothing was."""
        start = self._container.kept.get(shard.blob)
        if start is None:
            start = bytearray(self._container.read_range(shard.blob, shard.start or 0, START_BYTES))
        return _first_lines(bytes(start), most)

    def first_records(self, most: int) -> list[bytes]:
        """Give the first error records."""
        return _first_lines(bytes(self._container.kept.get(names.invalid_lines(self.key), b"")), most)


def _first_lines(start: bytes, most: int) -> list[bytes]:
    """Give the first whole lines of the beginning of a blob."""
    lines = start.split(b"\n")
    whole = lines if len(start) < START_BYTES else lines[:-1]
    return [line for line in whole if line.strip()][:most]
