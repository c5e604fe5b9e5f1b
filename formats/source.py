"""What a reader needs of a file, wherever it lies."""

import io
from collections.abc import Iterator
from typing import Protocol


class Source(Protocol):
    """The content of one file. It must not change while it is read.

    Errors of the place where the file lies pass through the readers as they are.
    """

    @property
    def size(self) -> int:
        """Bytes."""

    def chunks(self) -> Iterator[bytes]:
        """Stream the whole content from its start, in pieces of any size."""

    def open(self) -> io.RawIOBase:
        """Give the content as a readable, seekable file."""
