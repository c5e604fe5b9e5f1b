"""Results for spreadsheets: what other programs read out of them, and that nothing in them is a formula."""

import csv
import io
import re
from decimal import Decimal
from typing import Any

import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats import xlsx_results
from formats.text.csv_results import CsvResults
from formats.xlsx_results import MAX_CELL_CHARS, XlsxResults
from tests.formats.test_selection import WriteOnly

HOSTILE = [
    "=1+1",
    "+SUM(A1)",
    "-2+3",
    "@x",
    "\t=1",
    "\r=1",
    "\uff1d1",
    "=cmd|' /C calc'!A0",
    "<r><t>x</t></r>",
    "_x0041_",
]


def written(kind: Any, columns: list[str], *records: dict[str, Any]) -> bytes:
    sink = WriteOnly()
    out = kind(sink, columns)
    for record in records:
        out.add(record)
    out.close()
    return sink.content


def cells(content: bytes, sheet: str = "results") -> list[list[Any]]:
    workbook = openpyxl.load_workbook(io.BytesIO(content))
    return [[cell.value for cell in row] for row in workbook[sheet].iter_rows()]


def rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def test_a_csv_opens_in_a_spreadsheet_as_it_is_meant() -> None:
    content = written(CsvResults, ["a", "b"], {"a": 'é;,\n"x"', "b": -1.5}, {"b": {"x": [1, None]}})
    assert content.startswith(b"\xef\xbb\xbfa,b\r\n")
    assert rows(content)[1:] == [['é;,\n"x"', "-1.5"], ["", '{"x":[1,null]}']]
    assert pd.read_csv(io.BytesIO(content))["a"][0] == 'é;,\n"x"'


@pytest.mark.parametrize("text", HOSTILE[:8])
def test_no_text_of_a_csv_is_a_formula(text: str) -> None:
    assert rows(written(CsvResults, ["a"], {"a": text}))[1] == [f"'{text}"]


@pytest.mark.parametrize("text", ["-5", "+3.14", "-1e-3", "a=1", "", "'", "1-2"])
def test_numbers_and_plain_texts_stay_as_they_are(text: str) -> None:
    assert rows(written(CsvResults, ["a"], {"a": text}))[1:] in ([[text]], [[]])


@given(st.text(), st.sampled_from(["=", "+", "-", "@"]))
def test_whatever_a_model_says_a_cell_never_begins_a_formula(text: str, start: str) -> None:
    (cell,) = rows(written(CsvResults, ["a"], {"a": start + text}))[1]
    assert cell[0] == "'" or float(cell.replace(",", "")) is not None


@pytest.mark.parametrize(
    "text", [*HOSTILE, "<b>&amp;</b>", "a\x00b", "\ufffe", "tab\there", "\U0001f600", " x ", "a\r\nb"]
)
def test_a_text_comes_back_from_a_workbook_as_it_was(text: str) -> None:
    workbook = openpyxl.load_workbook(io.BytesIO(written(XlsxResults, ["a"], {"a": text})))
    cell = workbook["results"]["A2"]
    assert cell.data_type == "s"
    assert unescaped(cell.value) == text


def unescaped(text: str) -> str:
    """Decode what a spreadsheet decodes and this reader leaves."""
    return re.sub("_x([0-9A-F]{4})_", lambda found: chr(int(found.group(1), 16)), text)


def test_values_have_their_types_in_a_workbook() -> None:
    record = {
        "a": 1,
        "b": 2.5,
        "c": True,
        "d": Decimal("0.10"),
        "e": [1],
        "f": None,
        "g": 10**20,
        "h": float("nan"),
    }
    (header, values) = cells(written(XlsxResults, list(record), record))
    assert header == list(record)
    assert values == [1, 2.5, True, 0.1, "[1]", None, str(10**20), "nan"]


def test_a_text_that_is_too_long_for_a_cell_goes_on_in_another_sheet() -> None:
    text = "\U0001f600 and more " * 6000
    content = written(XlsxResults, ["row", "chat"], {"row": 0, "chat": "short"}, {"row": 1, "chat": text})
    found = cells(content)[2][1]
    continued = cells(content, "continued")
    assert len(found.encode("utf-16-le")) // 2 <= MAX_CELL_CHARS
    assert [line[:4] for line in continued[1:]] == [
        ["results", 3, "chat", part] for part in range(2, len(continued) + 1)
    ]
    assert found + "".join(line[4] for line in continued[1:]) == text


def test_more_rows_than_a_sheet_has_go_into_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_results, "MAX_ROWS", 3)
    content = written(XlsxResults, ["n"], *({"n": n} for n in range(5)))
    sheets = [cells(content, title) for title in ("results", "results 2", "results 3")]
    assert sheets == [[["n"], [0], [1]], [["n"], [2], [3]], [["n"], [4]]]


def test_a_workbook_is_the_same_whenever_it_is_written() -> None:
    assert written(XlsxResults, ["a"], {"a": "x"}) == written(XlsxResults, ["a"], {"a": "x"})


@given(
    st.lists(
        st.dictionaries(st.sampled_from("abc"), st.text() | st.integers() | st.booleans() | st.none()),
        max_size=4,
    )
)
def test_any_records_make_files_that_can_be_read(records: list[dict[str, Any]]) -> None:
    assert len(cells(written(XlsxResults, ["a", "b", "c"], *records))) == len(records) + 1
    assert len(rows(written(CsvResults, ["a", "b", "c"], *records))) == len(records) + 1
