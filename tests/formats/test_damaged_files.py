"""Whatever happens to the bytes of a file: rows, bad rows, or a reason. Never another exception, never silence."""

import gzip
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InputFileError
from formats.rows import BadRow, Row
from tests.formats.arrow.test_parquet_and_arrow import as_arrow_file, as_arrow_stream, as_feather, as_parquet
from tests.formats.memory_files import opened

TABLE = pa.table(
    {
        "text": pa.array([str(number) for number in range(60)]),
        "category": pa.array(["x", None, "y"] * 20).dictionary_encode(),
        "list": pa.array([[number, None] for number in range(60)]),
        "struct": pa.array([{"a": number, "b": "text"} for number in range(60)]),
        "decimal": pa.array([Decimal("1.25")] * 60),
        "time": pa.array([datetime(2020, 1, 1, tzinfo=UTC)] * 60),
        "map": pa.array([[("k", number)] for number in range(60)], pa.map_(pa.string(), pa.int8())),
        "bytes": pa.array([b"\xff"] * 60),
    }
)
OBJECT = '{"a": [1, {"b": "x\\n"}], "c": null, "d": 1.5e3, "€": "ü"}'
CSV = 'a,b,c\n1,"x\ny",€\n2,"say ""hi""",\n'.encode() + b"3,4,5\n" * 20

FILES = [
    ("a.csv", CSV),
    ("a.csv.gz", gzip.compress(CSV, mtime=0) + gzip.compress(CSV, mtime=0)),
    ("a.tsv", CSV.replace(b",", b"\t")),
    ("a.txt", "line\nzeile ü\r\n".encode() * 20),
    ("a.jsonl", f"{OBJECT}\n".encode() * 20),
    ("a.json", f"[{', '.join([OBJECT] * 20)}]".encode()),
    ("a.json", f"{json.dumps(json.loads(OBJECT), indent=2)}\n".encode() * 20),
    ("a.parquet", as_parquet(TABLE, row_group_size=25)),
    ("a.parquet", as_parquet(TABLE, use_dictionary=False, compression=None, write_page_checksum=True)),
    ("a.parquet", as_parquet(TABLE, compression="zstd", data_page_version="2.0")),
    ("a.arrow", as_arrow_file(TABLE, max_chunksize=25)),
    ("a.arrow", as_arrow_stream(TABLE, max_chunksize=25)),
    ("a.feather", as_feather(TABLE)),
]

Change = tuple[str, int, bytes]

changes = st.lists(
    st.tuples(
        st.sampled_from(["put", "insert", "remove", "end"]),
        st.integers(0, 1_000_000),
        st.binary(min_size=1, max_size=8)
        | st.sampled_from([b"\xff" * 8, bytes(8), b'"', b"\n", b"{", b"\x7f" * 4]),
    ),
    min_size=1,
    max_size=4,
)


def changed(content: bytes, applied: list[Change]) -> bytes:
    for what, where, some in applied:
        place = where % (len(content) + 1)
        before, after = content[:place], content[place:]
        match what:
            case "put":
                content = before + some + after[len(some) :]
            case "insert":
                content = before + some + after
            case "remove":
                content = before + after[len(some) * 4 :]
            case _:
                content = before
    return content


def survives(name: str, content: bytes, **options: Any) -> list[Row | BadRow]:
    """Read until the end, or until the file is refused; rows are numbered without a gap and bad ones have a reason."""
    found: list[Row | BadRow] = []
    refusals: list[InputFileError] = []
    try:
        found.extend(opened(name, content, **options).rows)
    except InputFileError as error:
        refusals.append(error)
    assert all(str(error) and error.code for error in refusals)
    assert [row.number for row in found] == list(range(len(found)))
    assert all(row.code and row.message for row in found if isinstance(row, BadRow))
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file[0])
@settings(max_examples=100, derandomize=True)  # a damaged parquet page may ask for much memory
@given(applied=changes)
def test_damage_has_a_reason(file: tuple[str, bytes], applied: list[Change]) -> None:
    name, content = file
    survives(name, changed(content, applied))


@pytest.mark.parametrize("file", FILES[:7], ids=lambda file: file[0])
@given(
    applied=changes,
    encoding=st.sampled_from(
        [
            "utf-16",
            "utf-16-le",
            "utf-32",
            "utf-7",
            "shift_jis",
            "gb18030",
            "iso2022_jp",
            "hz",
            "cp1252",
            "cp037",
        ]
    ),
)
def test_a_wrong_encoding_has_a_reason(file: tuple[str, bytes], applied: list[Change], encoding: str) -> None:
    name, content = file
    survives(name, changed(content, applied), encoding=encoding)


@pytest.mark.parametrize("name", sorted({name for name, _ in FILES}))
@given(content=st.binary(max_size=200))
def test_bytes_without_a_sense_have_a_reason(name: str, content: bytes) -> None:
    survives(name, content)
    survives(name, b"ARROW1\0\0" + content + b"\xff\xff\xff\xff\0\0\0\0")
    survives(name, b"PAR1" + content + len(content).to_bytes(4, "little") + b"PAR1")


@given(
    line=st.integers(0, 19), change=st.binary(min_size=1, max_size=4).filter(lambda some: b"\n" not in some)
)
def test_damage_within_a_line_costs_that_line(line: int, change: bytes) -> None:
    lines = [OBJECT.encode()] * 20
    lines[line] = lines[line][:9] + change + lines[line][9:]
    found = survives("a.jsonl", b"\n".join(lines))
    assert len(found) == 20
    assert {row.number for row in found if isinstance(row, BadRow)} <= {line}


def test_a_page_that_fails_its_checksum_ends_the_rows() -> None:
    content = as_parquet(
        TABLE, row_group_size=25, compression=None, use_dictionary=False, write_page_checksum=True
    )
    assert len(survives("a.parquet", content)) == 60
    footer = int.from_bytes(content[-8:-4], "little") + 8
    end = len(content) - footer
    damaged = content[: end - 1] + bytes([content[end - 1] ^ 1]) + content[end:]
    assert len(survives("a.parquet", damaged)) == 50


def test_a_number_of_endless_digits_costs_its_row() -> None:
    """Some parsers end the whole process here."""
    found = survives("a.json", b'[{"a": 1}, {"a": ' + b"1" * 100_000 + b'}, {"a": 1}]')
    assert [type(row) for row in found] == [Row, BadRow, Row]


def test_a_small_file_may_unpack_to_much() -> None:
    sink = io.BytesIO()
    with gzip.open(sink, "wb") as packed:
        packed.write(b"a\n")
        for _ in range(40):
            packed.write(b"x" * 1_000_000)
    found = survives("a.csv.gz", sink.getvalue())
    assert [row.code for row in found if isinstance(row, BadRow)] == ["row_too_long"]
