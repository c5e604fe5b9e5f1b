"""The work container of one file of a pool, in memory: its source is the frozen input, and what is written is kept here."""

from collections.abc import Iterator

from adapters.storage.blobs import BlobEntry, BlobWriter, Container
from adapters.work.claims import FrozenInput
from adapters.work.store import WorkStore
from domain import names
from domain.service.request_lines import split_lines


class _Kept(BlobWriter):
    """A blob that stays in memory."""

    def __init__(self, blobs: dict[str, bytearray], name: str) -> None:
        self._content = blobs[name] = bytearray()
        self._sender = None
        self.size = 0

    def write(self, content: bytes) -> None:
        """Add bytes."""
        self._content += content
        self.size += len(content)

    def close(self) -> None:
        """It is there already."""


class _MemberContainer(Container):
    """A container with one blob, and those that are written into it."""

    def __init__(self, name: str, content: bytes) -> None:
        self.name = "member"
        self.blobs = {name: bytearray(content)}

    def chunks(self, name: str) -> Iterator[bytes]:
        """Stream a blob."""
        return iter([bytes(self.blobs[name])])

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """Read part of a blob."""
        return bytes(self.blobs[name][offset : offset + length])

    def writer(self, name: str, *, metadata: dict[str, str] | None = None) -> BlobWriter:
        """Take a blob."""
        del metadata
        return _Kept(self.blobs, name)


class MemberWork:
    """What preparing needs of one file, and what it wrote. `frozen` is as it was opened; its content is read here."""

    def __init__(self, key: str, frozen: FrozenInput) -> None:
        self.key, content = key, b"".join(frozen.chunks())
        self._container = _MemberContainer(names.frozen_input(key), content)
        self.store = WorkStore(self._container)
        entry = BlobEntry(
            name=names.frozen_input(key),
            size=len(content),
            etag="",
            modified=0.0,
            content_encoding=frozen.content_encoding,
        )
        self.frozen = FrozenInput(frozen.claim, entry, iter([content]))

    def requests(self, blob: str) -> Iterator[bytes]:
        """Give the request lines of a shard."""
        return (line for line in split_lines(self._container.chunks(blob)) if line)

    @property
    def error_records(self) -> bytes:
        """The records of the lines that are no requests; empty where there are none."""
        return bytes(self._container.blobs.get(names.invalid_lines(self.key), b""))
