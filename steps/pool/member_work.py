"""The work container of one file of a pool, in memory: its source is the frozen input, and what is written is kept here."""

from collections.abc import Iterator

from adapters.storage.blobs import BlobEntry
from adapters.work.claims import FrozenInput
from adapters.work.store import WorkStore
from domain import names
from domain.records import PlannedShard
from steps.memory_container import MemoryContainer


class _Content:
    """The content of a small file."""

    def __init__(self, content: bytes) -> None:
        self._content, self.size = content, len(content)

    def chunks(self) -> Iterator[bytes]:
        """Give all of it."""
        return iter([self._content])

    def read_range(self, offset: int, length: int) -> bytes:
        """Give part of it."""
        return self._content[offset : offset + length]


class MemberWork:
    """What preparing needs of one file, and what it wrote. `frozen` is as it was opened; its content is read here."""

    def __init__(self, key: str, frozen: FrozenInput) -> None:
        self.key, content = key, _Content(b"".join(frozen.chunks()))
        self._container = MemoryContainer(content)
        self.store = WorkStore(self._container)
        entry = BlobEntry(
            name=names.frozen_input(key),
            size=content.size,
            etag="",
            modified=0.0,
            content_encoding=frozen.content_encoding,
        )
        self.frozen = FrozenInput(frozen.claim, entry, content.chunks())

    def requests(self, shard: PlannedShard) -> Iterator[bytes]:
        """Give the request lines of a shard."""
        return self.store.blobs.shard_lines(self.key, shard)

    @property
    def error_records(self) -> bytes:
        """The records of the lines that are no requests; empty where there are none."""
        return bytes(self._container.kept.get(names.invalid_lines(self.key), b""))
