"""Write result records as csv for spreadsheets: with a byte order mark, and with nothing in it that is taken for a formula."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from domain.templates.row_text import text_of
from formats.sinks import Sink

BOM = b"\xef\xbb\xbf"
HELD_CHARS = 64 * 1024

# A spreadsheet calculates what begins so; a number it only reads. The last four are their full-width forms.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_NUMBER = re.compile(r"[-+]?[0-9]+(?:[.,][0-9]+)*(?:[eE][-+]?[0-9]+)?")


class CsvResults:
    """Takes records in their order. The sink is not closed. A record may lack columns: they are empty."""

    def __init__(self, sink: Sink, columns: Sequence[str]) -> None:
        self._sink, self._columns = sink, columns
        self._held = io.StringIO(newline="")
        self._writer = csv.writer(self._held, lineterminator="\r\n")
        sink.write(BOM)
        self._writer.writerow(map(as_text, columns))

    def add(self, record: Mapping[str, Any]) -> None:
        """Write one record."""
        self._writer.writerow([as_text(text_of(record.get(column))) for column in self._columns])
        if self._held.tell() >= HELD_CHARS:
            self._hand_over()

    def close(self) -> None:
        """Write what is left."""
        self._hand_over()

    def _hand_over(self) -> None:
        self._sink.write(self._held.getvalue().encode())
        self._held.seek(0)
        self._held.truncate()


def as_text(text: str) -> str:
    """Give a text as one that no spreadsheet takes for a formula: behind an apostrophe, which it does not show."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(text) else text
