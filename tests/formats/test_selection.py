"""Chosen rows come out in the format they came in, and are read back equal."""

import csv
import gzip
import io
import json
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.storage.account import open_storage
from domain.settings import Settings
from formats import selection
from formats.arrow import selection as typed_selection
from formats.file_types import file_type
from formats.rows import Row
from formats.selection import open_selection
from tests.conftest import Containers
from tests.formats.arrow.test_parquet_and_arrow import as_arrow_file, as_arrow_stream, as_parquet, tables
from tests.formats.memory_files import MemoryFile, opened, rows, told, values


class WriteOnly:
    """What storage offers: bytes go in, one after the other."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, content: bytes) -> None:
        assert isinstance(content, bytes)
        self.pieces.append(content)

    @property
    def content(self) -> bytes:
        return b"".join(self.pieces)


def selected(name: str, content: bytes, numbers: set[int], **options: Any) -> bytes:
    """Select rows of a file by their numbers."""
    kind, source, sink = file_type(name), MemoryFile(content), WriteOnly()
    assert kind
    table = opened(name, content, **options)
    chosen = open_selection(
        sink,
        source,
        kind,
        columns=table.columns,
        encoding=options.get("encoding", "utf-8"),
        layout=table.layout,
        has_sep_line=table.has_sep_line,
    )
    for row in table.rows:
        if isinstance(row, Row) and row.number in numbers:
            chosen.add(row)
    chosen.close()
    return sink.content


def check(name: str, content: bytes, numbers: set[int], **options: Any) -> bytes:
    """Select rows, and compare what is read back."""
    expected = [r for r in rows(name, content, **options) if isinstance(r, Row) and r.number in numbers]
    again = selected(name, content, numbers, **options)
    if expected:
        assert values(name, again, **options) == told(expected)
    else:
        assert again == b""
    return again


FILES = {
    "a.csv": b'id,text\n1,"one\nline"\n2,two,too many\n3,"th""ree"\n4, \n',
    "a.tsv": b"id\ttext\n1\tone\n2\n3\tthree, and more\n4\tx\n",
    "a.txt": b"one\n\n\xff\nthree\nfour\n",
    "a.jsonl": b'{"a": [1.5, null]}\nbroken\n{"a": 0.1234567890123456789}\n{"b": "\xc3\xbc"}',
    "a.json": b'[{"a": [1.5, null]}, 7, {"a": 12345678901234567890123}, {"b": "\xc3\xbc"}]',
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("numbers", [{0, 1, 2, 3}, {2}, {0, 3}, set()])
def test_chosen_rows_are_read_back_equal(name: str, numbers: set[int]) -> None:
    check(name, FILES[name], numbers)
    packed = check(name + ".gz", gzip.compress(FILES[name]), numbers)
    assert packed == b"" or gzip.decompress(packed) == selected(name, FILES[name], numbers)


def test_the_formats_look_as_people_expect() -> None:
    assert selected("a.csv", FILES["a.csv"], {0, 2}) == b'id,text\r\n1,"one\nline"\r\n3,"th""ree"\r\n'
    assert selected("a.txt", FILES["a.txt"], {0, 3}) == b"one\nfour\n"
    assert selected("a.jsonl", FILES["a.jsonl"], {0, 2}) == b'{"a":[1.5,null]}\n{"a":0.1234567890123456789}\n'
    assert json.loads(selected("a.json", FILES["a.json"], {0, 2, 3})) == [
        {"a": [1.5, None]},
        {"a": 12345678901234567890123},
        {"b": "ü"},
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "utf-8-sig", "iso2022_jp", "utf-32-le"])
def test_the_encoding_stays(encoding: str) -> None:
    text = "日本" if encoding == "iso2022_jp" else "ü"
    for name, content in {
        "a.csv": f"a;b\n{text};1\n",
        "a.txt": f"{text}\n{text}",
        "a.json": '[{"a": "' + text + '"}]',
    }.items():
        options: dict[str, Any] = {"encoding": encoding}
        if name == "a.csv":
            options["delimiter"] = ";"
        check(name, content.encode(encoding), {0, 1}, **options)


def test_a_mark_that_is_text_stays_text() -> None:
    check("a.txt", "first\n\ufeffsecond\n".encode(), {1})
    check("a.csv", "\ufeff\ufeffa,b\n1,2\n".encode(), {0})


def test_rows_leave_in_pieces() -> None:
    content = b"a\n" + b"x" * 99 + b"\n"
    content += (b"y" * 99 + b"\n") * 20_000
    sink, kind = WriteOnly(), file_type("a.csv")
    assert kind
    chosen = open_selection(sink, MemoryFile(content), kind, columns=("a",))
    for number in range(20_000):
        chosen.add(Row(number, {"a": "y" * 99}))
    assert sum(map(len, sink.pieces)) > 1_500_000
    assert max(map(len, sink.pieces)) < 2 * selection.PIECE_CHARACTERS
    chosen.close()
    assert len(sink.content) == 3 + 101 * 20_000


UNUSUAL = {
    "ns": pa.array([1, None, 1000, 5], pa.timestamp("ns", "Europe/Berlin")),
    "late": pa.array([0, 10**10, None, 1], pa.timestamp("s")),
    "duration": pa.array([1, 2, None, 3], pa.duration("ns")),
    "bytes": pa.array([b"\x00\xff", None, b"", b"x"]),
    "category": pa.array(["x", None, "y", "x"]).dictionary_encode(),
    "map": pa.array([[("k", b"1")], None, [], [("k", None)]], pa.map_(pa.string(), pa.binary())),
    "struct": pa.array([{"a": {"b": [1]}}, None, {"a": None}, {"a": {"b": None}}]),
    "half": pa.array([1.5, None, 2, 3], pa.float32()).cast(pa.float16()),
    "id": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0123456789abcdef"] * 4, pa.binary(16))),
    "nothing": pa.nulls(4),
}


@pytest.mark.parametrize("numbers", [{0, 1, 2, 3}, {2}, {1, 3}, set()])
def test_typed_rows_keep_their_very_types(numbers: set[int]) -> None:
    table = pa.table(UNUSUAL).replace_schema_metadata({"note": "kept"})
    assert len(rows("a.parquet", as_parquet(table))) == 4
    again = selected("a.parquet", as_parquet(table, row_group_size=3), numbers)
    if not numbers:
        assert again == b""
        return
    kept = table.take(sorted(numbers))
    found = pq.read_table(io.BytesIO(again))
    assert found.schema.metadata[b"note"] == b"kept"
    assert found.equals(pq.read_table(io.BytesIO(as_parquet(kept))))
    assert (
        pa.ipc.open_file(selected("a.arrow", as_arrow_file(table, max_chunksize=3), numbers))
        .read_all()
        .equals(kept)
    )
    stream = selected("a.arrow", as_arrow_stream(table, max_chunksize=3), numbers)
    assert pa.ipc.open_stream(stream).read_all().equals(kept)


def test_bad_rows_of_a_typed_file_can_stay_out() -> None:
    table = pa.table({"late": pa.array([0, 10**15, 1], pa.timestamp("s"))})
    again = selected("a.arrow", as_arrow_file(table), {0, 1, 2})
    assert pa.ipc.open_file(again).read_all().equals(table.take([0, 2]))


def test_columns_of_views_can_be_selected() -> None:
    table = pa.table({"a": pa.array(["a", None, "c"], pa.string_view())})
    again = selected("a.arrow", as_arrow_file(table), {0, 2})
    assert pa.ipc.open_file(again).read_all().to_pylist() == [{"a": "a"}, {"a": "c"}]


def test_dictionaries_that_change_are_no_obstacle() -> None:
    sink = io.BytesIO()
    schema = pa.schema({"a": pa.dictionary(pa.int32(), pa.string())})
    with pa.ipc.new_stream(sink, schema) as writer:
        for word in ("x", "y", "z"):
            writer.write_batch(pa.record_batch([pa.array([word]).dictionary_encode()], schema=schema))
    check("a.arrow", sink.getvalue(), {0, 2})


def test_files_of_pandas_and_polars_can_be_selected_from() -> None:
    frame = pd.DataFrame({"a": ["x", "y", "z"], "b": [1.5, 2.5, None]}, index=[7, 8, 9])
    sink = io.BytesIO()
    frame.to_parquet(sink)
    again = pd.read_parquet(io.BytesIO(check("a.parquet", sink.getvalue(), {0, 2})))
    assert again.index.to_list() == [7, 9]
    for write in (pl.DataFrame.write_parquet, pl.DataFrame.write_ipc, pl.DataFrame.write_ipc_stream):
        sink = io.BytesIO()
        write(pl.DataFrame({"a": ["x", None, "z"], "b": [[1], [], None]}), sink)
        name = "a.parquet" if write is pl.DataFrame.write_parquet else "a.arrow"
        assert values(name, sink.getvalue())[2] == {"a": "z", "b": None}
        check(name, sink.getvalue(), {0, 2})


def test_row_groups_stay_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typed_selection, "ROW_GROUP_BYTES", 10_000)
    table = pa.table({"a": [str(i) * 10 for i in range(5000)]})
    again = check("a.parquet", as_parquet(table), set(range(0, 5000, 2)))
    assert pq.ParquetFile(io.BytesIO(again)).metadata.num_row_groups > 2


@given(table=tables(), numbers=st.sets(st.integers(0, 30)), size=st.integers(1, 12))
def test_any_rows_of_any_typed_table(table: pa.Table, numbers: set[int], size: int) -> None:
    check("a.parquet", as_parquet(table, row_group_size=size), numbers)
    check("a.arrow", as_arrow_file(table, max_chunksize=size), numbers)


cell = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6) | st.sampled_from(
    ["\n", "\r", "\r\n", '"', ",", "\t", "", " ", "\ufeff"]
)


@given(
    table=st.integers(1, 3).flatmap(
        lambda n: st.lists(st.lists(cell, min_size=n, max_size=n), min_size=1, max_size=6)
    ),
    numbers=st.sets(st.integers(0, 5)),
    name=st.sampled_from(["a.csv", "a.tsv", "a.csv.gz", "a.jsonl", "a.json"]),
    encoding=st.sampled_from(["utf-8", "utf-16", "gb18030"]),
)
def test_any_rows_of_any_text_table(
    table: list[list[str]], numbers: set[int], name: str, encoding: str
) -> None:
    columns = [f"c{i}" for i in range(len(table[0]))]
    if ".json" in name:
        content = json.dumps([dict(zip(columns, record, strict=True)) for record in table])
        content = content if name == "a.json" else content[1:-1].replace("}, {", "}\n{")
    else:
        delimiter = "\t" if name == "a.tsv" else ","
        quoted = [
            [f'"{field.replace(chr(34), chr(34) * 2)}"' for field in record] for record in [columns, *table]
        ]
        content = "\n".join(delimiter.join(record) for record in quoted)
    written = content.encode(encoding)
    check(name, gzip.compress(written) if name.endswith(".gz") else written, numbers, encoding=encoding)


def test_selections_are_written_to_storage(containers: Containers) -> None:
    storage = open_storage(
        Settings.from_env(
            {
                "DATA": containers.connection_string,
                "WORK_CONTAINER": containers.work,
                "AZURE_OPENAI_ENDPOINT": "http://127.0.0.1:1",
            }
        )
    )
    content = as_parquet(pa.table({"a": ["x", "y"]}))
    for numbers, expected in (({1}, "retry.parquet"), (set(), None)):
        writer = storage.work.lazy_writer("retry.parquet")
        kind = file_type("a.parquet")
        assert kind
        chosen = open_selection(writer, MemoryFile(content), kind, columns=("a",))
        for number in numbers:
            chosen.add(Row(number, {"a": "y"}))
        chosen.close()
        assert writer.close() == expected
    assert values("a.parquet", storage.work.read("retry.parquet")[0]) == [{"a": "y"}]
    storage.close()


@pytest.mark.parametrize("write", [pl.DataFrame.write_ipc, pl.DataFrame.write_ipc_stream])
def test_categories_of_polars_are_read_and_written_again(write: Any) -> None:
    frame = pl.DataFrame({"text": ["a", "b", None], "nested": [{"x": "y"}, {"x": None}, None]})
    frame = frame.with_columns(kind=pl.col("text").cast(pl.Categorical))
    sink = io.BytesIO()
    write(frame, sink)
    assert values("a.arrow", sink.getvalue()) == frame.to_dicts()
    assert values("a.arrow", selected("a.arrow", sink.getvalue(), {1, 2})) == frame[1:].to_dicts()


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("a.csv", b"sep=;\r\na;b\r\n1;x\r\n2;y\r\n", {}),
        ("a.csv", b"1,x\n2,y\n", {"header": False}),
        ("a.csv", b"1,x\n2,y\n", {"header": False, "columns": ("a", "b")}),
        ("a.csv", b"Titles\n\na,b\n1,x\n#2,y\n'#3',z\n", {"skip_lines": 2, "comment": "#", "quote": "'"}),
        ("a.tsv", b'a\tb\n1\t"x\n2\ty"\n"3"\tz\n', {"quote": "none"}),
        ("a.tsv", b'a\tb\n1\t"x\n2\ty"\n"3"\tz\n', {}),
        ("a.tsv", b"a\tb\nx\\\ty\t2\\\\\n3\tz\n", {"quote": "none", "escape": "\\"}),
        ("a.csv", b'a,b\n"x\\"y",\\\\z\n2,"\n"\n', {"escape": "\\"}),
    ],
)
def test_what_a_job_spec_says_of_the_layout_holds_for_the_selection(
    name: str, content: bytes, options: dict[str, Any]
) -> None:
    count = len(rows(name, content, **options))
    for chosen in ({0}, {1}, set(range(count))):
        assert check(name, content, chosen, **options)


CELLS = st.text(st.sampled_from("a\"'\\#;,\t\n x"), max_size=5)


@given(
    table=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=4),
    name=st.sampled_from(["a.csv", "a.tsv"]),
    options=st.fixed_dictionaries(
        {
            "quote": st.sampled_from(["auto", '"', "'"]),
            "escape": st.sampled_from([None, "\\"]),
            "header": st.sampled_from([None, False]),
            "comment": st.sampled_from([None, "#"]),
            "skip_lines": st.sampled_from([0, 2]),
        }
    ),
)
def test_rows_of_any_layout_are_read_again_as_they_were(
    table: list[tuple[str, str]], name: str, options: dict[str, Any]
) -> None:
    mark = '"' if options["quote"] == "auto" else options["quote"]
    sink = io.StringIO(newline="")
    writer = csv.writer(
        sink,
        delimiter="\t" if name == "a.tsv" else ",",
        quotechar=mark,
        escapechar=options["escape"],
        quoting=csv.QUOTE_ALL,
    )
    writer.writerows(([] if options["header"] is False else [("c", "d")]) + table)
    content = "x\n" * options["skip_lines"] + sink.getvalue()
    again = check(name, content.encode(), set(range(len(table))), **options)
    assert len(values(name, again, **options)) == len(table)
