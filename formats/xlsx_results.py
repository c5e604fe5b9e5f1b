"""Write result records as an Excel workbook, row by row, to a place that only takes bytes.

The parts of the format that a table needs are few (ECMA-376: sheets of texts, numbers, true and false), so no library is asked: those
that were looked at keep all texts in memory, or write some of them as markup. Texts are texts here; nothing becomes a formula.
"""

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from math import isfinite
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from xml.sax.saxutils import escape, quoteattr

from domain.templates.row_text import text_of
from formats.sinks import ArrowSink, Sink

MAX_ROWS = 1_048_576  # of a sheet
MAX_CELL_CHARS = 32_767  # as UTF-16 counts them
EXACT_DIGITS = 15  # that a spreadsheet keeps of a number
MAX_EXACT = 1_000_000_000_000_000
MAX_EXPONENT = 300
HELD_BYTES = 4 * 1024 * 1024

_DATE = (1980, 1, 1, 0, 0, 0)  # the same file again, whenever it is written
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_SHEET = (
    f'{_HEAD}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" '
    'activePane="bottomLeft" state="frozen"/></sheetView></sheetViews><sheetData>'
)
_SHEET_END = "</sheetData></worksheet>"
# What XML has no place for, and what reads as such an escape already.
_ESCAPED = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


class XlsxResults:
    """Takes records in their order. The sink is not closed. A record may lack columns: they are empty.

    A text that is too long for a cell goes on in the sheet `continued`, row by row; more rows than a sheet has go into another.
    """

    def __init__(self, sink: Sink, columns: Sequence[str]) -> None:
        self._zip = zipfile.ZipFile(ArrowSink(sink), "w", zipfile.ZIP_DEFLATED)
        self._columns = columns
        self._sheets: list[str] = []
        self._sheet: IO[bytes] | None = None
        self._rows = 0  # of the sheet, the header included
        self._continued = SpooledTemporaryFile(max_size=HELD_BYTES)  # noqa: SIM115 - closed with the workbook
        self._continued_rows = 0

    def add(self, record: Mapping[str, Any]) -> None:
        """Write one record."""
        sheet = self._open_sheet()
        self._rows += 1
        cells = (self._cell(column, record.get(column)) for column in self._columns)
        sheet.write(_row(self._rows, cells))

    def close(self) -> None:
        """Write what is left, and the end of the file. Without it the file is none."""
        self._open_sheet()
        self._close_sheet()
        if self._continued_rows:
            self._continued.seek(0)
            with self._begin("continued") as sheet:
                sheet.write(_row(1, map(_text_cell, ("sheet", "row", "column", "part", "text"))))
                while piece := self._continued.read(HELD_BYTES):
                    sheet.write(piece)
                sheet.write(_SHEET_END.encode())
        self._continued.close()
        for name, content in _package(self._sheets):
            self._zip.writestr(zipfile.ZipInfo(name, _DATE), content, zipfile.ZIP_DEFLATED)
        self._zip.close()

    def _open_sheet(self) -> IO[bytes]:
        if self._rows >= MAX_ROWS:
            self._close_sheet()
        if self._sheet is None:
            self._sheet = self._begin(f"results {len(self._sheets) + 1}" if self._sheets else "results")
            self._rows = 1
            self._sheet.write(_row(1, map(_text_cell, self._columns)))
        return self._sheet

    def _begin(self, title: str) -> IO[bytes]:
        self._sheets.append(title)
        info = zipfile.ZipInfo(f"xl/worksheets/sheet{len(self._sheets)}.xml", _DATE)
        info.compress_type = zipfile.ZIP_DEFLATED
        sheet = self._zip.open(info, "w", force_zip64=True)
        sheet.write(_SHEET.encode())
        return sheet

    def _close_sheet(self) -> None:
        if self._sheet is not None:
            self._sheet.write(_SHEET_END.encode())
            self._sheet.close()
            self._sheet = None

    def _cell(self, column: str, value: Any) -> str:
        if value is None:
            return "<c/>"
        if isinstance(value, bool):
            return f'<c t="b"><v>{value:d}</v></c>'
        if _is_exact(value):
            return f"<c><v>{text_of(value)}</v></c>"
        first, *others = _pieces(text_of(value))
        for number, piece in enumerate(others, 2):
            self._continue(column, number, piece)
        return _text_cell(first)

    def _continue(self, column: str, part: int, text: str) -> None:
        self._continued_rows += 1
        place = (_text_cell(self._sheets[-1]), f"<c><v>{self._rows}</v></c>", _text_cell(column))
        cells = (*place, f"<c><v>{part}</v></c>", _text_cell(text))
        self._continued.write(_row(self._continued_rows + 1, cells))


def _is_exact(value: Any) -> bool:
    """Tell whether a spreadsheet keeps all digits of a number."""
    if isinstance(value, int):
        return abs(value) < MAX_EXACT
    if isinstance(value, float):
        return isfinite(value)
    if not isinstance(value, Decimal) or not value.is_finite():
        return False
    return len(value.as_tuple().digits) <= EXACT_DIGITS and abs(value.adjusted()) < MAX_EXPONENT


def _pieces(text: str) -> list[str]:
    """Cut a text into pieces that fit into cells."""
    most = MAX_CELL_CHARS
    if len(text) > most // 2 and not text.isascii() and max(text) > "\uffff":
        most //= 2  # each character may count as two
    return [text[start : start + most] for start in range(0, len(text), most)] or [""]


def _text_cell(text: str) -> str:
    return f'<c t="inlineStr"><is><t xml:space="preserve">{_written(text)}</t></is></c>'


def _written(text: str) -> str:
    return escape(_ESCAPED.sub(lambda found: f"_x{ord(found.group()):04X}_", text))


def _row(number: int, cells: Iterator[str] | Sequence[str]) -> bytes:
    return f'<row r="{number}">{"".join(cells)}</row>'.encode()


def _package(sheets: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Give the files around the sheets: which they are, and how they are called."""
    numbered = list(enumerate(sheets, 1))
    listed = "".join(f'<sheet name={quoteattr(title)} sheetId="{n}" r:id="rId{n}"/>' for n, title in numbered)
    yield (
        "xl/workbook.xml",
        f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{listed}</sheets></workbook>',
    )
    related = "".join(
        f'<Relationship Id="rId{n}" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n, _ in numbered
    )
    relations = f'<Relationships xmlns="{_PACKAGE}/relationships">'
    yield "xl/_rels/workbook.xml.rels", f"{_HEAD}{relations}{related}</Relationships>"
    workbook = f'<Relationship Id="rId1" Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/>'
    yield "_rels/.rels", f"{_HEAD}{relations}{workbook}</Relationships>"
    parts = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_TYPES}.worksheet+xml"/>'
        for n, _ in numbered
    )
    defaults = (
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
    )
    types = f'<Types xmlns="{_PACKAGE}/content-types">{defaults}{parts}</Types>'
    yield "[Content_Types].xml", f"{_HEAD}{types}"
