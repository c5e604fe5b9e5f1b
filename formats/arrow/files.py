"""What parquet and Arrow files share: ranges read through pyarrow, and its errors told from those of the storage."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyarrow as pa

from domain.bounds import refuse_page
from domain.errors import InputFileError
from formats.allowance import Allowance
from formats.source import Source

BUFFER_BYTES = 64 * 1024


class RangeFile:
    """A source as the file that pyarrow wants. Remembers what went wrong while reading: that is not the file's fault.

    `watch` is told of each piece, with its position, before pyarrow is.
    """

    def __init__(self, source: Source, allowance: Allowance) -> None:
        self._file = io.BufferedReader(source.open(), BUFFER_BYTES)
        self._size = source.size
        self._allowance = allowance
        self.watch: Callable[[int, bytes], None] = _ignored
        self.failure: Exception | None = None
        self.closed = False

    def read(self, length: int = -1) -> bytes:
        """Read as many bytes as are asked for, or as there are."""
        try:
            position = self._file.tell()
            left = self._size - position
            wanted = left if length < 0 else min(length, left)
            most = self._allowance.bounds.page_bytes
            if wanted > most:
                refuse_page(wanted, most, "A part of the file")
            content = self._file.read(max(0, wanted))
            self._allowance.check_time()
            self.watch(position, content)
            return content  # noqa: TRY300 - what is told of it may raise
        except Exception as error:
            self.failure = error
            raise

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Give the position."""
        return self._file.tell()

    def close(self) -> None:
        """Close the source."""
        self.closed = True
        self._file.close()


def _ignored(_position: int, _content: bytes) -> None:
    """See nothing in what is read."""


@contextmanager
def unreadable(file: RangeFile, what: str, code: str) -> Iterator[None]:
    """Turn what pyarrow has to say about a damaged file into InputFileError; `what` names the format."""
    try:
        yield
    except MemoryError as error:  # pyarrow's as well
        message = (
            "A part of the file takes more memory than a process may have (MAX_MEMORY_BYTES_PER_FILE). Write it with smaller "
            "pages, batches or row groups."
        )
        raise InputFileError(message, code="part_too_large") from error
    except (pa.ArrowException, OSError, ValueError, ArithmeticError, KeyError, TypeError) as error:
        if file.failure:
            raise file.failure from error
        reason = str(error).strip().split("\n", 1)[0].rstrip(".")[:300] or type(error).__name__
        if "crypt" in reason.lower():
            message = f"The file is encrypted {what}; encrypted files are not read ({reason})."
            raise InputFileError(message, code="encrypted") from error
        if "more than 64 bits" in reason:
            message = (
                "The file has whole numbers of 128 bits (Int128 of polars, for instance), which are not read. Cast them to "
                "decimals of 38 digits or to text before writing."
            )
            raise InputFileError(message, code="unread_type") from error
        raise InputFileError(f"The file cannot be read as {what}: {reason}.", code=code) from error
