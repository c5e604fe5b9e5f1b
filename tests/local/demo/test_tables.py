"""The demo's check finds every row that is lost, doubled, made up or mixed up with another, and nothing else."""

import io
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from local.demo.accounting import Returned
from local.demo.tables import check_table, is_table, rows_of

Spoil = Callable[[list[dict[str, Any]], list[dict[str, Any]]], object]

CSV = b'\xef\xbb\xbfname,text\r\na,"two\nlines, ""quoted"""\r\nb,\r\nragged\r\nd,last\r\n'
RESULTS = [
    {"file": "t.csv", "row": 0, "name": "a", "custom_id": "row-0"},
    {"file": "t.csv", "row": 1, "name": "b", "custom_id": "row-1"},
    {"file": "t.csv", "row": 3, "name": "d", "custom_id": "row-3"},
]
ERRORS = [{"file": "t.csv", "row": 2, "line": 5}]


def test_rows_are_read_as_they_stand_and_malformed_ones_keep_their_number() -> None:
    assert rows_of("t.csv", CSV) == [
        {"name": "a", "text": 'two\nlines, "quoted"'},
        {"name": "b", "text": ""},
        None,
        {"name": "d", "text": "last"},
    ]
    assert rows_of("t.txt", "ä\n\n b\n".encode()) == [{"text": "ä"}, {"text": " b"}]
    sink = io.BytesIO()
    parquet.write_table(pa.table({"n": [1, None]}), sink)
    assert rows_of("t.parquet", sink.getvalue()) == [{"n": 1}, {"n": None}]


def test_requests_are_no_table() -> None:
    assert is_table("a/t.csv")
    assert not is_table("a/t.jsonl")


def test_a_record_for_each_row_is_right() -> None:
    assert check_table("t.csv", CSV, Returned(outputs=RESULTS, errors=ERRORS)) == []


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda results, _: results.pop(1), ["row 1 did not come back"]),
        (lambda _, errors: errors.pop(), ["row 2 did not come back"]),
        (lambda results, _: results.append(results[2]), ["row 3 came back more than once"]),
        (lambda results, errors: errors.append(results[2]), ["row 3 came back more than once"]),
        (
            lambda results, _: results.append({"row": 4}),
            ["the results have row 4, which the file does not have"],
        ),
        (
            lambda _, errors: errors.append({"row": None}),
            ["the errors have row None, which the file does not have"],
        ),
        (lambda results, _: results.reverse(), ["the results are not in the order of the rows"]),
        (lambda results, _: results[0].update(name="d"), ["row 0 came back with name 'd', not 'a'"]),
        (lambda results, _: results[0].update(file="u.csv"), ["row 0 names the file 'u.csv'"]),
        (
            lambda results, errors: results.insert(2, errors.pop()),
            ["row 2 is malformed, and has a result"],
        ),
    ],
)
def test_whatever_is_wrong_is_told(spoil: Spoil, told: list[str]) -> None:
    results, errors = [dict(record) for record in RESULTS], [dict(record) for record in ERRORS]
    spoil(results, errors)
    found = check_table("t.csv", CSV, Returned(outputs=results, errors=errors))
    assert found == [f"t.csv: {sentence}" for sentence in told]
