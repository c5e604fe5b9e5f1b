"""csv and tsv: every record is a row or a bad row, whatever the file looks like."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import InputFileError
from formats.rows import BadRow, Row, RowBlock
from formats.text import decoding, delimited, record_lines
from tests.formats.memory_files import bounded, opened, rows, told, values


def test_a_table_gives_its_columns_and_rows() -> None:
    table = opened("a.csv", b"id,text\n1,one\n2,\n")
    assert table.columns == ("id", "text")
    assert table.types is None
    assert list(table.rows) == [Row(0, {"id": "1", "text": "one"}, 2), Row(1, {"id": "2", "text": ""}, 3)]


def test_real_data_comes_whole(shared_data: Path) -> None:
    found = rows("billsum-0.csv", (shared_data / "billsum-0.csv").read_bytes())
    assert [row.number for row in found] == list(range(49))
    assert all(isinstance(row, Row) and set(row.values) == {"text", "summary", "title"} for row in found)
    assert all(row.values["text"] for row in found if isinstance(row, Row))


@pytest.mark.parametrize("encoding", ["utf-8", "UTF8", "utf-8-sig"])
def test_a_byte_order_mark_is_no_part_of_a_name(encoding: str) -> None:
    assert values("a.csv", b"\xef\xbb\xbfa\n1\n", encoding=encoding) == [{"a": "1"}]


@pytest.mark.parametrize("encoding", ["utf-16-le", "UTF_16BE", "utf-32-le", "utf-32-be"])
def test_a_mark_is_no_part_of_a_name_where_the_byte_order_is_said_as_well(encoding: str) -> None:
    assert values("a.csv", "\ufeffa\n1\n".encode(encoding), encoding=encoding) == [{"a": "1"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "cp437"])
def test_the_encoding_is_the_one_that_is_named(encoding: str) -> None:
    content = 'naïve,b\n"ü\nö",2\n'.encode(encoding)
    assert values("a.csv", content, encoding=encoding) == [{"naïve": "ü\nö", "b": "2"}]


@pytest.mark.parametrize(
    "encoding", ["klingon", "", "base64", "rot13", "idna", "unicode_escape", "a\0b", "../x"]
)
def test_an_encoding_nobody_knows_is_named(encoding: str) -> None:
    with pytest.raises(InputFileError, match="encoding") as raised:
        opened("a.csv", b"a\n1\n", encoding=encoding)
    assert raised.value.code == "unknown_encoding"
    assert repr(encoding) in str(raised.value)


def test_a_delimiter_can_be_named() -> None:
    assert values("a.csv", b'a;b\n"1;2";3,4\n', delimiter=";") == [{"a": "1;2", "b": "3,4"}]
    assert opened("a.csv", b"a;b\n1;2\n", delimiter=",").columns == ("a;b",)
    assert opened("a.csv", b'"a,b"\n1\n').columns == ("a,b",)
    assert values("a.tsv", b'a\tb\n1,5\t"x\ty"\n') == [{"a": "1,5", "b": "x\ty"}]
    with pytest.raises(InputFileError, match="delimiter"):
        opened("a.csv", b"a\n", delimiter=";;")


@pytest.mark.parametrize(
    ("name", "header", "delimiter"),
    [("a.csv", b"id;text", '";"'), ("a.csv", b"id\ttext", '"\\t"'), ("a.tsv", b"id,text", '","')],
)
def test_a_header_of_one_column_that_looks_like_several_is_refused(
    name: str, header: bytes, delimiter: str
) -> None:
    with pytest.raises(InputFileError) as caught:
        opened(name, header + b"\n1\n")
    assert caught.value.code == "bad_header"
    assert f"`delimiter: {delimiter}`" in str(caught.value)


def test_only_wanted_columns_are_given_when_some_are_named() -> None:
    table = opened("a.csv", b"a,b,c\n1,2,3\n", wanted=["c", "a", "unknown"])
    assert table.columns == ("a", "b", "c")
    assert told(list(table.rows)) == [{"a": "1", "c": "3"}]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a,b\n", []),
        (b"a,b", []),
        (b"\n\r\n a,b\n1,2\n", [{" a": "1", "b": "2"}]),
        (b"a,b\n\n1,2\n\n\n  \n3,4\n\n", [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]),
        (b'a\n""\n\n" "\n \n', [{"a": ""}, {"a": " "}, {"a": " "}]),
        (b"a,b\n,\n", [{"a": "", "b": ""}]),
        (b'a,b\r\n"one\r\ntwo",2\r3,4', [{"a": "one\r\ntwo", "b": "2"}, {"a": "3", "b": "4"}]),
        (b'a,b\n5" pipe,"say ""hi"""\n', [{"a": '5" pipe', "b": 'say "hi"'}]),
        ("a,b\nx\u2028y,\x85\x0b\x0c\x1c\n".encode(), [{"a": "x\u2028y", "b": "\x85\x0b\x0c\x1c"}]),
        (b"a,b\n1,2,3\n1\n4,5\n", [("ragged_row", 2), ("ragged_row", 3), {"a": "4", "b": "5"}]),
        (b'a,b\n"x" y,1\n3,4\n', [("bad_quotes", 2), {"a": "3", "b": "4"}]),
        (b'a,b\n1,"x\n3,4\n5,6\n', [("unclosed_quote", 2), {"a": "3", "b": "4"}, {"a": "5", "b": "6"}]),
        (b'a,b\n1,"x\n3,4\n5,"y"\n', [("unclosed_quote", 2), {"a": "3", "b": "4"}, {"a": "5", "b": "y"}]),
        (b'a,b\n1,"x', [("unclosed_quote", 2)]),
        (b"a,b\n1,\xff\n3,4\n", [("invalid_encoding", 2), {"a": "3", "b": "4"}]),
        (b'a,b\n"1\n\xff\n",2\n3,4\n', [("invalid_encoding", 2), {"a": "3", "b": "4"}]),
        (b"a,b\n1,\x00\n3,4\n", [("nul_character", 2), {"a": "3", "b": "4"}]),
        (b"a,b\n3,4\n1,\xe2\x82", [{"a": "3", "b": "4"}, ("invalid_encoding", 3)]),
    ],
)
def test_a_bad_record_costs_that_record(content: bytes, expected: list[object]) -> None:
    assert told(rows("a.csv", content)) == expected


