"""What parquet and Arrow files share: ranges read through pyarrow, and its errors told from those of the storage."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from domain.errors import InputFileError
from formats.source import Source

MAX_READ_BYTES = 256 * 1024 * 1024  # one record batch, one page; what asks for more is broken or will not fit
BUFFER_BYTES = 64 * 1024


class RangeFile:
    """A source as the file that pyarrow wants. Remembers what went wrong while reading: that is not the file's fault."""

    def __init__(self, source: Source) -> None:
        self._file = io.BufferedReader(source.open(), BUFFER_BYTES)
        self._size = source.size
        self.failure: Exception | None = None
        self.closed = False

    def read(self, length: int = -1) -> bytes:
        """Read as many bytes as are asked for, or as there are."""
        try:
            left = self._size - self._file.tell()
            wanted = left if length < 0 else min(length, left)
            if wanted > MAX_READ_BYTES:
                message = (
                    f"A part of {wanted:,} bytes has to be read whole; at most {MAX_READ_BYTES:,} can be. "
                    "Write the file in smaller batches or row groups."
                )
                raise InputFileError(message, code="part_too_large")  # noqa: TRY301 - kept like any other
            return self._file.read(max(0, wanted))
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


@contextmanager
def unreadable(file: RangeFile, what: str, code: str) -> Iterator[None]:
    """Turn what pyarrow has to say about a damaged file into InputFileError; `what` names the format."""
    try:
        yield
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
