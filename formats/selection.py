"""Write some rows of a file again in its own format: a retry file, ready to be dropped."""

import codecs
import csv
import io
from collections.abc import Callable
from typing import Protocol

import msgspec

from formats.file_types import BINARY, FileType, Format
from formats.reading import DELIMITERS
from formats.rows import Row
from formats.sinks import GzipSink, Sink
from formats.source import Source
from formats.text.decoding import known_encoding
from formats.text.plain_text import COLUMN

PIECE_CHARACTERS = 256 * 1024
LINE_END = "\r\n"  # with any other, Python's csv leaves the other one unquoted in a field
BYTE_ORDER_MARK = "\ufeff"

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
    delimiter: str | None = None,
) -> Selection:
    """Begin a selection of rows of `source`; `columns`, `encoding` and `delimiter` are those of its table.

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
            return _delimited(text, columns, delimiter or DELIMITERS[file_type.format])


def _delimited(text: "_Text", columns: tuple[str, ...], delimiter: str) -> Selection:
    def line(fields: list[str]) -> str:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(fields)
        return buffer.getvalue()

    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=LINE_END)
    return _Lines(text, lambda row: line([row.values[name] for name in columns]), begin=line(list(columns)))


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