def test_a_bad_row_says_what_was_expected_and_shows_what_was_found() -> None:
    assert rows("a.csv", b"a,b\n\n1,2,3\r\n") == [
        BadRow(0, "ragged_row", "Expected 2 fields as in the header, found 3.", "1,2,3", 3)
    ]
    (bad,) = rows("a.csv", b"a,b\n\xff" + b"x" * 5000 + b"\n")
    assert isinstance(bad, BadRow)
    assert bad.shown == "\ufffd" + "x" * 1999


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"", "empty_file", "empty"),
        (b"\n\n", "empty_file", "blank"),
        (b",column_1\n1,2\n", "bad_header", "'column_1' more than once"),
        (b"a,b,a\n1,2,3\n", "bad_header", "'a' more than once"),
        (b'\n\na,"b\n1,2\n', "bad_header", "line 3 is not closed as it should be up to line 4"),
        (b'a,"b"x\n1,2\n', "bad_header", "quote"),
        (b"a,\xff\n1,2\n", "bad_header", "encoding"),
        (b"a,\x00\n1,2\n", "bad_header", "NUL"),
        (b"\x89PNG\r\n\x1a\n\x00\x00" + bytes(range(256)) * 9, "not_text", "PNG"),
        (b"PK\x03\x04\x14\x00" + bytes(range(256)) * 9, "not_text", "Excel"),
        (bytes(range(256)) * 30, "not_text", "control"),
        ("Привет,мир\n".encode("cp1251") * 9, "not_text", "encoding"),
        ("a,b\n".encode("utf-16"), "not_text", "UTF-16"),
        ("a,b\n".encode("utf-32"), "not_text", "UTF-32"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_a_reason(content: bytes, code: str, message: str) -> None:
    with pytest.raises(InputFileError, match=message) as raised:
        rows("a.csv", content)
    assert raised.value.code == code


def test_a_column_may_be_called_like_a_file_type() -> None:
    assert values("a.csv", b"PAR1,x\n1,2\n") == [{"PAR1": "1", "x": "2"}]


def test_very_long_fields_are_fine() -> None:
    long = "x\n" * 500_000
    (row,) = values("a.csv", f'a,b\n"{long}",2\n'.encode())
    assert row["a"] == long
    (row,) = values("a.csv", b"a,b\n" + b"y" * delimited.MAX_FIELD_CHARACTERS + b",2\n")
    assert len(row["a"]) == delimited.MAX_FIELD_CHARACTERS


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_lines, "MAX_RECORD_CHARACTERS", 100)
    monkeypatch.setattr(delimited, "LONG_CHARACTERS", 100)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a\n" + b"x" * 39 + b"\ny\n", [{"a": "x" * 39}, {"a": "y"}]),
        (b"a\n" + b"x" * 100 + b"\ny\n", [("row_too_long", 2), {"a": "y"}]),
        (b"a\n" + b"x" * 100, [("row_too_long", 2)]),
        (b'a\n"' + b"x" * 100 + b"\ny\n", [("row_too_long", 2), {"a": "y"}]),
        (
            b'a\n"b\n' + b"x" * 100 + b"\ny\n",
            [("unclosed_quote", 2), ("row_too_long", 3), {"a": "y"}],
        ),
        (b'a\n"' + b"123456789\n" * 11, [("unclosed_quote", 2), *[{"a": "123456789"}] * 10]),
    ],
)
def test_memory_stays_bounded(small_limits: None, content: bytes, expected: list[object]) -> None:
    assert told(rows("a.csv", content, allowance=bounded(value_bytes=40))) == expected


