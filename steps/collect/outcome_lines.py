"""The outcomes of a shard on their way to where they are kept: in its ledger where they are few, else in a blob.

Why: docs/decisions/0016-what-is-kept-counts-where-storage-agrees.md
"""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from adapters.storage.blobs import BlobWriter
from adapters.storage.line_writer import LineWriter

# The ledger is read as a whole, also by people who look at the file.
MOST_BYTES_IN_LEDGER = 32 * 1024


class OutcomeLines:
    """Takes a shard's outcomes line by line. `before_blob` is called before a blob is written."""

    def __init__(self, blob: BlobWriter, before_blob: Callable[[], None]) -> None:
        self._blob, self._before_blob = blob, before_blob
        self._lines = LineWriter(blob)

    def add(self, line: bytes) -> None:
        """Add one outcome."""
        self._lines.add(line)

    def close(self) -> bytes | None:
        """Give the lines that go into the ledger; None where they lie in the blob now."""
        self._lines.flush()
        whole = self._blob.whole
        if whole is not None and len(whole) <= MOST_BYTES_IN_LEDGER:
            return whole
        self._before_blob()
        self._blob.close()
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._blob.abandon()
