"""Blobs of the work container that are streamed: shards, outcomes, error records of bad lines, answers of the service."""

from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import quote

import msgspec

from adapters.storage.blobs import BlobWriter, Container, LazyWriter
from adapters.storage.source import BlobSource
from adapters.storage.stream import BlobStream
from adapters.work.chain import recall, remember
from domain import names
from domain.errors import ConflictError, NotFoundError
from domain.service.outcomes import ShardOutcome
from domain.service.request_lines import split_lines

_decode_outcome = msgspec.json.Decoder(ShardOutcome).decode


class WorkBlobs:
    """Streams of the work container, by blob name. Raises NotFoundError for what is not there."""

    def __init__(self, work: Container) -> None:
        self._work = work

    def lines(self, blob: str) -> Iterator[bytes]:
        """Stream a blob line by line."""
        return split_lines(self._work.chunks(blob))

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
        name = names.outcomes(key, shard)
        known = recall(name)
        lines = self.lines(name) if known is None else split_lines(iter([known]))
        return (_decode_outcome(line) for line in lines)

    def remember(self, blob: str, written: BlobWriter) -> None:
        """Keep what was written into a small blob for the calls of this chain that come next."""
        if written.whole is not None:
            remember(blob, written.whole)

    def purge(self, blob: str) -> None:
        """Delete a blob; one that is gone already is what was wanted."""
        with suppress(NotFoundError):
            self._work.delete(blob)