def test_a_field_above_the_limit_costs_its_row() -> None:
    content = b"a,b\n" + b"y" * (delimited.MAX_FIELD_CHARACTERS + 1) + b",2\n3,4\n"
    assert told(rows("a.csv", content)) == [("field_too_long", 2), {"a": "3", "b": "4"}]


def test_a_quote_that_opens_before_much_text_swallows_none_of_it() -> None:
    lines = b"12345678,abcdefg\n" * 1_100_000  # 18 MiB
    found = rows("a.csv", b'a,b\n1,"open\n' + lines)
    assert told(found[:2]) == [("unclosed_quote", 2), {"a": "12345678", "b": "abcdefg"}]
    assert len(found) == 1_100_001


field = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8) | st.sampled_from(
    ['"', '""', "\n", "\r\n", "\r", ",", "\t", "", " ", "\ufeff", "x\u2028"]
)


@given(
    table=st.integers(2, 4).flatmap(lambda n: st.lists(st.lists(field, min_size=n, max_size=n), max_size=6)),
    places=st.lists(st.integers(0, 500), max_size=8),
    name=st.sampled_from(["a.csv", "a.tsv"]),
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-32", "gb18030"]),
    writing=st.sampled_from(
        [
            # With others it leaves line ends unquoted.
            {
                "lineterminator": "\r\n",
                "quoting": csv.QUOTE_MINIMAL,
            },
            *[{"lineterminator": end, "quoting": csv.QUOTE_ALL} for end in ("\n", "\r\n", "\r")],
        ]
    ),
)
def test_what_a_csv_writer_writes_is_read(
    table: list[list[str]], places: list[int], name: str, encoding: str, writing: dict[str, Any]
) -> None:
    written = io.StringIO(newline="")
    writer = csv.writer(written, delimiter="\t" if name == "a.tsv" else ",", **writing)
    columns = [f"c{i}" for i in range(len(table[0]) if table else 2)]
    writer.writerows([columns, *table])
    found = rows(name, written.getvalue().encode(encoding), places, encoding=encoding)
    assert told(found) == [dict(zip(columns, record, strict=True)) for record in table]


nasty = st.lists(
    st.sampled_from(
        [b'"', b",", b"\n", b"\r", b"\r\n", b"a", b"\xff", b"\xe2\x82\xac", b"\x00", b'""', b" ", b'x"']
    )
).map(b"".join)


@given(content=nasty, places=st.lists(st.integers(0, 100), max_size=8))
def test_rows_do_not_depend_on_how_the_bytes_arrive(content: bytes, places: list[int]) -> None:
    content = b"a,b\n" + content
    assert rows("a.csv", content, places) == rows("a.csv", content)


@given(content=nasty)
def test_every_line_that_is_not_blank_belongs_to_a_row(content: bytes) -> None:
    """Rows begin one behind the other, and the lines between two beginnings are the first one's, or blank."""
    content = b"a,b\n" + content
    found = rows("a.csv", content)
    lines = content.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    begins = [row.line for row in found]
    assert begins == sorted(set(begins))  # type: ignore[type-var] # csv rows have a line
    first = next((number for number, line in enumerate(lines, 1) if number > 1 and line.strip()), None)
    assert (begins[0] if begins else None) == first
    for row, end in zip(found, [*begins[1:], len(lines) + 1], strict=False):
        assert row.line is not None
        assert end is not None
        lines_of_the_row = [line for line in lines[row.line - 1 : end - 1] if line.strip()]
        assert (
            len(lines_of_the_row) == 1
            or isinstance(row, Row)
            or row.code in ("ragged_row", "invalid_encoding", "nul_character")
        )


