"""Results that were written before, read to be written again with others: row by row, in each of the four formats."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from domain.errors import InputFileError
from domain.service.request_lines import split_lines
from formats.allowance import Allowance
from formats.file_types import Format
from formats.rows import BadRow, Row
from formats.source import Source
from formats.text.decoding import utf8_chunks

if TYPE_CHECKING:
    import pyarrow as pa

_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode

Record = Mapping[str, Any]


class WrittenResults(msgspec.Struct, frozen=True):
    """Results opened again. `columns`: None for JSON lines, where each has its own. `types`: those of parquet."""

    format: str
    columns: Sequence[str] | None
    records: Iterator[Record]
    types: "Mapping[str, pa.DataType] | None" = None


class ResultsSink(Protocol):
    """Takes records in their order."""

    def add(self, record: Record, /) -> None:
        """Add one."""

    def close(self) -> None:
        """Write what is not written yet."""


def open_written(source: Source, form: str) -> WrittenResults:
    """Open results; values of csv are texts, those of JSON lines raw JSON. Raises InputFileError for what was not written by us."""
    match form:
        case "jsonl":
            return WrittenResults(form, None, map(_decode, filter(None, split_lines(source.chunks()))))
        case "csv":
            return _written_csv(source)
        case "xlsx":
            from formats.xlsx_reading import open_workbook  # noqa: PLC0415 - rarely needed

            return WrittenResults(form, *open_workbook(source))
        case _:
            return _written_parquet(source)


def _written_csv(source: Source) -> WrittenResults:
    reader = csv.reader(_lines(source.chunks()), strict=True)
    columns = next(reader, [])
    return WrittenResults("csv", columns, (dict(zip(columns, fields, strict=False)) for fields in reader))


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Cut text into lines that keep their ends: a field may hold line ends of any kind."""
    for line in split_lines(utf8_chunks(chunks, "utf-8-sig")):
        yield line.decode() + "\n"


def _written_parquet(source: Source) -> WrittenResults:
    from formats.arrow.tables import open_batches, open_typed  # noqa: PLC0415 - loads pyarrow

    columns, blocks, types = open_typed(open_batches(source, Format.PARQUET), None, Allowance())
    return WrittenResults("parquet", columns, map(_values, chain.from_iterable(blocks)), types)


def _values(item: Row | BadRow) -> Record:
    if isinstance(item, Row):
        return item.values
    raise InputFileError("A row of the results cannot be read.", code="bad_parquet")
