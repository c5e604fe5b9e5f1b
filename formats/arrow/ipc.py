"""Arrow as batches: the file format, which feather is too, and the stream format. Batches are held one at a time."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.types as kinds

from domain.errors import InputFileError
from formats.allowance import Allowance
from formats.arrow.files import RangeFile, unreadable
from formats.arrow.message_watch import MessageWatch
from formats.source import Source

FILE_MAGIC = b"ARROW1"
FEATHER_1_MAGIC = b"FEA1"
END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"


class ArrowFile:
    """An Arrow file or stream. Raises InputFileError: `bad_arrow`, `part_too_large`."""

    what, code = "Arrow", "bad_arrow"
    intervals: frozenset[str] = frozenset()  # have a type of their own here

    def __init__(self, source: Source, allowance: Allowance) -> None:
        self.range_file = RangeFile(source, allowance)
        magic = self.range_file.read(len(FILE_MAGIC))
        if magic.startswith(FEATHER_1_MAGIC):
            raise InputFileError("The file is Feather version 1; write it as version 2.", code=self.code)
        self.is_stream = magic != FILE_MAGIC
        if self.is_stream:
            self._demand_an_end(source.size)
        self.range_file.seek(0)
        with unreadable(self.range_file, self.what, self.code):
            options = pa.ipc.IpcReadOptions(use_threads=False)
            opened = pa.ipc.open_stream if self.is_stream else pa.ipc.open_file
            self._reader = opened(self.range_file, options=options)
            self.schema: pa.Schema = self._reader.schema
        self.range_file.watch = MessageWatch(allowance, is_stream=self.is_stream).saw

    def _demand_an_end(self, size: int) -> None:
        """Refuse a stream without its end mark: cut off between two batches it would look whole."""
        self.range_file.seek(max(0, size - len(END_OF_STREAM)))
        if self.range_file.read(len(END_OF_STREAM)) != END_OF_STREAM:
            message = (
                "The file is neither an Arrow file nor a whole Arrow stream: the mark at its end is missing."
            )
            raise InputFileError(message, code=self.code)

    def batches(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        """Give all rows of some columns."""
        for batch in self._reader if self.is_stream else self._batches_of_a_file():
            _validate(batch)
            yield batch.select(columns)

    def _batches_of_a_file(self) -> Iterator[pa.RecordBatch]:
        return (self._reader.get_batch(number) for number in range(self._reader.num_record_batches))


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
