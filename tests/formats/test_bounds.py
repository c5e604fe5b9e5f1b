"""What unpacks to far more than it is, is refused before it takes memory or time; each reason names its setting."""

import gzip
import io
import zlib
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from domain.bounds import UNBOUNDED
from domain.errors import InputFileError, NeedsOwnProcessError
from formats.allowance import Allowance
from formats.arrow import page_watch
from formats.rows import BadRow, Row
from formats.text import gunzip
from tests.formats.memory_files import bounded, opened, rows

LONG = "x" * 200_000


def parquet(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **{"compression": "zstd", **options})
    return sink.getvalue()


def arrow(table: pa.Table, *, stream: bool = False, compression: str | None = "zstd") -> bytes:
    sink = io.BytesIO()
    new = pa.ipc.new_stream if stream else pa.ipc.new_file
    with new(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    return sink.getvalue()


def column(values: Any) -> pa.Table:
    return pa.table({"text": values})


def named_often(times: int) -> pa.Array:
    """One long value that many rows name."""
    return pa.DictionaryArray.from_arrays(pa.array([0] * times, pa.int32()), pa.array([LONG]))


def views(times: int) -> pa.Array:
    one = pa.array([LONG], pa.string_view()).buffers()
    view = one[1].slice(0, 16).to_pybytes()
    return pa.Array.from_buffers(pa.string_view(), times, [None, pa.py_buffer(view * times), one[2]])


BOMBS = {
    "zeros.txt.gz": (gzip.compress(b"a" * 300_000), "unpacked_bytes"),
    "lines.txt.gz": (gzip.compress(b"\n" * 3_000_000), "rows"),
    "blank.jsonl.gz": (gzip.compress(b" \r\n" * 2_000_000), "rows"),
    "page.parquet": (parquet(column([LONG]), use_dictionary=False), "page_bytes"),
    "page2.parquet": (parquet(column([LONG]), use_dictionary=False, data_page_version="2.0"), "page_bytes"),
    "dictionary.parquet": (parquet(column([LONG, LONG])), "page_bytes"),
    "snappy.parquet": (parquet(column([LONG]), compression="snappy"), "page_bytes"),
    "rows.parquet": (parquet(column(pa.nulls(100_000, pa.string()))), "rows"),
    "batch.arrow": (arrow(column([LONG])), "page_bytes"),
    "lz4.arrow": (arrow(column([LONG]), compression="lz4"), "page_bytes"),
    "stream.arrow": (arrow(column([LONG]), stream=True), "page_bytes"),
    "dictionary.arrow": (arrow(column(named_often(3))), "page_bytes"),
    "dictionaries.arrow": (arrow(column(named_often(3)), stream=True), "page_bytes"),
    "nulls.arrow": (arrow(column(pa.nulls(100_000))), "rows"),
}
SMALL = {"unpacked_bytes": 100_000, "page_bytes": 100_000, "rows": 50_000}
NAMES = {
    "unpacked_bytes": "MAX_UNPACKED_BYTES_PER_FILE",
    "page_bytes": "MAX_BYTES_PER_PAGE",
    "rows": "MAX_ROWS_PER_FILE",
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_unpacks_to_more_than_its_bound_is_refused_and_the_reason_names_the_setting(name: str) -> None:
    content, bound = BOMBS[name]
    for allowed in (SMALL[bound], 10 * len(content) + 10_000_000):
        found: list[InputFileError] = []
        try:
            list(opened(name, content, allowance=bounded(**{bound: allowed})).rows)
        except InputFileError as error:
            found.append(error)
        refused = [error for error in found if NAMES[bound] in str(error)]
        assert bool(refused) == (allowed == SMALL[bound])


@pytest.mark.parametrize(
    "content",
    [
        parquet(column(named_often(300))),
        parquet(column(named_often(300)), row_group_size=100, dictionary_pagesize_limit=10**6),
        parquet(column([LONG] * 300), use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"}),
        parquet(column([["a"] * 3, *[[LONG] * 2] * 50])),
        parquet(column(pa.nulls(300, pa.binary(200_000)))),
    ],
)
def test_a_value_that_many_rows_name_is_given_a_few_rows_at_a_time(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [row.values for row in rows("a.parquet", content) if isinstance(row, Row)]
    monkeypatch.setattr(page_watch, "EXPANDED_BYTES", 1_000_000)
    monkeypatch.setattr(page_watch, "UNSEEN_BYTES", 1_000_000)
    before = pa.total_allocated_bytes()
    found, most = [], 0
    for row in opened("a.parquet", content).rows:
        assert isinstance(row, Row)
        found.append(row.values)
        most = max(most, pa.total_allocated_bytes() - before)
    assert found == expected
    assert most < 10_000_000 or pa.types.is_fixed_size_binary(
        pq.read_schema(io.BytesIO(content)).field(0).type
    )


def test_a_row_of_more_values_than_memory_holds_goes_into_a_process_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page_watch, "MANY_VALUES", 1000)
    monkeypatch.setattr(page_watch, "MANY_BYTES", 1_000_000)
    monkeypatch.setattr(page_watch, "UNSEEN_BYTES", 1_000_000)
    many = pa.ListArray.from_arrays(pa.array([0, 2000], pa.int32()), pa.nulls(2000, pa.int8()))
    for content in (parquet(column(many)), parquet(column([[LONG] * 20]))):
        allowance = Allowance()
        allowance.beside_others = True
        with pytest.raises(NeedsOwnProcessError):
            list(opened("a.parquet", content, allowance=allowance).rows)
        assert len(rows("a.parquet", content)) == 1


@pytest.mark.parametrize(
    ("values", "is_bad"),
    [
        (named_often(1000), False),
        (views(1000), False),
        (pa.RunEndEncodedArray.from_arrays(pa.array([1000], pa.int32()), pa.array([LONG])), False),
        (pa.FixedSizeListArray.from_arrays(pa.nulls(10**8), 10**8), True),
        (pa.ListArray.from_arrays(pa.array([0, 10**8], pa.int32()), pa.nulls(10**8)), True),
        (
            pa.StructArray.from_arrays([pa.FixedSizeListArray.from_arrays(pa.nulls(10**8), 10**8)], ["a"]),
            True,
        ),
        (
            pa.ListViewArray.from_arrays(
                pa.array([0] * 2, pa.int32()), pa.array([10**8] * 2, pa.int32()), pa.nulls(10**8)
            ),
            True,
        ),
    ],
)
def test_values_that_are_stored_once_count_each_time(values: pa.Array, *, is_bad: bool) -> None:
    content = arrow(column(values), compression=None)
    found = opened("a.arrow", content).rows
    if is_bad:
        (row, *_) = found
        assert isinstance(row, BadRow)
        assert row.code == "row_too_long"
        assert "MAX_BYTES_PER_VALUE" in row.message
    else:
        row = next(iter(found))
        assert isinstance(row, Row)
        assert row.values == {"text": LONG}


def test_a_row_of_too_many_values_costs_that_row() -> None:
    wide = b'{"a": [' + b"[]," * 3_000_000 + b"0]}"
    *_, bad, good = rows("a.jsonl", b'{"a": 1}\n{"a": 1}\n' + wide + b'\n{"a": 1}')
    assert isinstance(bad, BadRow)
    assert bad.code == "row_too_long"
    assert isinstance(good, Row)


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(b"", mtime=0) * 20_000,
        gzip.compress(b"a\n", mtime=0) * 10_000,
        (gzip.compress(b"", mtime=0) + b"\0") * 20_000,
        gzip.compress(b"a", mtime=0) + bytes(4_000_000),
        gzip.compress(b"a" * 30_000_000, mtime=0),
    ],
)
def test_gzip_of_any_make_is_copied_a_few_times_only(packed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: what is handed to zlib, and what it hands back unread."""
    moved = 0

    class Counting:
        def __init__(self, *arguments: Any) -> None:
            self._real = zlib.decompressobj(*arguments)

        def decompress(self, given: Any, most: int) -> bytes:
            nonlocal moved
            piece: bytes = self._real.decompress(given, most)
            moved += len(given) + len(self._real.unused_data) + len(self._real.unconsumed_tail)
            return piece

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

    class Zlib:
        decompressobj = Counting
        error, MAX_WBITS = zlib.error, zlib.MAX_WBITS

    monkeypatch.setattr("formats.text.gunzip.zlib", Zlib)
    unpacked = sum(map(len, gunzip.gunzipped([packed])))
    assert moved < 30 * len(packed) + unpacked


def test_time_is_looked_at_while_nothing_comes_out() -> None:
    now = 0.0

    def processor() -> float:
        nonlocal now
        now += 1.0
        return now

    for name, content in (
        ("a.txt.gz", gzip.compress(b"") * 100),
        ("a.txt", b"a\n" * 100),
        ("a.parquet", parquet(column(["a"]))),
        ("a.arrow", arrow(column(["a"]))),
    ):
        allowance = Allowance(msgspec.structs.replace(UNBOUNDED, seconds=0.5), processor)
        with pytest.raises(InputFileError, match="MAX_SECONDS_PER_FILE") as raised:
            list(opened(name, content, allowance=allowance).rows)
        assert raised.value.code == "too_slow"
