"""Parquet as batches: a few rows at a time, pages as they are needed, whatever the size of the row groups."""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from domain.errors import InputFileError
from formats.allowance import Allowance
from formats.arrow.files import RangeFile, unreadable
from formats.arrow.page_watch import Leaf, PageWatch, SmallerBatchesError
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

    def __init__(self, source: Source, allowance: Allowance, wanted: frozenset[str] | None = None) -> None:
        self._allowance = allowance
        self.range_file = RangeFile(source, allowance)
        with unreadable(self.range_file, self.what, self.code):
            metadata = pq.read_metadata(self.range_file)
            leaves = max(1, _leaves(metadata, wanted))
            largest = min(LARGEST_BUFFER_BYTES, allowance.bounds.page_bytes)
            buffer = min(largest, max(SMALLEST_BUFFER_BYTES, BUFFERS_BYTES // leaves))
            self._file = pq.ParquetFile(
                self.range_file,
                metadata=metadata,
                buffer_size=buffer,
                pre_buffer=False,
                page_checksum_verification=True,
            )
            self._rows: int = metadata.num_rows
            allowance.check_rows(self._rows)
            self.schema: pa.Schema = self._file.schema_arrow
            self.intervals = _intervals(metadata)

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Give all rows of some columns."""
        found = 0
        for group in range(self._file.metadata.num_row_groups):
            for batch in self._batches_of(group, columns):
                found += batch.num_rows
                yield batch.select(columns)  # a column `a` brings others whose path begins with `a.`
        if found != self._rows:
            message = f"The file says it has {self._rows} rows; {found} are there."
            raise InputFileError(message, code=self.code)

    def _batches_of(self, number: int, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Give the rows of a row group, as many at once as fit: as it turns out to hold large values, once more with fewer."""
        metadata = self._file.metadata
        group = metadata.row_group(number)
        places, schema = _places(metadata, columns), metadata.schema
        rows_at_once, done = _rows_at_once(group, [schema.column(place) for place in places]), 0
        while True:
            watch = PageWatch(
                lambda: [Leaf(group.column(place), schema.column(place)) for place in places],
                group.num_rows,
                rows_at_once,
                self._allowance,
            )
            self.range_file.watch = watch.saw
            # Threads would decode columns side by side: slower for small batches, and more is held at a time.
            batches = self._file.iter_batches(
                rows_at_once, row_groups=[number], columns=columns, use_threads=False
            )
            left = done  # of the rows that were given before
            try:
                for batch in batches:
                    fresh = batch.slice(min(left, batch.num_rows))
                    left -= batch.num_rows - fresh.num_rows
                    done += fresh.num_rows
                    if fresh.num_rows:
                        yield fresh
            except (pa.ArrowException, OSError, SmallerBatchesError):
                smaller, self.range_file.failure = self.range_file.failure, None
                if not isinstance(smaller, SmallerBatchesError):
                    self.range_file.failure = smaller
                    raise
                rows_at_once = min(smaller.rows, rows_at_once // 2 or 1)
            else:
                return


def _intervals(metadata: Any) -> frozenset[str]:
    """Name the columns that hold intervals: pyarrow does not know that type, and gives their bytes."""
    columns = (metadata.schema.column(number) for number in range(metadata.num_columns))
    return frozenset(column.path for column in columns if column.converted_type == "INTERVAL")


def _leaves(metadata: Any, wanted: frozenset[str] | None) -> int:
    """Count the columns that are stored for the ones that are wanted: a struct has one for each of its fields."""
    return int(metadata.num_columns) if wanted is None else len(_places(metadata, wanted))


def _places(metadata: Any, wanted: Collection[str]) -> list[int]:
    """Give the numbers of the columns that are stored for the ones that are wanted."""
    chosen = frozenset(wanted)
    paths = [metadata.schema.column(number).path for number in range(metadata.num_columns)]
    return [number for number, path in enumerate(paths) if path in chosen or path.partition(".")[0] in chosen]


def _rows_at_once(group: Any, columns: Iterable[Any]) -> int:
    """Say how many rows of a row group take BATCH_BYTES, by what the group says about itself."""
    # A value of a fixed length takes it even where it is null.
    fixed = sum(max(0, column.length) for column in columns)
    row_bytes = max(fixed, group.total_byte_size / max(1, group.num_rows))
    return int(max(1, min(ROWS_AT_ONCE, BATCH_BYTES / max(1.0, row_bytes))))
