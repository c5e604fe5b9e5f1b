"""Blobs of the work container that are streamed: shards, outcomes, error records of bad lines, answers of the service."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from urllib.parse import quote

import msgspec

from adapters.storage.blobs import BlobWriter, Container, LazyWriter
from adapters.storage.source import BlobSource
from adapters.storage.stream import BlobStream
from adapters.work.kept import KeptBlobs
from domain import names
from domain.errors import ConflictError, NotFoundError
from domain.service.outcomes import ShardOutcome
from domain.service.request_lines import split_lines

_decode_outcome = msgspec.json.Decoder(ShardOutcome).decode


def outcomes_from(lines: Iterable[bytes]) -> Iterator[ShardOutcome]:
    """Read outcomes from their lines."""
    return (_decode_outcome(line) for line in lines)


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

    def chunks(self, blob: str) -> Iterator[bytes]:
        """Stream a blob in pieces."""
        return self._work.chunks(blob)

    def size(self, blob: str) -> int | None:
        """Give a blob's size in bytes; None where there is none."""
        try:
            return self._work.entry(blob).size
        except NotFoundError:
            return None

    def copy_aside(self, source: str, blob: str) -> str:
        """Copy a blob to one that is not touched any more, unless that was done; gives the copy's status."""
        try:
            return self._work.copy_from(
                self._work, source, blob, metadata={"copy_of": quote(source)}, if_absent=True
            )
        except ConflictError:
            return self._work.entry(blob).copy_status or "success"

    def stream(self, blob: str, size: int) -> BlobStream:
        """Open a blob as a file."""
        return BlobStream(self._work, blob, size)

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

    def purge(self, blob: str) -> None:
        """Delete a blob; one that is gone already is what was wanted."""
        with suppress(NotFoundError):
            self._work.delete(blob)
