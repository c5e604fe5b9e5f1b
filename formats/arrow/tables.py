"""Files whose columns have types, parquet and Arrow: their batches become rows."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Protocol

import pyarrow as pa

from domain.errors import InputFileError
from formats.allowance import Allowance
from formats.arrow.files import RangeFile, unreadable
from formats.arrow.ipc import ArrowFile
from formats.arrow.parquet import ParquetFile
from formats.arrow.values import BatchReader
from formats.file_types import Format
from formats.rows import Rows
from formats.source import Source
from formats.text.delimited import checked_names

Opened = tuple[tuple[str, ...], Iterator[Rows], Mapping[str, pa.DataType]]


class BatchFile(Protocol):
    """A file that gives record batches."""

    what: str  # the format's name, for messages
    code: str  # of InputFileError when the file is damaged
    range_file: RangeFile
    schema: pa.Schema
    intervals: frozenset[str]  # columns of intervals whose type does not say so

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Give all rows of some columns."""


def open_batches(
    source: Source,
    file_format: Format,
    wanted: frozenset[str] | None = None,
    allowance: Allowance | None = None,
) -> BatchFile:
    """Open a typed file, to read all or the wanted columns. Raises InputFileError; what the allowance raises, later as well."""
    allowance = allowance or Allowance()
    is_parquet = file_format is Format.PARQUET
    return ParquetFile(source, allowance, wanted) if is_parquet else ArrowFile(source, allowance)


def open_typed(file: BatchFile, wanted: frozenset[str] | None, allowance: Allowance) -> Opened:
    """Give columns, rows and types. Raises InputFileError, while the rows are gone through as well."""
    with unreadable(file.range_file, file.what, file.code):
        columns = checked_names(file.schema.names)
        stored = dict(zip(columns, file.schema.types, strict=True))
        chosen = [name for name in columns if wanted is None or name in wanted]
        most = allowance.bounds.value_bytes
        reader = BatchReader(chosen, [stored[name] for name in chosen], file.intervals, most)
        types = stored | dict.fromkeys(file.intervals.intersection(columns), pa.string())
    return columns, _blocks(file, chosen, reader, allowance), types


def _blocks(file: BatchFile, chosen: list[str], reader: BatchReader, allowance: Allowance) -> Iterator[Rows]:
    for first, batch in numbered_batches(file, chosen):
        allowance.check_rows(first + batch.num_rows)
        allowance.take(batch.nbytes)
        yield from reader.blocks(batch, first)


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
