"""Open a file as a table: one way for all formats."""

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

import msgspec

from domain.errors import InputFileError
from formats.allowance import Allowance
from formats.file_types import BINARY, FileType, Format
from formats.rows import BadRow, Row, Rows
from formats.source import Source
from formats.text.decoding import MAX_LINE_CHARACTERS, known_encoding, text_chunks, utf8_chunks
from formats.text.delimited import DelimitedReader
from formats.text.json_documents import read_json, read_lines_of_json
from formats.text.layout import Layout
from formats.text.plain_text import COLUMN, read_lines

if TYPE_CHECKING:
    import pyarrow as pa

DELIMITERS = {Format.CSV: ",", Format.TSV: "\t"}


class Table(msgspec.Struct, frozen=True, dict=True):
    """A file opened as rows.

    `columns` are all columns of the file in their order; None for JSON, where each row has its own. `blocks` are its rows, some
    together; they can be gone through once, one block after the other, and going on raises InputFileError where the file
    turns out to be damaged. `types` are the columns' types in the formats that have types. `layout` is that of a text with
    delimiters, with the delimiter it turned out to have; `has_sep_line`: its first line named it.
    """

    columns: tuple[str, ...] | None
    blocks: Iterator[Rows]
    types: "Mapping[str, pa.DataType] | None" = None
    layout: Layout = Layout()
    has_sep_line: bool = False

    @cached_property
    def rows(self) -> Iterator[Row | BadRow]:
        """The rows of all blocks."""
        return chain.from_iterable(self.blocks)


def open_table(
    source: Source,
    file_type: FileType,
    *,
    encoding: str = "utf-8",
    layout: Layout = Layout(),  # noqa: B008 - frozen
    wanted: Collection[str] | None = None,
    allowance: Allowance | None = None,
) -> Table:
    """Open a file's rows as a stream.

    `encoding` is that of text formats, `layout` that of csv and tsv. `wanted` names the columns the caller looks at, so that
    others need not be decoded: rows may lack them. Reading takes from the `allowance`.

    Raises InputFileError, here and while the rows are gone through, when the file as a whole cannot be read.
    """
    if source.size == 0:
        raise InputFileError("The file is empty.", code="empty_file")
    allowance = allowance or Allowance()
    chosen = None if wanted is None else frozenset(wanted)
    if file_type.format in BINARY:
        from formats.arrow.tables import open_batches, open_typed  # noqa: PLC0415 - loads pyarrow

        batches = open_batches(source, file_type.format, chosen, allowance)
        return Table(*open_typed(batches, chosen, allowance))
    return _text_table(source, file_type, known_encoding(encoding), layout, chosen, allowance=allowance)


def _text_table(
    source: Source,
    file_type: FileType,
    encoding: str,
    layout: Layout,
    wanted: frozenset[str] | None,
    *,
    allowance: Allowance,
) -> Table:
    chunks = text_chunks(source, gzipped=file_type.gzipped, encoding=encoding, allowance=allowance)
    most = allowance.bounds.value_bytes
    most_characters = min(MAX_LINE_CHARACTERS, most)
    match file_type.format:
        case Format.TXT:
            return Table((COLUMN,), iter([read_lines(chunks, encoding, most_characters)]))
        case Format.JSONL:
            return Table(None, iter([read_lines_of_json(utf8_chunks(chunks, encoding), most)]))
        case Format.JSON:
            return Table(None, iter([read_json(utf8_chunks(chunks, encoding), most)]))
        case _:
            usual = DELIMITERS[file_type.format]
            reader = DelimitedReader(
                chunks, encoding=encoding, layout=layout, usual=usual, wanted=wanted, most=most_characters
            )
            return Table(
                reader.columns, reader.blocks(), layout=reader.layout, has_sep_line=reader.has_sep_line
            )
