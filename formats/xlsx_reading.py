"""Read a workbook of results again, row by row, as `formats.xlsx_results` has written it; no other workbook is read."""

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

from domain.errors import InputFileError
from domain.templates.row_text import text_in_results
from formats.source import Source

CONTINUED = "continued"
BUFFER_BYTES = 256 * 1024


def _whole(text: str) -> int | None:
    return int(text) if text.lstrip("-").isdecimal() else None


# The kinds of numbers that are written, of which one gives the same text again.
_NUMBERS: tuple[Callable[[str], Any], ...] = (_whole, float, Decimal, str)
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")


class _Continuation(NamedTuple):
    """A piece of a text that was too long for its cell."""

    sheet: str
    row: int
    column: str
    text: str


def open_workbook(source: Source) -> tuple[list[str], Iterator[Mapping[str, Any]]]:
    """Give the columns and the records. Raises InputFileError (`bad_xlsx`) for a workbook that is none of ours."""
    try:
        workbook = zipfile.ZipFile(io.BufferedReader(source.open(), BUFFER_BYTES))
        titles = _titles(workbook)
    except (zipfile.BadZipFile, ET.ParseError, KeyError) as error:
        raise _other(str(error)) from error
    if "xl/sharedStrings.xml" in workbook.namelist():
        raise _other("it was saved by another program")
    sheets = [(number, title) for number, title in enumerate(titles, 1) if title != CONTINUED]
    columns = [str(value) for value in next((values for _, values in _rows(workbook, 1)), [])]
    return columns, _records(workbook, sheets, columns, len(titles) if CONTINUED in titles else None)


def _records(
    workbook: zipfile.ZipFile,
    sheets: Sequence[tuple[int, str]],
    columns: Sequence[str],
    continued: int | None,
) -> Iterator[Mapping[str, Any]]:
    pieces = _continuations(workbook, continued) if continued else iter(())
    piece = next(pieces, None)
    for number, title in sheets:
        for row, values in _rows(workbook, number):
            if row == 1:
                continue  # the header
            record = dict(zip(columns, values, strict=False))
            while piece and (piece.sheet, piece.row) == (title, row):
                record[piece.column] += piece.text
                piece = next(pieces, None)
            yield record


def _continuations(workbook: zipfile.ZipFile, number: int) -> Iterator[_Continuation]:
    for row, values in _rows(workbook, number):
        if row > 1:
            sheet, of_row, column, _, text = values
            yield _Continuation(sheet, int(of_row), column, text)


def _titles(workbook: zipfile.ZipFile) -> list[str]:
    root = ET.fromstring(workbook.read("xl/workbook.xml"))  # noqa: S314 - entities are bounded by expat itself
    return [sheet.get("name", "") for sheet in root.iter(f"{_MAIN}sheet")]


def _rows(workbook: zipfile.ZipFile, number: int) -> Iterator[tuple[int, list[Any]]]:
    """Give each row with its number, from 1; one is held at a time."""
    try:
        with workbook.open(f"xl/worksheets/sheet{number}.xml") as sheet:
            around: ET.Element | None = None
            for event, element in ET.iterparse(sheet, events=("start", "end")):  # noqa: S314 - as above
                if event == "start" and element.tag == f"{_MAIN}sheetData":
                    around = element
                elif event == "end" and element.tag == f"{_MAIN}row":
                    yield int(element.get("r", "0")), [_value(cell) for cell in element]
                    if around is not None:
                        around.clear()
    except (zipfile.BadZipFile, ET.ParseError, KeyError, ValueError) as error:
        raise _other(str(error)) from error


def _value(cell: ET.Element) -> Any:
    if cell.get("t") == "inlineStr":
        return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), "".join(cell.itertext()))
    text = cell.findtext(f"{_MAIN}v")
    if text is None:
        return None
    if cell.get("t") == "b":
        return text == "1"
    return next(number for kind in _NUMBERS if text_in_results(number := kind(text)) == text)


def _other(why: str) -> InputFileError:
    return InputFileError(f"The workbook is not as it was written: {why}.", code="bad_xlsx")
