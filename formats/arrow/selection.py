"""Write some rows of a parquet or Arrow file again, with the very types and values they have there."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from formats.arrow.ipc import ArrowFile
from formats.arrow.tables import BatchFile, numbered_batches, open_batches
from formats.file_types import Format
from formats.rows import Row
from formats.sinks import ArrowSink, Sink
from formats.source import Source

ROW_GROUP_BYTES = 8 * 1024 * 1024  # in memory, before packing


class TypedSelection:
    """Remembers row numbers, 8 bytes each; `close` goes through the source once more. Raises InputFileError there."""

    def __init__(self, sink: Sink, source: Source, file_format: Format) -> None:
        self._sink, self._source, self._format = sink, source, file_format
        self._numbers = array("Q")

    def add(self, row: Row) -> None:
        """Choose a row; rows come in the order of their numbers."""
        self._numbers.append(row.number)

    def close(self) -> None:
        """Write the chosen rows."""
        if not self._numbers:
            return
        file = open_batches(self._source, self._format)
        chosen = _grouped(_chosen(file, self._numbers))
        target = ArrowSink(self._sink)
        if isinstance(file, ArrowFile):
            _write_arrow(chosen, target, file)
            return
        with pq.ParquetWriter(target, file.schema, compression="zstd") as writer:
            for table in chosen:
                writer.write_table(table)


def _chosen(file: BatchFile, numbers: "array[int]") -> Iterator[pa.RecordBatch]:
    for first, batch in numbered_batches(file, list(file.schema.names)):
        start, end = bisect_left(numbers, first), bisect_left(numbers, first + batch.num_rows)
        if start < end:
            yield _picked(batch, [number - first for number in numbers[start:end]])


def _picked(batch: pa.RecordBatch, positions: list[int]) -> pa.RecordBatch:
    try:
        return batch.take(pa.array(positions, pa.int64()))
    except pa.ArrowNotImplementedError:  # views, run-end encoding
        return pa.concat_batches([batch.slice(position, 1) for position in positions])


def _grouped(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Join batches until they make a row group."""
    held: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        held.append(batch)
        size += batch.nbytes
        if size >= ROW_GROUP_BYTES:
            yield pa.Table.from_batches(held)
            held, size = [], 0
    if held:
        yield pa.Table.from_batches(held)


def _write_arrow(tables: Iterator[pa.Table], target: ArrowSink, file: ArrowFile) -> None:
    """Write an Arrow file as the same kind of file: only a stream may exchange its dictionaries."""
    new = pa.ipc.new_stream if file.is_stream else pa.ipc.new_file
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
    with new(target, file.schema, options=options) as writer:
        for table in tables:
            writer.write_table(table)
