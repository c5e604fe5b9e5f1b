"""txt: a row for each line that is not blank."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InputFileError
from formats.rows import BadRow, Row
from tests.formats.memory_files import bounded, opened, rows, told


def test_each_line_is_a_row() -> None:
    table = opened("a.txt", b"\xef\xbb\xbfone\n\n  two \r\n \t\nthree")
    assert table.columns == ("text",)
    assert list(table.rows) == [
        Row(0, {"text": "one"}, 1),
        Row(1, {"text": "  two "}, 3),
        Row(2, {"text": "three"}, 5),
    ]


def test_a_file_of_blank_lines_has_no_rows() -> None:
    assert rows("a.txt", b"\n \n\r\n") == []
    with pytest.raises(InputFileError, match="empty"):
        opened("a.txt", b"")


def test_a_line_that_is_no_text_costs_that_line() -> None:
    assert told(rows("a.txt", b"one\n\xff\n\x00\nfour\xe2")) == [
        {"text": "one"},
        ("invalid_encoding", 2),
        ("nul_character", 3),
        ("invalid_encoding", 4),
    ]


def test_a_line_that_is_too_long_costs_that_line() -> None:
    found = rows("a.txt", b"x" * 35 + b"\ny\n" + b"z" * 10, allowance=bounded(value_bytes=10))
    assert told(found) == [("row_too_long", 1), {"text": "y"}, ("row_too_long", 3)]
    assert isinstance(found[0], BadRow)
    assert found[0].shown == "x" * 10


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "shift_jis"])
def test_the_encoding_is_the_one_that_is_named(encoding: str) -> None:
    assert told(rows("a.txt", "日本\n語\n".encode(encoding), encoding=encoding)) == [
        {"text": "日本"},
        {"text": "語"},
    ]


@given(
    lines=st.lists(
        st.text(
            st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\x0b\x0c\x85"), max_size=9
        )
    ),
    places=st.lists(st.integers(0, 500), max_size=8),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_lines_come_as_they_were_written(lines: list[str], places: list[int], end: str) -> None:
    content = ("first" + end + end.join(lines)).encode()
    assert told(rows("a.txt", content, places)) == [
        {"text": line} for line in ["first", *lines] if line.strip()
    ]
