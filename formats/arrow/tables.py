"""Files whose columns have types, parquet and Arrow: their batches become rows."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import pyarrow as pa

from domain.errors import InputFileError
from formats.arrow.files import RangeFile, unreadable
from formats.arrow.ipc import ArrowFile
from formats.arrow.parquet import ParquetFile
from formats.arrow.values import BatchReader
from formats.file_types import Format
from formats.rows import BadRow, Row
from formats.source import Source
from formats.text.delimited import checked_names

Opened = tuple[tuple[str, ...], Iterator[Row | BadRow], Mapping[str, pa.DataType]]


class BatchFile(Protocol):
    """A file that gives record batches."""

    what: str  # the format's name, for messages
    code: str  # of InputFileError when the file is damaged
    range_file: RangeFile
    schema: pa.Schema
    intervals: frozenset[str]  # columns of intervals whose type does not say so

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Give all rows of some columns."""


def open_batches(source: Source, file_format: Format, wanted: frozenset[str] | None = None) -> BatchFile:
    """Open a typed file, to read all or the wanted columns. Raises InputFileError."""
    return ParquetFile(source, wanted) if file_format is Format.PARQUET else ArrowFile(source)


def open_typed(file: BatchFile, wanted: frozenset[str] | None) -> Opened:
    """Give columns, rows and types. Raises InputFileError, while the rows are gone through as well."""
    with unreadable(file.range_file, file.what, file.code):
        columns = checked_names(file.schema.names)
        stored = dict(zip(columns, file.schema.types, strict=True))
        chosen = [name for name in columns if wanted is None or name in wanted]
        reader = BatchReader(chosen, [stored[name] for name in chosen], file.intervals)
        types = stored | dict.fromkeys(file.intervals.intersection(columns), pa.string())
    return columns, _rows(file, chosen, reader), types


def _rows(file: BatchFile, chosen: list[str], reader: BatchReader) -> Iterator[Row | BadRow]:
    for first, batch in numbered_batches(file, chosen):
        yield from reader.rows(batch, first)


def numbered_batches(file: BatchFile, columns: list[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Give batches with the number of their first row; closes the file. Raises InputFileError, which says after which row."""
    batches, number = file.batches(columns), 0
    try:
        while True:
            with _after(number), unreadable(file.range_file, file.what, file.code):
                batch = next(batches, None)
            if batch is None:
                return
            yield number, batch
            number += batch.num_rows
    finally:
        file.range_file.close()


@contextmanager
def _after(rows: int) -> Iterator[None]:
    try:
        yield
    except InputFileError as error:
        raise InputFileError(f"After {rows} rows: {error}", code=error.code) from error
