"""Read Arrow: the file format, which feather is too, and the stream format. Record batches are held one at a time."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.types as kinds

from domain.errors import InputFileError
from formats.arrow_files import RangeFile, unreadable
from formats.arrow_values import rows_of
from formats.delimited import checked_names
from formats.parquet import Opened
from formats.rows import BadRow, Row
from formats.source import Source

FILE_MAGIC = b"ARROW1"
FEATHER_1_MAGIC = b"FEA1"
END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"


def open_arrow(source: Source, wanted: frozenset[str] | None) -> Opened:
    """Give columns, rows and types. Raises InputFileError: `bad_arrow`, `part_too_large`, `bad_header`."""
    range_file = RangeFile(source)
    magic = range_file.read(len(FILE_MAGIC))
    if magic.startswith(FEATHER_1_MAGIC):
        raise InputFileError("The file is Feather version 1; write it as version 2.", code="bad_arrow")
    is_file = magic == FILE_MAGIC
    if not is_file:
        _demand_an_end(range_file, source.size)
    range_file.seek(0)
    with unreadable(range_file, "Arrow", "bad_arrow"):
        options = pa.ipc.IpcReadOptions(use_threads=False)
        reader = (pa.ipc.open_file if is_file else pa.ipc.open_stream)(range_file, options=options)
        names, types = list(reader.schema.names), list(reader.schema.types)
    columns = checked_names(names)
    chosen = [name for name in columns if wanted is None or name in wanted]
    batches = _file_batches(reader) if is_file else iter(reader)
    return columns, _rows(batches, range_file, chosen), dict(zip(columns, types, strict=True))


def _demand_an_end(range_file: RangeFile, size: int) -> None:
    """Refuse a stream without its end mark: cut off between two batches it would look whole."""
    range_file.seek(max(0, size - len(END_OF_STREAM)))
    if range_file.read(len(END_OF_STREAM)) != END_OF_STREAM:
        message = (
            "The file is neither an Arrow file nor a whole Arrow stream: the mark at its end is missing."
        )
        raise InputFileError(message, code="bad_arrow")


def _file_batches(reader: pa.ipc.RecordBatchFileReader) -> Iterator[pa.RecordBatch]:
    return (reader.get_batch(number) for number in range(reader.num_record_batches))


def _rows(
    batches: Iterator[pa.RecordBatch], range_file: RangeFile, chosen: list[str]
) -> Iterator[Row | BadRow]:
    number = 0
    try:
        while True:
            with unreadable(range_file, "Arrow", "bad_arrow"):
                batch = next(batches, None)
                if batch is None:
                    return
                _validate(batch)
                batch = batch.select(chosen)
            yield from rows_of(batch, number)
            number += batch.num_rows
    except InputFileError as error:
        raise InputFileError(f"After {number} rows: {error}", code=error.code) from error
    finally:
        range_file.close()


def _validate(batch: pa.RecordBatch) -> None:
    """Check lengths and offsets: what a damaged file says of them would be believed, and crash the process.

    Text that is no UTF-8 passes: it costs its row.
    """
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        columns = [_as_bytes(column) for column in batch.columns]
        pa.RecordBatch.from_arrays(columns, names=batch.schema.names).validate(full=True)


def _as_bytes(column: pa.Array) -> pa.Array:
    if kinds.is_string(column.type):
        return column.view(pa.binary())
    return column.view(pa.large_binary()) if kinds.is_large_string(column.type) else column
