"""json and jsonl: arrays, objects, lines; values that lose nothing; broken rows that cost a row."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InputFileError
from formats.rows import BadRow, Row
from tests.formats.memory_files import bounded, opened, rows, told, values


@pytest.mark.parametrize(
    "content",
    [
        b'[{"a": 1}, {"a": [2, {"b": "}]"}]}]',
        b' \n[\n  {\n    "a": 1\n  },\n  {"a": [2, {"b": "}]"}]}\n]\n',
        b'\xef\xbb\xbf[{"a":1},{"a":[2,{"b":"}]"}]}]',
        b'{"a": 1}\n{"a": [2, {"b": "}]"}]}\n',
        b'\n\n{"a": 1}\r\n\r\n{"a": [2, {"b": "}]"}]}',
        b'{\n"a": 1\n}\n{\n"a": [2, {"b": "}]"}]}',
        b'{\n"a": 1\n}{"a": [2, {"b": "}]"}]}',
    ],
)
def test_all_forms_of_json_give_the_same_rows(content: bytes) -> None:
    assert opened("a.json", content).columns is None
    assert values("a.json", content) == [{"a": 1}, {"a": [2, {"b": "}]"}]}]


@pytest.mark.parametrize("content", [b'{"a": {"b": [1]}}', b'{\n  "a": {\n    "b": [1]\n  }\n}\n'])
def test_a_single_object_is_one_row(content: bytes) -> None:
    assert values("a.json", content) == [{"a": {"b": [1]}}]


def test_objects_may_share_a_line() -> None:
    assert values("a.json", b'{"a": 1}{"a": 2} {"a": 3}\n{"a": 4}\n') == [{"a": n} for n in (1, 2, 3, 4)]
    assert told(rows("a.json", b'{"a": 1} x\n{"a": 2}\n')) == [("invalid_json", 1), {"a": 2}]


def test_lines_have_numbers() -> None:
    expected = [Row(0, {"a": 1}, 3), Row(1, {"a": 2}, 5)]
    content = b'\n\n{"a": 1}\n \n{"a": 2}'
    assert rows("a.jsonl", content) == expected
    assert rows("a.json", content) == expected


def test_an_empty_array_has_no_rows() -> None:
    assert rows("a.json", b" [ ] ") == []
    assert rows("a.jsonl", b"\n\n") == []


def test_numbers_lose_nothing() -> None:
    numbers = (
        b"1, -0, 12345678901234567890123, 0.1, 1.10, 1e2, 0.1234567890123456789, 1e400, 1E-400, 0e9999999999"
    )
    for name, content in (("a.json", b'[{"a": [%b]}]'), ("a.jsonl", b'{"a": [%b]}')):
        (row,) = values(name, content % numbers)
        assert row["a"] == [
            1,
            0,
            12345678901234567890123,
            0.1,
            1.1,
            100.0,
            Decimal("0.1234567890123456789"),
            Decimal("1e400"),
            Decimal("1e-400"),
            0.0,
        ]
        kinds = [int, int, int, float, float, float, Decimal, Decimal, Decimal, float]
        assert [type(number) for number in row["a"]] == kinds


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_come_back(number: float) -> None:
    (row,) = values("a.jsonl", b'{"a": %b}' % repr(number).encode())
    assert row["a"] == number


@pytest.mark.parametrize(
    ("element", "code"),
    [
        (b'{"a": NaN}', "invalid_json"),
        (b'{"a": 1e99999}', "invalid_json"),
        (b'{"a": 1e99999999999999999999}', "invalid_json"),
        (b'{"a": ' + b"1" * 5000 + b"}", "invalid_json"),
        (b"{'a': 1}", "invalid_json"),
        (b'{"a": 1,}', "invalid_json"),
        (b'{"a" 1}', "invalid_json"),
        (b'{"a": "\\x"}', "invalid_json"),
        (b'{"a": "\\ud800 half"}', "invalid_json"),
        (b'{"a": "\x01"}', "invalid_json"),
        (b'{"a": "\xff"}', "invalid_encoding"),
        (b'{"\xed\xa0\x80": 1}', "invalid_encoding"),
        (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", "invalid_json"),
        (b'{"a": [}', "invalid_json"),
        (b"null", "not_an_object"),
        (b"12", "not_an_object"),
        (b'"text, with ] and }"', "not_an_object"),
        (b"true", "not_an_object"),
        (b"[1, 2]", "not_an_object"),
        (b"[]", "not_an_object"),
        (b"nonsense", "invalid_json"),
    ],
)
def test_a_bad_element_costs_that_element(element: bytes, code: str) -> None:
    good = {"a": 1}
    if element != b'{"a": [}':  # in an array its brackets are those of what follows
        content = b'[{"a": 1}, %b, {"a": 1}]' % element
        assert told(rows("a.json", content)) == [good, (code, None), good]
    assert told(rows("a.jsonl", b'{"a": 1}\n%b\n{"a": 1}' % element)) == [good, (code, 2), good]
    assert told(rows("a.json", b'{"a": 1}\n%b\n{"a": 1}' % element)) == [good, (code, 2), good]


def test_a_broken_first_line_is_a_bad_row() -> None:
    for broken in (b'{"a": 1', b'{"a": "open}', b"{'a'}"):
        found = told(rows("a.json", broken + b'\n{"a": 2}\n'))
        assert found == [("invalid_json", 1), {"a": 2}]


@pytest.mark.parametrize(
    ("content", "before", "message"),
    [
        (b'[{"a": 1}, {"a": 2}', 2, "After 2 rows: expected `,` or `]`, found the end of the file"),
        (b'[{"a": 1}, {"a": ', 1, "After 1 rows: the file ends within a value"),
        (b'[{"a": 1}, {"a": "x', 1, "truncated"),
        (b'[{"a": 1}, ', 1, "ends where another value should be"),
        (b'[{"a": 1},]', 1, "expected a value, found"),
        (b'[{"a": 1} {"a": 2}]', 1, "expected `,` or `]`, found '{\"a\": 2}]'"),
        (b'[{"a": 1}] {"a": 2}', 1, "nothing behind the array"),
        (b'[{"a": 1}, "open', 1, "expected a value"),
        (b'{"a": {\n"b": 1}\n', 0, "truncated"),
        (b'{\n"a": 1}\n]', 1, "expected an object"),
        (b'{\n"a": 1}, {\n"a": 1}', 1, "expected an object"),
    ],
)
def test_a_broken_structure_says_after_which_row_and_why(content: bytes, before: int, message: str) -> None:
    table = opened("a.json", content)
    for _ in range(before):
        assert isinstance(next(table.rows), Row)
    with pytest.raises(InputFileError) as raised:
        next(table.rows)
    assert message in str(raised.value)
    assert raised.value.code == "bad_json"


@pytest.mark.parametrize(
    ("content", "code"), [(b"hello", "bad_json"), (b" \n", "empty_file"), (b'"a"', "bad_json")]
)
def test_a_file_that_is_no_json_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(InputFileError) as raised:
        opened("a.json", content)
    assert raised.value.code == code


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_garbage_is_refused(name: str) -> None:
    with pytest.raises(InputFileError, match="control"):
        opened(name, b"{" + bytes(range(256)) * 30)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "utf-32-be"])
@pytest.mark.parametrize(("name", "content"), [("a.json", '[{"a": "ü"}]'), ("a.jsonl", '{"a": "ü"}\n')])
def test_the_encoding_is_the_one_that_is_named(name: str, content: str, encoding: str) -> None:
    assert values(name, content.encode(encoding), encoding=encoding) == [{"a": "ü"}]


def test_undecodable_bytes_of_another_encoding_cost_their_row() -> None:
    content = b'[{"a": "\x81"}, {"a": "\xe4"}]'
    assert told(rows("a.json", content, encoding="cp1252")) == [("invalid_encoding", None), {"a": "ä"}]


def test_a_value_without_end_is_not_held_for_ever() -> None:
    allowance = bounded(value_bytes=1000)
    for begin in (b'{"rows": [', b'[{"a": 1}, {"rows": ['):
        content = begin + b'{"a": 1}, ' * 10_000
        table = opened("a.json", content, list(range(0, len(content), 100)), allowance=allowance)
        with pytest.raises(InputFileError, match="outermost array") as raised:
            list(table.rows)
        assert raised.value.code == "row_too_long"


def test_a_row_that_is_too_long_costs_that_row() -> None:
    allowance = bounded(value_bytes=100)
    long = b'{"a": "' + b"x" * 5000 + b'"}'
    good = {"a": 1}
    assert told(rows("a.jsonl", b'{"a": 1}\n' + long + b'\n{"a": 1}', allowance=allowance)) == [
        good,
        ("row_too_long", 2),
        good,
    ]
    found = rows("a.json", b'[{"a": 1}, ' + long + b', {"a": 1}]', allowance=allowance)
    assert told(found) == [good, ("row_too_long", None), good]
    assert isinstance(found[1], BadRow)
    assert len(found[1].shown) == 2000


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('ab"\\{}[]ü', max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
json_rows_written = st.lists(st.dictionaries(st.text("abc", max_size=3), json_values, max_size=3), max_size=5)


@given(
    written=json_rows_written,
    places=st.lists(st.integers(0, 2000), max_size=10),
    indent=st.sampled_from([None, 0, 2]),
    ascii_only=st.booleans(),
)
def test_what_is_written_is_read(
    written: list[dict[str, Any]], places: list[int], indent: int | None, ascii_only: bool
) -> None:
    array = json.dumps(written, indent=indent, ensure_ascii=ascii_only).encode()
    assert told(rows("a.json", array, places)) == written
    lines = b"\n".join(json.dumps(row, ensure_ascii=ascii_only).encode() for row in written) + b"\n"
    assert told(rows("a.jsonl", lines, places)) == written
    if written:
        assert told(rows("a.json", lines, places)) == written
    if written and written[0]:  # `{}` in the first line speaks for lines
        objects = b"\n".join(json.dumps(row, indent=2, ensure_ascii=ascii_only).encode() for row in written)
        assert told(rows("a.json", objects, places)) == written


pieces = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b",",
    b":",
    b"\\",
    b"\n",
    b"1",
    b'{"a":1}',
    b"\xff",
    b" ",
    b"nul",
    b'"a"',
]


@given(
    content=st.lists(st.sampled_from(pieces)).map(b"".join), places=st.lists(st.integers(0, 100), max_size=8)
)
def test_rows_do_not_depend_on_how_the_bytes_arrive(content: bytes, places: list[int]) -> None:
    assert outcome(b"[" + content, places) == outcome(b"[" + content, [])
    assert outcome(b"{" + content, places) == outcome(b"{" + content, [])


def outcome(content: bytes, places: list[int]) -> list[Any]:
    found: list[Any] = []
    try:
        found.extend(opened("a.json", content, places).rows)
    except InputFileError as error:
        found.append((error.code, str(error)[:60]))
    return found


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_only_python_writes_are_named(value: str) -> None:
    (bad,) = rows("a.jsonl", f'{{"a": "NaN, they say", "b": {value}}}'.encode())
    assert isinstance(bad, BadRow)
    assert (bad.code, f"it says {value}," in bad.message) == ("invalid_json", True)
    (bad,) = rows("a.jsonl", b'{"a": "NaN", "b": 1,}')
    assert isinstance(bad, BadRow)
    assert "NaN" not in bad.message


def test_other_flaws_are_named_as_people_do() -> None:
    (bad,) = rows("a.jsonl", b"{'a': 1}")
    assert isinstance(bad, BadRow)
    assert "double quotes" in bad.message


@pytest.mark.parametrize(
    "content",
    [
        b'{\n  "a": 1\n}\n{\n  "a": 2\n}\n',
        b'\n\n[\n  {"a": 1},\n  {"a": 2}\n]\n',
        b'{"a": {\n"b": 1}}\n',
        b'\xef\xbb\xbf{\r\n"a": 1\r\n}\r\n',
    ],
)
def test_json_over_several_lines_is_told_once_where_each_line_has_to_be_an_object(content: bytes) -> None:
    with pytest.raises(InputFileError) as caught:
        rows("a.jsonl", content)
    assert caught.value.code == "json_over_lines"
    assert "jq -c" in str(caught.value)


def test_marks_in_the_middle_are_no_part_of_a_row() -> None:
    content = b'\xef\xbb\xbf{"a": 1}\n\xef\xbb\xbf{"a": 2}\r\n{"a": 3}\n'
    assert values("a.jsonl", content) == [{"a": 1}, {"a": 2}, {"a": 3}]
    assert values("a.json", content) == [{"a": 1}, {"a": 2}, {"a": 3}]
