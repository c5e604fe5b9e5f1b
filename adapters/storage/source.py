"""A frozen input as the file formats want it: as a stream from its start, or as a seekable file."""

from collections.abc import Iterator

from adapters.storage.blobs import Container
from adapters.storage.stream import BlobStream

RANGE_BYTES = 256 * 1024  # of a file that is read here and there; larger ones are mostly thrown away


class BlobSource:
    """One blob, opened as often as it is read. `opened` is a download from its start that is under way already."""

    def __init__(
        self, container: Container, name: str, size: int, opened: Iterator[bytes] | None = None
    ) -> None:
        self._container, self._name, self._opened = container, name, opened
        self.size = size  # bytes

    def chunks(self) -> Iterator[bytes]:
        """Stream the content in pieces of at most BLOCK_BYTES."""
        opened, self._opened = self._opened, None
        return self._container.chunks(self._name) if opened is None else opened

    def open(self) -> BlobStream:
        """Open the content as a file that fetches the ranges it is asked for."""
        return BlobStream(self._container, self._name, self.size, least_bytes=RANGE_BYTES)