layouts = st.fixed_dictionaries(
    {},
    optional={
        "quote": st.sampled_from(["none", '"', "'"]),
        "escape": st.just("\\"),
        "header": st.just(False),
        "comment": st.just("#"),
        "encoding": st.sampled_from(["cp1252", "utf-16-le"]),
    },
)
hostile = st.lists(
    st.sampled_from(["1,2\n", '3,"x ""y"", z"\n', '5,"l\nm"\r\n', '7, "q"\n', "a,b\n", "a", "é", "€", "😀"])
    | st.sampled_from(list("\"\n\r\0 ,\\#'\ufeff\u2028\x0b\x1c")),
    max_size=20,
).map("".join)


@given(
    content=hostile,
    name=st.sampled_from(["a.csv", "a.tsv"]),
    layout=layouts,
    wanted=st.none() | st.sampled_from([[], ["b"]]),
    most=st.sampled_from([12, 30, 1000]),
    tail=st.sampled_from([b"", b"\xe2\x82", b"\xff,x\n1,2\n"]),
)
def test_usual_rows_are_what_a_closer_look_gives(
    *, content: str, name: str, layout: dict[str, Any], wanted: list[str] | None, most: int, tail: bytes
) -> None:
    """Rows that are read together are the same, with the same lines, as one by one; so are errors, and their messages."""
    text = ("a,b\n" + content).replace(",", "\t" if name == "a.tsv" else ",")
    written = text.encode(layout.get("encoding", "utf-8"), "replace") + tail

    def read() -> list[object]:
        try:
            allowance = bounded(value_bytes=most)
            return [*rows(name, written, wanted=wanted, allowance=allowance, **layout)]
        except InputFileError as error:
            return [error.code, str(error)]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(decoding, "PIECE_BYTES", 11)
        patched.setattr(record_lines, "HANDFUL_CHARACTERS", 40)
        together = read()
        patched.setattr(delimited.DelimitedReader, "_usual_rows", lambda *_: None)
        assert together == read()


@given(
    table=st.lists(st.tuples(*[st.text('ab \t\n"', max_size=6)] * 3), min_size=1, max_size=5),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_quoted_line_ends_of_a_tsv_are_what_a_closer_look_gives(
    table: list[tuple[str, ...]], quoting: Any, end: str
) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, delimiter="\t", quoting=quoting, lineterminator=end).writerows(
        [("a", "b", "c"), *table]
    )
    content = written.getvalue().encode()
    together = rows("a.tsv", content)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(delimited.DelimitedReader, "_usual_rows", lambda *_: None)
        assert together == rows("a.tsv", content)


@pytest.mark.parametrize(("name", "mark"), [("a.csv", ","), ("a.tsv", "\t")])
def test_rows_with_quoted_line_ends_are_read_together(name: str, mark: str) -> None:
    content = f"id{mark}text\n" + "".join(f'{n}{mark}"a ""{n}"",\nend"\r\n' for n in range(20_000)) + "\n"
    together = found = 0
    for block in opened(name, content.encode()).blocks:
        for row in block:
            assert row.line == 2 + 2 * row.number
            found += 1
        together += block.rows if isinstance(block, RowBlock) else 0
    assert found == 20_000
    assert together > 19_000


def test_quotes_in_disorder_do_not_take_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these lines opens a quote, and within a quote closes it and opens the next."""
    lines = b'a""","x\n' * 300
    assert len(rows("a.csv", b"a,b\n" + lines)) == 300
    monkeypatch.setattr(record_lines, "MAX_RECORD_CHARACTERS", 20_000)
    with pytest.raises(InputFileError, match="no rows can be told apart") as caught:
        rows("a.csv", b"a,b\n" + lines)
    assert caught.value.code == "bad_quotes"
    lonely = b'1,"x\n' + b"2,y\n" * 300
    assert len(rows("a.csv", b"a,b\n" + lonely * 50)) == 50 * 301


# --- as tools write them ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [b"sep=;", b'"sep=;"', b"SEP=;", b"sep=;;;"])
@pytest.mark.parametrize("delimiter", [None, ";"])
def test_a_first_line_of_excel_names_the_delimiter(line: bytes, delimiter: str | None) -> None:
    content = line + b"\r\nid;text\r\n1;a,b\r\n2\r\n"
    table = opened("a.csv", content, delimiter=delimiter)
    assert (table.columns, table.layout.delimiter) == (("id", "text"), ";")
    assert told(list(table.rows)) == [{"id": "1", "text": "a,b"}, ("ragged_row", 4)]


