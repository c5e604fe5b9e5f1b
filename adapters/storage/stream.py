"""A blob as a readable, seekable file: what an SDK wants for an upload, without the blob in memory."""

import io

from adapters.storage.blobs import BLOCK_BYTES, Container


class BlobStream(io.RawIOBase):
    """Reads a blob, or `size` bytes of it from `start`, in ranges, keeping the last one. The blob must not change meanwhile.

    A range has `least_bytes`, or what is asked for when that is more. Who reads on from where it stopped wants large ones
    (BLOCK_BYTES, the default); who jumps about, as parquet does from column to column, throws most of them away.
    """

    def __init__(
        self, container: Container, name: str, size: int, least_bytes: int | None = None, *, start: int = 0
    ) -> None:
        super().__init__()
        self._start = start
        self._container, self._name, self._size = container, name, size
        self._least_bytes = BLOCK_BYTES if least_bytes is None else least_bytes
        self._position = 0
        self._block_start, self._block = 0, b""

    def readable(self) -> bool:  # noqa: D102 - io.RawIOBase says what it is
        return True

    def seekable(self) -> bool:  # noqa: D102
        return True

    def tell(self) -> int:  # noqa: D102
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:  # noqa: D102
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # noqa: D102
        piece = self._piece(len(buffer))
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _piece(self, wanted: int) -> bytes:
        """Give up to `wanted` bytes at the position, from the block in hand or a fresh one."""
        start = self._position - self._block_start
        if not 0 <= start < len(self._block):
            if self._position >= self._size:
                return b""
            self._block_start, start = self._position, 0
            length = min(max(wanted, self._least_bytes), self._size - self._position)
            self._block = self._container.read_range(self._name, self._start + self._position, length)
        return self._block[start : start + wanted]
