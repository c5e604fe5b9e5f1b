"""The work container of a quote: its source is the frozen input, and what is written is counted and forgotten.

So preparing runs as it does in the app, with nothing sent anywhere and nothing written to disk.
"""

from collections.abc import Iterator
from typing import Protocol

from adapters.storage.blobs import BlobEntry, BlobWriter, Container
from adapters.work.claims import FrozenInput
from adapters.work.store import WorkStore
from domain import names
from domain.records import Claim

START_BYTES = 4 * 1024 * 1024  # kept of each blob: the first requests, the first mistakes


class Source(Protocol):
    """What is quoted: its bytes, wherever they lie."""

    @property
    def size(self) -> int:
        """Its length in bytes."""

    def chunks(self) -> Iterator[bytes]:
        """Stream it from its beginning."""

    def read_range(self, offset: int, length: int) -> bytes:
        """Read part of it."""


class Discarded(BlobWriter):
    """A blob of which only its size and its first bytes are kept."""

    def __init__(self, starts: dict[str, bytearray], name: str) -> None:
        self._start = starts.setdefault(name, bytearray())
        self._sender = None
        self.size = 0

    def write(self, content: bytes) -> None:
        """Count bytes."""
        self.size += len(content)
        if (room := START_BYTES - len(self._start)) > 0:
            self._start += content[:room]

    def close(self) -> None:
        """Nothing appears anywhere."""


class QuoteContainer(Container):
    """A container with one blob, the source, which takes any other and keeps none."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.name = "quote"
        self.starts: dict[str, bytearray] = {}

    def chunks(self, name: str) -> Iterator[bytes]:
        """Stream the source."""
        del name
        return self._source.chunks()

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """Read part of the source."""
        del name
        return self._source.read_range(offset, length)

    def writer(self, name: str, *, metadata: dict[str, str] | None = None) -> BlobWriter:
        """Take a blob and forget it."""
        del metadata
        return Discarded(self.starts, name)


class QuoteWork:
    """What preparing needs of one file: its frozen input, and records; afterwards, the beginnings of what it wrote."""

    def __init__(self, source: Source, path: str) -> None:
        self.key = names.file_key(path, "quote")
        self._container = QuoteContainer(source)
        self.store = WorkStore(self._container)
        entry = BlobEntry(name=path, size=source.size, etag="quote", modified=0.0)
        claim = Claim(snapshot_id="quote", timestamp="", path=path, etag="quote")
        self.frozen = FrozenInput(claim, entry, self._container.chunks(path))

    def first_lines(self, blob: str, most: int) -> list[bytes]:
        """Give the first whole lines of what was written into a blob; of the file itself where nothing was."""
        start = self._container.starts.get(blob)
        if start is None:
            start = bytearray(self._container.read_range(blob, 0, START_BYTES))
        lines = bytes(start).split(b"\n")
        whole = lines if len(start) < START_BYTES else lines[:-1]
        return [line for line in whole if line.strip()][:most]

    def first_records(self, most: int) -> list[bytes]:
        """Give the first error records."""
        blob = names.invalid_lines(self.key)
        return self.first_lines(blob, most) if blob in self._container.starts else []
