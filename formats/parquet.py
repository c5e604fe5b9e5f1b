"""Read parquet: a few rows at a time, pages as they are needed, whatever the size of the row groups."""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from domain.errors import InputFileError
from formats.arrow_files import RangeFile, unreadable
from formats.arrow_values import ROWS_AT_ONCE, rows_of
from formats.delimited import checked_names
from formats.rows import BadRow, Row
from formats.source import Source

BATCH_BYTES = 8 * 1024 * 1024
BUFFERS_BYTES = 64 * 1024 * 1024  # of all columns together
LARGEST_BUFFER_BYTES = 4 * 1024 * 1024  # what storage gives in one call
SMALLEST_BUFFER_BYTES = 16 * 1024

Opened = tuple[tuple[str, ...], Iterator[Row | BadRow], Mapping[str, pa.DataType]]


def open_parquet(source: Source, wanted: frozenset[str] | None) -> Opened:
    """Give columns, rows and types. Raises InputFileError: `bad_parquet`, `encrypted`, `bad_header`."""
    range_file = RangeFile(source)
    with unreadable(range_file, "parquet", "bad_parquet"):
        metadata = pq.read_metadata(range_file)
        leaves = max(1, metadata.num_columns)
        buffer = min(LARGEST_BUFFER_BYTES, max(SMALLEST_BUFFER_BYTES, BUFFERS_BYTES // leaves))
        parquet = pq.ParquetFile(range_file, metadata=metadata, buffer_size=buffer, pre_buffer=False)
        schema = parquet.schema_arrow
        names, types = list(schema.names), list(schema.types)
    columns = checked_names(names)
    chosen = [name for name in columns if wanted is None or name in wanted]
    return columns, _rows(parquet, range_file, chosen), dict(zip(columns, types, strict=True))


def _rows(parquet: pq.ParquetFile, range_file: RangeFile, chosen: list[str]) -> Iterator[Row | BadRow]:
    number = 0
    try:
        batches = _batches(parquet, range_file, chosen)
        while True:
            with unreadable(range_file, "parquet", "bad_parquet"):
                batch = next(batches, None)
            if batch is None:
                break
            yield from rows_of(batch, number)
            number += batch.num_rows
    except InputFileError as error:
        raise InputFileError(f"After {number} rows: {error}", code=error.code) from error
    finally:
        range_file.close()
    if number != parquet.metadata.num_rows:
        message = f"The file says it has {parquet.metadata.num_rows} rows; only {number} are there."
        raise InputFileError(message, code="bad_parquet")


def _batches(parquet: pq.ParquetFile, range_file: RangeFile, chosen: list[str]) -> Iterator[pa.RecordBatch]:
    for group in range(parquet.metadata.num_row_groups):
        with unreadable(range_file, "parquet", "bad_parquet"):
            rows_at_once = _rows_at_once(parquet.metadata.row_group(group))
        # Threads would decode columns side by side, slower for small batches, and hold more at a time.
        for batch in parquet.iter_batches(
            rows_at_once, row_groups=[group], columns=chosen, use_threads=False
        ):
            yield batch.select(chosen)  # a column `a` brings others whose path begins with `a.`


def _rows_at_once(group: Any) -> int:
    """Say how many rows of a row group take BATCH_BYTES, by what the group says about itself."""
    row_bytes = group.total_byte_size / max(1, group.num_rows)
    return int(max(1, min(ROWS_AT_ONCE, BATCH_BYTES / max(1.0, row_bytes))))