def test_such_a_line_may_name_the_usual_delimiter_or_a_tab() -> None:
    assert values("a.csv", b"sep=,\na,b\n1,2\n") == [{"a": "1", "b": "2"}]
    assert values("a.csv", b"sep=\t\na\tb\n1\t2\n") == [{"a": "1", "b": "2"}]
    assert values("a.csv", b"sep=\\t\na\tb\n1\t2\n") == [{"a": "1", "b": "2"}]
    assert values("a.csv", "sep=;\na;b\n1;2\n".encode("utf-16"), encoding="utf-16") == [{"a": "1", "b": "2"}]
    assert values("a.csv", b"sep=;\n1;2\n", header=False) == [{"column_1": "1", "column_2": "2"}]
    assert values("a.csv", b"a,sep\nsep=;,1\n") == [{"a": "sep=;", "sep": "1"}]


UNQUOTED = [
    (b'1\t"open here\n2\tclosed here"\n3\tlast\n', ['"open here', 'closed here"', "last"]),
    (b'1\t"never closed\n2\tx\n3\ty\n', ['"never closed', "x", "y"]),
    (b'1\t"quoted" word first\n2\t5" screen\n', ['"quoted" word first', '5" screen']),
    (b'1\t"a\n2\tb\n3\tc"\n4\td\n', ['"a', "b", 'c"', "d"]),
    (b'1\t""\n2\t"x""\n3\ty\n', ["", '"x""', "y"]),
]


@pytest.mark.parametrize(("content", "texts"), UNQUOTED)
@pytest.mark.parametrize("quote", ["auto", "none"])
def test_a_tsv_without_quoting_has_a_row_for_each_line(content: bytes, texts: list[str], quote: str) -> None:
    found = values("a.tsv", b"id\ttext\n" + content, quote=quote)
    assert [row["id"] for row in found] == [str(number) for number in range(1, len(texts) + 1)]
    if quote == "none":
        assert [row["text"] for row in found] == [
            line.split("\t")[1] for line in content.decode().splitlines()
        ]
    else:
        assert [row["text"] for row in found] == texts


def test_a_quoted_tsv_keeps_its_fields_together() -> None:
    content = b'id\ttext\tn\n1\t"two\nlines"\t3\n2\t"a\tb"\t4\n3\t"say ""hi"""\t5\n'
    for quote in ("auto", '"'):
        found = values("a.tsv", content, quote=quote)
        assert [row["text"] for row in found] == ["two\nlines", "a\tb", 'say "hi"']


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'text\n"open\nclosed"\nx\n', [("unclear_quotes", 2), {"text": "x"}]),
        (
            b'id\tcode\n1\t"def f():\n\treturn 1"\n2\tx\n',
            [("unclear_quotes", 2), {"id": "2", "code": "x"}],
        ),
    ],
)
def test_quotes_that_may_be_either_are_told_and_not_sent(content: bytes, expected: list[object]) -> None:
    assert told(rows("a.tsv", content)) == expected
    assert all(isinstance(row, Row) for row in rows("a.tsv", content, quote="none"))
    assert all(isinstance(row, Row) for row in rows("a.tsv", content, quote='"'))


cell = st.text(st.sampled_from("ab \"'\\.;,é"), max_size=6)


@given(table=st.lists(st.tuples(st.integers(0, 99).map(str), cell), max_size=8))
def test_a_tsv_never_has_fewer_rows_than_lines_without_a_word(table: list[tuple[str, str]]) -> None:
    content = "id\ttext\n" + "".join(f"{number}\t{text}\n" for number, text in table)
    found = rows("a.tsv", content.encode())
    # A row is one line; what takes several is reported.
    begins = [row.line or 0 for row in found]
    lines = [behind - begin for begin, behind in zip(begins, [*begins[1:], len(table) + 2], strict=False)]
    assert all(count == 1 or isinstance(row, BadRow) for count, row in zip(lines, found, strict=True))
    assert sum(lines) == len(table)
    plain = values("a.tsv", content.encode(), quote="none")
    assert [(row["id"], row["text"]) for row in plain] == table


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'id, text\n1, "Hello, world"\n2, "plain"\n3,"ok"\n', ["Hello, world", "plain", "ok"]),
        (b'id, "text"\n1,   "a ""b"""\n', ['a "b"']),
        (b'id,text\n1, "Twas the night\n2, 5" screen\n', [' "Twas the night', ' 5" screen']),
        (b'id,text\n1,"He said, ""no"""\n2, plain\n', ['He said, "no"', " plain"]),
    ],
)
def test_blanks_before_a_quote_are_no_part_of_the_value(content: bytes, expected: list[str]) -> None:
    assert [row["text"] for row in values("a.csv", content)] == expected


