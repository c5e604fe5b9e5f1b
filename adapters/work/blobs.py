"""Blobs of the work container that are streamed: shards, outcomes, error records of bad lines, answers of the service."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import BytesIO, IOBase
from typing import Protocol
from urllib.parse import quote

import msgspec

from adapters.storage.blobs import BLOCK_BYTES, BlobWriter, Container, LazyWriter
from adapters.storage.source import BlobSource
from adapters.storage.stream import BlobStream
from adapters.work.kept import KeptBlobs
from domain import names
from domain.errors import ConflictError, NotFoundError
from domain.service.outcomes import Outcome, ShardOutcome
from domain.service.request_lines import custom_id_of, split_lines

_decode_outcome = msgspec.json.Decoder(ShardOutcome).decode


def outcomes_from(lines: Iterable[bytes]) -> Iterator[ShardOutcome]:
    """Read outcomes from their lines."""
    return (_decode_outcome(line) for line in lines)


class ShardText(Protocol):
    """Where the lines of a shard lie: `domain.records.PlannedShard` says what it is."""

    @property
    def blob(self) -> str: ...  # noqa: D102
    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def start(self) -> int | None: ...  # noqa: D102


class WorkBlobs:
    """Streams of the work container, by blob name. Raises NotFoundError for what is not there."""

    def __init__(self, work: Container, kept: KeptBlobs) -> None:
        self._work, self._kept = work, kept

    def lines(self, blob: str) -> Iterator[bytes]:
        """Stream a blob line by line."""
        return split_lines(self._work.chunks(blob))

    def kept_lines(self, blob: str) -> Iterator[bytes]:
        """Stream a blob line by line; one that was kept, from memory."""
        kept = self._kept.take(blob)
        return split_lines(iter([kept.content])) if kept else self.lines(blob)

    def keep(self, blob: str, content: bytes) -> None:
        """Keep a blob that never changes for the one who comes back to it; nothing is kept of what is large."""
        self._kept.keep(blob, content)

    def read(self, blob: str) -> bytes:
        """Read a small blob whole."""
        return self._work.read(blob)[0]

    def chunks(self, blob: str, start: int = 0, size: int | None = None) -> Iterator[bytes]:
        """Stream a blob, or a range of it, in pieces."""
        return self._work.chunks(blob, start, size)

    def size(self, blob: str) -> int | None:
        """Give a blob's size in bytes; None where there is none."""
        try:
            return self._work.entry(blob).size
        except NotFoundError:
            return None

    def shard_lines(self, key: str, shard: ShardText) -> Iterator[bytes]:
        """Stream the requests of a shard, a line each; of one that was kept, from memory."""
        if shard.start is None:
            return filter(None, self.kept_lines(shard.blob))
        return filter(None, split_lines(self._work.chunks(names.frozen_input(key), shard.start, shard.size)))

    def shard_stream(self, key: str, shard: ShardText) -> IOBase:
        """Open a shard of a file as a file; a small one is read at once."""
        if shard.start is None and shard.size <= BLOCK_BYTES:
            return BytesIO(self.read(shard.blob))
        if shard.start is None:
            return BlobStream(self._work, shard.blob, shard.size)
        return BlobStream(self._work, names.frozen_input(key), shard.size, start=shard.start)

    def give_own_blob(self, key: str, shard: ShardText) -> None:
        """Make sure that a shard is a blob of its own, for who cannot read a part of one."""
        if shard.start is None or self.size(shard.blob) == shard.size:
            return
        with self._work.writer(shard.blob) as blob:
            for piece in self._work.chunks(names.frozen_input(key), shard.start, shard.size):
                blob.write(piece)

    def copy_aside(self, source: str, blob: str) -> str:
        """Copy a blob to one that is not touched any more, unless that was done; gives the copy's status."""
        try:
            return self._work.copy_from(
                self._work, source, blob, metadata={"copy_of": quote(source)}, if_absent=True
            )
        except ConflictError:
            return self._work.entry(blob).copy_status or "success"

    def source(self, blob: str, size: int, opened: Iterator[bytes] | None = None) -> BlobSource:
        """Give a blob to the readers of file formats; `opened`: a download that has begun already."""
        return BlobSource(self._work, blob, size, opened)

    def writer(self, blob: str) -> BlobWriter:
        """Open a blob for streaming."""
        return self._work.writer(blob)

    def lazy_writer(self, blob: str) -> LazyWriter:
        """Open a blob for streaming that is not written at all when nothing comes."""
        return self._work.lazy_writer(blob)

    def outcomes(self, key: str, shard: str) -> Iterator[ShardOutcome]:
        """Stream a shard's outcomes."""
        return outcomes_from(self.lines(names.outcomes(key, shard)))

    def answers(self, key: str, shard: str, attempt: int) -> Iterator[ShardOutcome]:
        """Stream the outcomes of a shard of which the answers alone were kept."""
        return (
            ShardOutcome(
                custom_id=custom_id_of(line), outcome=Outcome.OK, attempts=attempt, answer=msgspec.Raw(line)
            )
            for line in self.lines(names.answers(key, shard))
        )

    def purge(self, blob: str) -> None:
        """Delete a blob; one that is gone already is what was wanted."""
        with suppress(NotFoundError):
            self._work.delete(blob)
