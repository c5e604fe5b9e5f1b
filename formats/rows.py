"""Rows as the readers give them: one by one, or as columns of rows that follow each other."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

import msgspec

SHOWN_CHARACTERS = 2000


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row. `number` counts from 0, malformed rows included; `line` is where it begins, from 1, in text formats.

    Values are str, int, float, bool, None, Decimal, date, datetime, list and dict; those of csv, tsv and txt are str.
    """

    number: int
    values: dict[str, Any]
    line: int | None = None


class BadRow(msgspec.Struct, frozen=True, gc=False):
    """One row that cannot be read, and why. `shown` is its raw text as far as there is one, cut to 2000 characters."""

    number: int
    code: str
    message: str
    shown: str = ""
    line: int | None = None


class RowBlock(msgspec.Struct, frozen=True):
    """Good rows that follow each other, few enough to be held: of each column the values of all of them.

    `first` is the number of the first row, `lines` are where they begin, in text formats. Going through it gives each row.
    """

    first: int
    rows: int
    columns: Mapping[str, Sequence[Any]]
    lines: Sequence[int] | None = None

    def __iter__(self) -> Iterator[Row]:
        names = list(self.columns)
        values = zip(*self.columns.values(), strict=True) if names else repeat((), self.rows)
        lines = repeat(None) if self.lines is None else self.lines
        for number, (row, line) in enumerate(zip(values, lines, strict=False), self.first):
            yield Row(number, dict(zip(names, row, strict=True)), line)


# What can be gone through once, or, if it is a RowBlock, again and again.
Rows = Iterable[Row | BadRow]


def shown(raw: str | bytes) -> str:
    """Cut raw text to what an error record shows of it; what is no text becomes U+FFFD."""
    if isinstance(raw, bytes):
        return raw[: 4 * SHOWN_CHARACTERS].decode("utf-8", "replace")[:SHOWN_CHARACTERS].rstrip("\r\n")
    cut = raw[:SHOWN_CHARACTERS].rstrip("\r\n")
    return cut if cut.isascii() else cut.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
