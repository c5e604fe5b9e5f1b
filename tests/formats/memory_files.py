"""Files in memory for the tests of the formats, and how they are read."""

import io
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import msgspec

from domain.bounds import UNBOUNDED
from formats.allowance import Allowance
from formats.file_types import file_type
from formats.reading import Table, open_table
from formats.rows import BadRow, Row
from formats.text.layout import Layout


class MemoryFile:
    """A file in memory that arrives in pieces cut at `places`."""

    def __init__(self, content: bytes, places: list[int] | None = None) -> None:
        self.content = content
        self._places = places or []

    @property
    def size(self) -> int:
        return len(self.content)

    def chunks(self) -> Iterator[bytes]:
        edges = sorted({0, self.size, *(place % (self.size + 1) for place in self._places)})
        for start, end in pairwise(edges):
            yield self.content[start:end]

    def open(self) -> io.RawIOBase:
        return io.BytesIO(self.content)  # type: ignore[return-value] # readable and seekable: all that is asked


def bounded(**bounds: Any) -> Allowance:
    """What the reading of one file may take."""
    return Allowance(msgspec.structs.replace(UNBOUNDED, **bounds))


def opened(name: str, content: bytes, places: list[int] | None = None, **options: Any) -> Table:
    """Open a file; `options` are those of `open_table`, and those of its layout."""
    kind = file_type(name)
    assert kind
    layout = Layout(**{key: options.pop(key) for key in Layout.__struct_fields__ if key in options})
    return open_table(MemoryFile(content, places), kind, layout=layout, **options)


def rows(name: str, content: bytes, places: list[int] | None = None, **options: Any) -> list[Row | BadRow]:
    found = list(opened(name, content, places, **options).rows)
    assert [row.number for row in found] == list(range(len(found)))
    return found


def values(name: str, content: bytes, **options: Any) -> list[dict[str, Any]]:
    """The values of a file without a bad row."""
    found = rows(name, content, **options)
    bad = [row for row in found if isinstance(row, BadRow)]
    assert not bad
    return [row.values for row in found if isinstance(row, Row)]


def told(found: Sequence[Row | BadRow]) -> list[dict[str, Any] | tuple[str, int | None]]:
    """Rows as their values, bad rows as their code and line."""
    return [row.values if isinstance(row, Row) else (row.code, row.line) for row in found]
