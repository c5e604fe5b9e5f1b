"""Write some rows of a file again in its own format: a retry file, ready to be dropped."""

import codecs
import csv
import io
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from formats.file_types import BINARY, FileType, Format
from formats.reading import DELIMITERS
from formats.rows import Row
from formats.sinks import GzipSink, Sink
from formats.source import Source
from formats.text.decoding import BYTE_ORDER_MARK, known_encoding
from formats.text.layout import AUTO, NONE, Layout
from formats.text.plain_text import COLUMN

PIECE_CHARACTERS = 256 * 1024
LINE_END = "\r\n"  # with any other, Python's csv leaves the other one unquoted in a field

_json = msgspec.json.Encoder(decimal_format="number").encode


class Selection(Protocol):
    """Takes rows of one file in their order, each with all its columns.

    When no row came, nothing is written. The sink is not closed.
    """

    def add(self, row: Row) -> None:
        """Choose a row."""

    def close(self) -> None:
        """Write what is not written yet."""


def open_selection(
    sink: Sink,
    source: Source,
    file_type: FileType,
    *,
    columns: tuple[str, ...] | None,
    encoding: str = "utf-8",
    layout: Layout = Layout(),  # noqa: B008 - frozen
    has_sep_line: bool = False,
) -> Selection:
    """Begin a selection of rows of `source`; `columns`, `encoding`, `layout` and `has_sep_line` are those of its table.

    Text is written as the rows come. Of parquet and Arrow only the numbers are kept, and `close` reads the file again: what
    comes out has exactly the types and values that went in.
    """
    if file_type.format in BINARY:
        from formats.arrow.selection import TypedSelection  # noqa: PLC0415 - loads pyarrow

        return TypedSelection(sink, source, file_type.format)
    text = _Text(GzipSink(sink) if file_type.gzipped else sink, known_encoding(encoding))
    match file_type.format:
        case Format.TXT:
            return _Lines(text, lambda row: str(row.values[COLUMN]) + "\n")
        case Format.JSONL:
            return _Lines(text, lambda row: _json(row.values).decode() + "\n")
        case Format.JSON:
            return _Lines(
                text, lambda row: _json(row.values).decode(), begin="[\n", between=",\n", end="\n]\n"
            )
        case _:
            assert columns is not None
            usual = DELIMITERS[file_type.format]
            return _delimited(
                text,
                columns,
                msgspec.structs.replace(layout, delimiter=layout.delimiter or usual),
                has_sep_line=has_sep_line,
            )


def _delimited(text: "_Text", columns: tuple[str, ...], layout: Layout, *, has_sep_line: bool) -> Selection:
    line = _plain_line(layout) if layout.quote == NONE else _quoted_line(layout)
    begin = f"sep={layout.delimiter}{LINE_END}" if has_sep_line else LINE_END * layout.skip_lines
    if layout.header is not False:
        begin += line(columns)
    return _Lines(
        text,
        lambda row: line(["" if row.values[name] is None else row.values[name] for name in columns]),
        begin=begin,
    )


def _quoted_line(layout: Layout) -> Callable[[Sequence[str]], str]:
    def line(fields: Sequence[str]) -> str:
        buffer.seek(0)
        buffer.truncate()
        careful = begins_as_remark(fields[0]) or (
            is_unsure and any("\n" in part or "\r" in part for part in fields)
        )
        (quoting if careful else plain).writerow(fields)
        return buffer.getvalue()

    def begins_as_remark(field: str) -> bool:
        return bool(layout.comment) and field.startswith(layout.comment or "")

    # Where quotes may be text, lines that belong together are told by all fields being quoted.
    is_unsure = layout.quote == AUTO and layout.delimiter == "\t"

    buffer = io.StringIO(newline="")
    quote = '"' if layout.quote == AUTO else layout.quote
    options: dict[str, Any] = {
        "delimiter": layout.delimiter,
        "quotechar": quote,
        "escapechar": layout.escape,
        "lineterminator": LINE_END,
    }
    plain = csv.writer(buffer, **options)
    quoting = csv.writer(buffer, **options, quoting=csv.QUOTE_ALL)
    return line


def _plain_line(layout: Layout) -> Callable[[Sequence[str]], str]:
    """Write fields as they were read: with an escape before what would have a meaning."""
    delimiter, escape = layout.delimiter or "", layout.escape

    def escaped(field: str) -> str:
        for mark in (escape, delimiter, "\r", "\n"):
            field = field.replace(mark, escape + mark) if escape and mark else field
        return field

    return lambda fields: delimiter.join(map(escaped, fields)) + LINE_END


class _Text:
    """Encodes text in pieces."""

    def __init__(self, sink: Sink | GzipSink, encoding: str) -> None:
        self._sink, self._encoding = sink, encoding
        self._encode: Callable[..., bytes] | None = None
        self._pieces: list[str] = []
        self._characters = 0

    def write(self, text: str) -> None:
        self._pieces.append(text)
        self._characters += len(text)
        if self._characters >= PIECE_CHARACTERS:
            self._send()

    def _send(self, *, final: bool = False) -> None:
        text = "".join(self._pieces)
        self._pieces, self._characters = [], 0
        if self._encode is None:
            # A mark at the beginning is written where a reader would otherwise take the text's own for it.
            plain = self._encoding == "utf-8-sig" and not text.startswith(BYTE_ORDER_MARK)
            self._encode = codecs.getincrementalencoder("utf-8" if plain else self._encoding)().encode
        if encoded := self._encode(text, final):
            self._sink.write(encoded)

    def close(self) -> None:
        self._send(final=True)
        if isinstance(self._sink, GzipSink):
            self._sink.close()


class _Lines:
    """A selection that writes text row by row."""

    def __init__(
        self, text: _Text, line: Callable[[Row], str], *, begin: str = "", between: str = "", end: str = ""
    ) -> None:
        self._text, self._line = text, line
        self._begin, self._between, self._end = begin, between, end
        self._empty = True

    def add(self, row: Row) -> None:
        self._text.write(self._begin if self._empty else self._between)
        self._empty = False
        self._text.write(self._line(row))

    def close(self) -> None:
        if not self._empty:
            self._text.write(self._end)
            self._text.close()
