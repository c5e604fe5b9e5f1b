"""Parquet as batches: a few rows at a time, pages as they are needed, whatever the size of the row groups."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from domain.errors import InputFileError
from formats.arrow.files import RangeFile, unreadable
from formats.arrow.values import ROWS_AT_ONCE
from formats.source import Source

BATCH_BYTES = 8 * 1024 * 1024
# Of all columns that are read together; each holds a page or two beside its buffer.
BUFFERS_BYTES = 32 * 1024 * 1024
LARGEST_BUFFER_BYTES = 4 * 1024 * 1024
SMALLEST_BUFFER_BYTES = 256 * 1024


class ParquetFile:
    """A parquet file, or some columns of it. Raises InputFileError: `bad_parquet`, `encrypted`."""

    what, code = "parquet", "bad_parquet"

    def __init__(self, source: Source, wanted: frozenset[str] | None = None) -> None:
        self.range_file = RangeFile(source)
        with unreadable(self.range_file, self.what, self.code):
            metadata = pq.read_metadata(self.range_file)
            leaves = max(1, _leaves(metadata, wanted))
            buffer = min(LARGEST_BUFFER_BYTES, max(SMALLEST_BUFFER_BYTES, BUFFERS_BYTES // leaves))
            self._file = pq.ParquetFile(
                self.range_file,
                metadata=metadata,
                buffer_size=buffer,
                pre_buffer=False,
                page_checksum_verification=True,
            )
            self._rows: int = metadata.num_rows
            self.schema: pa.Schema = self._file.schema_arrow
            self.intervals = _intervals(metadata)

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Give all rows of some columns."""
        found = 0
        for group in range(self._file.metadata.num_row_groups):
            rows_at_once = _rows_at_once(self._file.metadata.row_group(group))
            # Threads would decode columns side by side: slower for small batches, and more is held at a time.
            for batch in self._file.iter_batches(
                rows_at_once, row_groups=[group], columns=columns, use_threads=False
            ):
                found += batch.num_rows
                yield batch.select(columns)  # a column `a` brings others whose path begins with `a.`
        if found != self._rows:
            message = f"The file says it has {self._rows} rows; {found} are there."
            raise InputFileError(message, code=self.code)


def _intervals(metadata: Any) -> frozenset[str]:
    """Name the columns that hold intervals: pyarrow does not know that type, and gives their bytes."""
    columns = (metadata.schema.column(number) for number in range(metadata.num_columns))
    return frozenset(column.path for column in columns if column.converted_type == "INTERVAL")


def _leaves(metadata: Any, wanted: frozenset[str] | None) -> int:
    """Count the columns that are stored for the ones that are wanted: a struct has one for each of its fields."""
    if wanted is None:
        return int(metadata.num_columns)
    paths = (metadata.schema.column(number).path for number in range(metadata.num_columns))
    return sum(path in wanted or path.partition(".")[0] in wanted for path in paths)


def _rows_at_once(group: Any) -> int:
    """Say how many rows of a row group take BATCH_BYTES, by what the group says about itself."""
    row_bytes = group.total_byte_size / max(1, group.num_rows)
    return int(max(1, min(ROWS_AT_ONCE, BATCH_BYTES / max(1.0, row_bytes))))
