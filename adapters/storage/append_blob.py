"""A blob that grows at its end, each time only if the end is where the writer believes it to be."""

from collections.abc import Iterator
from contextlib import AbstractContextManager

from azure.core import MatchConditions
from azure.storage.blob import BlobClient

from adapters.storage.blobs import BLOCK_BYTES, Container
from domain.errors import ConflictError

MAX_APPEND_BYTES = 4 * 1024 * 1024  # in every service version ("Append Block", read 2026-11)
MAX_BLOCKS = 50_000  # of one append blob (same page)


class AppendBlob:
    """One append blob. `blocks` is how many appends it has had, as the last one was told."""

    def __init__(self, container: Container, name: str) -> None:
        self._container, self.name = container, name
        self.blocks = 0

    def create(self) -> None:
        """Create the blob, empty, unless it is there."""
        try:
            with self._blob() as blob:
                blob.create_append_blob(match_condition=MatchConditions.IfMissing)
        except ConflictError:
            return  # it is there already, which is all that was asked

    def append(self, content: bytes, *, position: int | None) -> None:
        """Add at most MAX_APPEND_BYTES at the end. Raises ConflictError when that is not at `position`; None: anywhere."""
        with self._blob() as blob:
            answer = blob.append_block(content, appendpos_condition=position)
            self.blocks = int(str(answer.get("blob_committed_block_count") or 0))

    def chunks(self, start: int) -> Iterator[bytes]:
        """Stream the bytes from `start` to the end there is now."""
        with self._blob() as blob:
            end = blob.get_blob_properties().size or 0
            for at in range(start, end, BLOCK_BYTES):
                length = min(BLOCK_BYTES, end - at)
                yield bytes(blob.download_blob(offset=at, length=length).readall())

    def read(self, start: int, length: int) -> bytes:
        """Read part of the blob."""
        return self._container.read_range(self.name, start, length)

    def _blob(self) -> AbstractContextManager[BlobClient]:
        return self._container._blob(self.name)  # noqa: SLF001 - the blob is part of the container
