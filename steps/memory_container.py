"""A container in memory, in the place of the work container: one blob is there, the source, and what is written stays here.

So preparing runs as it does in the app, with nothing written anywhere.
"""

from collections.abc import Iterator
from typing import Protocol

from adapters.storage.blobs import BLOCK_BYTES, BlobWriter, Container


class Source(Protocol):
    """The bytes of the one blob, wherever they lie."""

    @property
    def size(self) -> int:
        """Its length in bytes."""

    def chunks(self) -> Iterator[bytes]:
        """Stream it from its beginning."""

    def read_range(self, offset: int, length: int) -> bytes:
        """Read part of it."""


class _Kept(BlobWriter):
    """A blob of which so many bytes are kept, from its first on."""

    def __init__(self, content: bytearray, most: int | None) -> None:
        self._content, self._most = content, most
        self._sender = None
        self.size = 0

    def write(self, content: bytes) -> None:
        """Add bytes."""
        self.size += len(content)
        if self._most is None or len(self._content) < self._most:
            self._content += content[: None if self._most is None else self._most - len(self._content)]

    def close(self) -> None:
        """Nothing appears anywhere."""


class MemoryContainer(Container):
    """A container with the source under any name, and beside it what is written, by name; of each blob `most` bytes at most."""

    def __init__(self, source: Source, *, most: int | None = None) -> None:
        self._source, self._most = source, most
        self.name = "memory"
        self.kept: dict[str, bytearray] = {}

    def chunks(self, name: str, start: int = 0, size: int | None = None) -> Iterator[bytes]:
        """Stream a blob that was written, else the source; or a range of it."""
        if size is not None:
            ends = start + size
            begins = range(start, ends, BLOCK_BYTES)
            return (self.read_range(name, at, min(BLOCK_BYTES, ends - at)) for at in begins)
        return iter([bytes(self.kept[name])]) if name in self.kept else self._source.chunks()

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """Read part of a blob that was written, else of the source."""
        if name in self.kept:
            return bytes(self.kept[name][offset : offset + length])
        return self._source.read_range(offset, length)

    def writer(self, name: str, *, metadata: dict[str, str] | None = None) -> BlobWriter:
        """Take a blob; one that is written once more goes on where it ended."""
        del metadata
        return _Kept(self.kept.setdefault(name, bytearray()), self._most)
