"""Write results again that come from several files of results, in the format of the first."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from formats.sinks import Sink
from formats.text.csv_results import CsvResults
from formats.written_results import Record, ResultsSink, WrittenResults
from formats.xlsx_results import XlsxResults

if TYPE_CHECKING:
    import pyarrow as pa

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def open_joined(sink: Sink, form: str, opened: Sequence[WrittenResults]) -> ResultsSink:
    """Open a file for the records of several; it has all their columns. The sink is not closed."""
    if form == "jsonl":
        return _Lines(sink)
    columns = list(dict.fromkeys(column for results in opened for column in results.columns or ()))
    if form == "parquet":
        from formats.arrow.results import ParquetRecords  # noqa: PLC0415 - loads pyarrow

        return _Plain(ParquetRecords(sink, _schema(columns, opened), once=""))
    return _Plain(CsvResults(sink, columns) if form == "csv" else XlsxResults(sink, columns))


def _schema(columns: Sequence[str], opened: Sequence[WrittenResults]) -> "pa.Schema":
    """Give each column the type that it has everywhere, else the one that holds all of its values."""
    import pyarrow as pa  # noqa: PLC0415 - slow to load

    def kind(column: str) -> pa.DataType:
        kinds = list(dict.fromkeys(found for of in opened if of.types and (found := of.types.get(column))))
        if len(kinds) == 1:
            return kinds[0]
        are_numbers = kinds and all(pa.types.is_integer(one) or pa.types.is_floating(one) for one in kinds)
        return pa.float64() if are_numbers else pa.string()

    return pa.schema([(column, kind(column)) for column in columns])


class _Lines:
    """JSON lines; what was raw JSON stays as it is."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def add(self, record: Record) -> None:
        self._sink.write(_encode(record) + b"\n")

    def close(self) -> None:
        """Have nothing left to write."""


class _Plain:
    """Records for a file that takes values, not raw JSON."""

    def __init__(self, records: ResultsSink) -> None:
        self._records = records

    def add(self, record: Record) -> None:
        self._records.add({name: _value(value) for name, value in record.items()})

    def close(self) -> None:
        self._records.close()


def _value(value: Any) -> Any:
    return _decode(value) if isinstance(value, msgspec.Raw) else value
