"""What verbs say: tables for people, JSON lines for what reads them next."""

import math
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, TYPE_CHECKING, NamedTuple

import msgspec

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

WIDTH = 110  # of a table that goes to no terminal


# What would move the cursor or colour what follows: names, messages and answers come from files of other people.
_CONTROLS = {
    code: f"\\x{code:02x}"
    for code in (*range(0x20), *range(0x7F, 0xA0))
    if code not in (ord("\n"), ord("\t"))
}


def visible(text: str) -> str:
    """Give a text as a terminal may have it: control characters are shown, not done."""
    return text.translate(_CONTROLS)


class Column(NamedTuple):
    """A column of a table: the name of the value in a record, the heading, and whether it is a number."""

    name: str
    heading: str
    is_number: bool = False


class Output:
    """Where a verb's answer goes: a terminal gets tables, anything else JSON lines, unless one of them is asked for."""

    def __init__(self, as_json: bool | None) -> None:  # noqa: FBT001 - as the option gives it
        self.is_json = not sys.stdout.isatty() if as_json is None else as_json
        self._console: Console | None = None

    @property
    def console(self) -> "Console":
        """The terminal, or what takes its place."""
        if self._console is None:
            self._console = console_of(sys.stdout)
        return self._console

    def record(self, record: object) -> None:
        """Write one JSON line."""
        sys.stdout.buffer.write(msgspec.json.encode(record) + b"\n")
        sys.stdout.buffer.flush()

    def show(self, content: "RenderableType") -> None:
        """Show something to people."""
        self.console.print(content)

    def line(self, text: str = "", *, style: str | None = None) -> None:
        """Show a line of text to people, as it is."""
        self.console.print(visible(text), style=style, markup=False, highlight=False, soft_wrap=True)

    def table(self, columns: Sequence[Column], rows: Iterable[Mapping[str, str]]) -> None:
        """Show a table to people: texts by the names of their columns. Columns that are empty throughout are left out."""
        from rich.table import Table  # noqa: PLC0415 - not where JSON is asked for
        from rich.text import Text  # noqa: PLC0415 - as above

        told = list(rows)
        used = [column for column in columns if any(row.get(column.name) for row in told)]
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
        for column in used:
            table.add_column(
                column.heading,
                justify="right" if column.is_number else "left",
                overflow="fold",
                no_wrap=column.is_number,
            )
        for row in told:
            table.add_row(*(Text(visible(row.get(column.name, ""))) for column in used))
        self.show(table)


def console_of(stream: IO[str]) -> "Console":
    """Open a console; one that is no terminal has a width of its own, or that of COLUMNS."""
    from rich.console import Console  # noqa: PLC0415 - not where JSON is asked for

    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdecimal() and int(columns) > 0 else WIDTH
    return Console(file=stream, width=None if stream.isatty() else width, highlight=False, soft_wrap=False)


def note(text: str) -> None:
    """Tell people something that is no part of the answer."""
    sys.stderr.write(f"{visible(text)}\n")


def count(number: int) -> str:
    """Write a number as people read it."""
    return f"{number:,}"


def money(dollars: float | None) -> str:
    """Write US dollars; nothing where a price is not known."""
    if dollars is None:
        return ""
    # Small sums are not rounded away.
    decimals = 2 if dollars >= 0.1 or dollars <= 0 else 1 - math.floor(math.log10(dollars))
    return f"${dollars:,.{decimals}f}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