def test_other_quotes_escapes_remarks_and_titles_can_be_named() -> None:
    assert values("a.csv", b"a,b\n'1,2','it''s'\n", quote="'") == [{"a": "1,2", "b": "it's"}]
    assert values("a.csv", b'a,b\n"say \\"hi\\"",x\\,y\n', escape="\\") == [{"a": 'say "hi"', "b": "x,y"}]
    assert values("a.tsv", b"a\tb\nx\\\ty\t2\n", escape="\\", quote="none") == [{"a": "x\ty", "b": "2"}]
    content = b'Report of "May\n\na,b\n# a remark, "open\n1,"x\n# no remark"\n#2,y\n3,z\n'
    assert rows("a.csv", content, skip_lines=2, comment="#") == [
        Row(0, {"a": "1", "b": "x\n# no remark"}, 5),
        Row(1, {"a": "3", "b": "z"}, 8),
    ]


def test_a_file_without_a_header_loses_no_row() -> None:
    content = b'"Hello there",1\n"Good\nbye",2\n'
    assert opened("a.csv", content, header=False).columns == ("column_1", "column_2")
    assert rows("a.csv", content, header=False)[0] == Row(0, {"column_1": "Hello there", "column_2": "1"}, 1)
    found = values("a.csv", content, header=False, columns=("text", "n"))
    assert found == [{"text": "Hello there", "n": "1"}, {"text": "Good\nbye", "n": "2"}]
    assert told(rows("a.csv", b"1,2,3\n", header=False, columns=("a", "b"))) == [("ragged_row", 1)]
    assert values("a.csv", b"same,same\n1,2\n", header=False)[1] == {"column_1": "1", "column_2": "2"}
    with pytest.raises(InputFileError, match="header: false"):
        opened("a.csv", b"yes,yes,no\n1,2,3\n")


def test_joined_files_are_read_on() -> None:
    content = '\ufeffid,text\n1,a\n\ufeffid,text\n2,b\n\ufeff3,c\n\ufeff"4","d, e"\nid,text\n'.encode()
    assert told(rows("a.csv", content)) == [
        {"id": "1", "text": "a"},
        ("repeated_header", 3),
        {"id": "2", "text": "b"},
        {"id": "3", "text": "c"},
        {"id": "4", "text": "d, e"},
        ("repeated_header", 7),
    ]
    wide = content.decode().encode("utf-16-le")
    assert told(rows("a.csv", wide, encoding="utf-16")) == told(rows("a.csv", content))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("für, ähnlich, schön, groß", "cp1252"),
        ("été, déjà, garçon, Noël", "cp1252"),
        ("Привет, как дела, пока", "cp1251"),
        ("Привет, как дела, пока", "koi8_r"),
        ("こんにちは, 今日はいい天気, ありがとう", "shift_jis"),
        ("こんにちは, 今日はいい天気, ありがとう", "euc_jp"),
        ("你好世界, 今天天气很好, 谢谢大家", "gb18030"),
        ("안녕하세요, 반갑습니다, 감사합니다", "euc_kr"),
        ("für, ähnlich, schön", "utf-16-le"),
        ("für, ähnlich, schön", "utf-16-be"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.tsv"])
def test_the_likely_encoding_is_named_and_never_used(name: str, text: str, encoding: str) -> None:
    content = ("text\n" + "\n".join(text.split(", ")) + "\n").encode(encoding)
    with pytest.raises(InputFileError) as caught:
        opened(name, content)
    assert caught.value.code == "not_text"
    assert f"`encoding: {encoding}`" in str(caught.value)
    assert text[:2] in str(caught.value)
    assert len(rows(name, content, encoding=encoding)) >= 3


def test_a_few_bad_bytes_are_damage_and_no_encoding() -> None:
    found = rows("a.csv", b"a,b\n1,f\xfcr\n2,x\n3,\xe4\n")
    assert told(found) == [("invalid_encoding", 2), {"a": "2", "b": "x"}, ("invalid_encoding", 4)]
    assert isinstance(found[0], BadRow)
    assert "encoding: cp1252" in found[0].message
