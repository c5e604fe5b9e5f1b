"""parquet, Arrow files, feather and Arrow streams: typed values come as Python has them, damage has a reason."""

import io
import subprocess
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.feather as pf
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import InputFileError, PassingError
from domain.spec.job_spec import JobSpec, Message
from domain.spec.request_template import RequestTemplate
from formats.arrow import parquet
from formats.file_types import FileType, Format
from formats.reading import open_table
from formats.rows import BadRow, Row, RowBlock
from tests.formats.memory_files import MemoryFile, bounded, opened, rows, told, values

REPOSITORY = Path(__file__).resolve().parents[3]

Write = Callable[[pa.Table], bytes]


def as_parquet(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    return sink.getvalue()


def as_arrow_file(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, **options)
    return sink.getvalue()


def as_arrow_stream(table: pa.Table, **options: Any) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, **options)
    return sink.getvalue()


def as_feather(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pf.write_feather(table, sink, compression="zstd")
    return sink.getvalue()


WRITERS = {"parquet": as_parquet, "file": as_arrow_file, "stream": as_arrow_stream, "feather": as_feather}
NAMES = {"parquet": "a.parquet", "file": "a.arrow", "stream": "a.arrow", "feather": "a.feather"}


@pytest.fixture(params=WRITERS)
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_columns_types_and_rows(form: str) -> None:
    written = pa.table({"id": pa.array([7, None]), "text": pa.array(["a", None]).dictionary_encode()})
    table = opened(NAMES[form], WRITERS[form](written))
    assert table.columns == ("id", "text")
    assert table.types == {"id": pa.int64(), "text": written.schema.field("text").type}
    assert list(table.rows) == [Row(0, {"id": 7, "text": "a"}), Row(1, {"id": None, "text": None})]


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([True, None]), [True, None]),
        (pa.array([2**64 - 1, 0], pa.uint64()), [2**64 - 1, 0]),
        (pa.array([1.5, None], pa.float32()).cast(pa.float16()), [1.5, None]),
        (pa.array([Decimal("1.10"), None]), [Decimal("1.10"), None]),
        (pa.array([date(1, 1, 1), None]), [date(1, 1, 1), None]),
        (pa.array([datetime(2020, 1, 1, 1, 1, 1, 5), None]), [datetime(2020, 1, 1, 1, 1, 1, 5), None]),  # noqa: DTZ001
        (pa.array([datetime(2020, 1, 1, tzinfo=UTC)]), [datetime(2020, 1, 1, tzinfo=UTC)]),
        (
            pa.array([0], pa.timestamp("ms", "Europe/Berlin")),
            [datetime(1970, 1, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))],
        ),
        (pa.array([0], pa.timestamp("ms", "Mars/Olympus")), [datetime(1970, 1, 1, tzinfo=UTC)]),
        (pa.array([1000, None], pa.timestamp("ns")), [datetime(1970, 1, 1, 0, 0, 0, 1), None]),  # noqa: DTZ001
        (
            # Whether one matters is no matter of its neighbours.
            pa.array([1, None, 1000], pa.timestamp("ns")),
            ["1970-01-01T00:00:00.000000001", None, datetime(1970, 1, 1, 0, 0, 0, 1)],  # noqa: DTZ001
        ),
        (pa.array([[1]], pa.list_(pa.timestamp("ns"))), [["1970-01-01T00:00:00.000000001"]]),
        (pa.array([-1], pa.timestamp("ns", "America/New_York")), ["1969-12-31T18:59:59.999999999-05:00"]),
        (pa.array([1], pa.timestamp("ns", "UTC")), ["1970-01-01T00:00:00.000000001Z"]),
        (pa.array([0.1, None, 1e30], pa.float32()), [0.1, None, 1e30]),
        (pa.array([45_000 * 10**6, 1_500_000], pa.time64("us")), ["12:30:00", "00:00:01.5"]),
        (pa.array([{"a": 60}], pa.struct([("a", pa.time32("s"))])), [{"a": "00:01:00"}]),
        (pa.array([1, None], pa.time64("ns")), ["00:00:00.000000001", None]),
        (pa.array([90_000_000, None], pa.duration("us")), ["PT90S", None]),
        (pa.array([90_000_000_000, None], pa.duration("ns")), ["PT90S", None]),
        (pa.array([1_000_000_001, None, -1], pa.duration("ns")), ["PT1.000000001S", None, "-PT0.000000001S"]),
        (pa.array([uuid.UUID(int=5).bytes, None], pa.uuid()), [str(uuid.UUID(int=5)), None]),
        (pa.array([Decimal(2**120)], pa.decimal128(38)), [Decimal(2**120)]),
        (pa.array([b"\x00\xff", None, b""]), ["AP8=", None, ""]),
        (pa.array([b"ab", None], pa.binary(2)), ["YWI=", None]),
        (pa.array([[1, None], None, []]), [[1, None], None, []]),
        (pa.array([[1, 2]], pa.list_(pa.int8(), 2)), [[1, 2]]),
        (pa.array([{"a": 1, "b": {"c": b"x"}}, None]), [{"a": 1, "b": {"c": "eA=="}}, None]),
        (pa.array([[("k", b"x")], None, []], pa.map_(pa.string(), pa.binary())), [{"k": "eA=="}, None, {}]),
        (pa.array([[(1, "x"), (2, None)]], pa.map_(pa.int32(), pa.string())), [[[1, "x"], [2, None]]]),
        (pa.array([[("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int8())), [[["k", 1], ["k", 2]]]),
        (pa.nulls(2), [None, None]),
        (pa.array(["a", None], pa.large_string()), ["a", None]),
        (pa.array(["a", None], pa.string_view()), ["a", None]),
        (pa.array(["x" * 3_000_000, ""]), ["x" * 3_000_000, ""]),
    ],
)
def test_values_come_as_json_and_python_have_them(form: str, array: pa.Array, expected: list[Any]) -> None:
    found = values(NAMES[form], WRITERS[form](pa.table({"a": array})))
    assert [row["a"] for row in found] == expected


INTERVALS = [
    ((1, 2, 3_000_000_001), "P1M2DT3.000000001S"),
    ((0, 0, 0), "PT0S"),
    ((14, 0, 0), "P14M"),
    ((0, 3, 0), "P3D"),
    ((0, 0, -90_000_000_000), "-PT90S"),
    ((1, 0, -500_000_000), "P1MT-0.5S"),
]


@pytest.mark.parametrize(("parts", "expected"), INTERVALS)
def test_intervals_keep_their_months_days_and_seconds(parts: tuple[int, int, int], expected: str) -> None:
    array = pa.array([pa.MonthDayNano(parts), None])
    nested = pa.array([{"a": [pa.MonthDayNano(parts)]}, None])
    table = pa.table({"a": array, "b": nested})
    for write in (as_arrow_file, as_arrow_stream):
        found = values("a.arrow", write(table))
        assert [row["a"] for row in found] == [expected, None]
        assert found[0]["b"] == {"a": [expected]}


def test_what_duckdb_writes_is_read(tmp_path: Path) -> None:
    target = tmp_path / "a.parquet"
    duckdb.sql(
        "copy (select '00000000-0000-0000-0000-000000000005'::uuid u, interval '1 month 2 days 3 seconds' i, "
        f"12::utinyint n) to '{target}' (format parquet)"
    )
    table = opened("a.parquet", target.read_bytes())
    assert told(list(table.rows)) == [{"u": str(uuid.UUID(int=5)), "i": "P1M2DT3S", "n": 12}]
    assert table.types is not None
    assert table.types["i"] == pa.string()


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_whole_numbers_of_128_bits_are_told_with_what_to_do(name: str) -> None:
    frame, sink = pl.DataFrame({"n": [2**100]}, schema={"n": pl.Int128}), io.BytesIO()
    (frame.write_parquet if name == "a.parquet" else frame.write_ipc)(sink)
    with pytest.raises(InputFileError, match="128 bits") as caught:
        opened(name, sink.getvalue())
    assert caught.value.code == "unread_type"
    assert "decimals" in str(caught.value)


def test_a_value_that_python_cannot_hold_costs_its_row(form: str) -> None:
    late = pa.array([0, 10**15, None], pa.timestamp("s"))
    found = rows(NAMES[form], WRITERS[form](pa.table({"b": ["x", "y", "z"], "a": late})))
    assert [type(row) for row in found] == [Row, BadRow, Row]
    assert isinstance(found[1], BadRow)
    assert found[1].code == "bad_value"
    assert "'a'" in found[1].message
    assert "'y'" in found[1].shown


def test_bytes_that_are_no_text_cost_their_row(form: str) -> None:
    text = pa.array([b"good", b"\xff\xfe", None]).view(pa.string())
    assert told(rows(NAMES[form], WRITERS[form](pa.table({"a": text})))) == [
        {"a": "good"},
        ("invalid_encoding", None),
        {"a": None},
    ]


def test_only_wanted_columns_are_given_when_some_are_named(form: str) -> None:
    written = WRITERS[form](pa.table({"a": [1], "a.b": [2], "c": [{"d": 3}]}))
    assert told(list(opened(NAMES[form], written, wanted=["a", "none"]).rows)) == [{"a": 1}]
    assert told(list(opened(NAMES[form], written, wanted=["c", "a.b"]).rows)) == [{"a.b": 2, "c": {"d": 3}}]
    table = opened(NAMES[form], written, wanted=[])
    assert table.columns == ("a", "a.b", "c")
    assert told(list(table.rows)) == [{}]


def test_a_table_without_rows(form: str) -> None:
    table = opened(NAMES[form], WRITERS[form](pa.table({"a": pa.array([], pa.int8())})))
    assert table.columns == ("a",)
    assert list(table.rows) == []


def test_columns_need_names_of_their_own(form: str) -> None:
    for names, message in ((["a", "a"], "'a' more than once"), (["a", ""], "column 2")):
        written = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=names)
        with pytest.raises(InputFileError, match=message) as raised:
            opened(NAMES[form], WRITERS[form](written))
        assert raised.value.code == "bad_header"


@pytest.mark.parametrize("content", [b"x", b"a,b\n1,2\n", b"PAR1", b"ARROW1", b"\0" * 100, b"\xff" * 100])
def test_garbage_is_refused_with_a_reason(form: str, content: bytes) -> None:
    with pytest.raises(InputFileError) as raised:
        list(opened(NAMES[form], content).rows)
    assert raised.value.code == ("bad_parquet" if form == "parquet" else "bad_arrow")


def test_no_truncation_goes_unnoticed(form: str) -> None:
    table = pa.table({"a": list(range(50)), "b": ["some text"] * 50})
    content = as_feather(table) if form == "feather" else WRITERS[form](table, **BATCHES[form])
    for end in range(1, len(content)):
        with pytest.raises(InputFileError):
            list(opened(NAMES[form], content[:end]).rows)


BATCHES: dict[str, dict[str, Any]] = {
    "parquet": {"row_group_size": 20},
    "file": {"max_chunksize": 20},
    "stream": {"max_chunksize": 20},
}


@pytest.mark.parametrize("form", ["parquet", "feather"])
def test_damage_behind_the_first_rows_says_where(form: str) -> None:
    content = WRITERS[form](pa.table({"a": [str(i) * 20 for i in range(200_000)]}))
    with pytest.raises(InputFileError, match=r"After \d+ rows") as raised:
        list(opened(NAMES[form], overwritten(content)).rows)
    assert raised.value.code.startswith("bad_")


@pytest.mark.parametrize("form", ["file", "stream"])
def test_damage_to_text_of_an_uncompressed_file_costs_rows(form: str) -> None:
    content = WRITERS[form](pa.table({"a": [str(i) * 20 for i in range(20_000)]}))
    codes = [row.code for row in rows(NAMES[form], overwritten(content)) if isinstance(row, BadRow)]
    assert set(codes) == {"invalid_encoding"}
    assert 20 < len(codes) < 40


def overwritten(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + b"\xff" * 2000 + content[middle + 2000 :]


def test_feather_of_the_first_version_is_refused() -> None:
    with pytest.raises(InputFileError, match="version 1"):
        opened("a.feather", b"FEA1" + b"\0" * 60 + b"FEA1")


class OpenKms(pe.KmsClient):  # type: ignore[misc] # pyarrow has no types
    """A key service that wraps nothing."""

    def wrap_key(self, key: bytes, _master: str) -> bytes:
        return key.hex().encode()

    def unwrap_key(self, key: bytes, _master: str) -> bytes:
        return bytes.fromhex(key.decode())


@pytest.mark.parametrize("plaintext_footer", [True, False])
def test_an_encrypted_parquet_is_refused_as_such(plaintext_footer: bool) -> None:
    factory = pe.CryptoFactory(lambda _config: OpenKms())
    config = pe.EncryptionConfiguration(
        footer_key="f", column_keys={"c": ["a"]}, plaintext_footer=plaintext_footer
    )
    table = pa.table({"a": [1, 2]})
    sink = io.BytesIO()
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), config)
    with pq.ParquetWriter(sink, table.schema, encryption_properties=properties) as writer:
        writer.write_table(table)
    with pytest.raises(InputFileError, match="encrypted") as raised:
        list(opened("a.parquet", sink.getvalue()).rows)
    assert raised.value.code == "encrypted"


class FailingFile(MemoryFile):
    """A file whose storage stops answering after some reads."""

    def __init__(self, content: bytes, error: Exception, after: int) -> None:
        super().__init__(content)
        self.error, self.after = error, after

    def open(self) -> io.RawIOBase:
        outer = self

        class Failing(io.BytesIO):
            def readinto(self, buffer: Any) -> int:
                outer.after -= 1
                if outer.after < 0:
                    raise outer.error
                return super().readinto(buffer)

        return Failing(self.content)  # type: ignore[return-value] # readable and seekable: all that is asked


@pytest.mark.parametrize("error", [PassingError("storage is away"), OSError("connection reset")])
def test_a_fault_of_the_storage_is_not_the_files_fault(form: str, error: Exception) -> None:
    content = WRITERS[form](pa.table({"a": [str(i) * 50 for i in range(20_000)]}))
    kind = FileType(Format.PARQUET if form == "parquet" else Format.ARROW)
    seen = 0
    for after in range(100):
        source = FailingFile(content, error, after)
        raised: Exception | None = None
        try:
            list(open_table(source, kind).rows)
        except type(error) as caught:
            raised = caught
        if raised is None:
            break
        assert raised is error
        seen += 1
    assert seen >= 2


def test_a_part_that_is_too_large_to_hold_is_refused(form: str) -> None:
    content = WRITERS[form](pa.table({"a": [str(i) * 50 for i in range(20_000)]}))
    with pytest.raises(
        InputFileError, match=r"smaller pages, batches or row groups.*MAX_BYTES_PER_PAGE"
    ) as raised:
        list(opened(NAMES[form], content, allowance=bounded(page_bytes=100_000)).rows)
    assert raised.value.code == "part_too_large"


def test_values_come_without_pandas_and_numpy_too() -> None:
    """The deployed app has neither."""
    code = """
import io, sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in ("numpy", "pandas"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import pyarrow as pa, pyarrow.parquet as pq
from tests.formats.memory_files import bounded, values
sink = io.BytesIO()
kinds = (pa.timestamp("ns"), pa.duration("ns"), pa.time64("ns"), pa.timestamp("ns", "UTC"), pa.float64(),
         pa.list_(pa.float32()))
columns = [pa.array([1000], kind) for kind in kinds[:-1]] + [pa.array([[1.5]], kinds[-1])]
pq.write_table(pa.table(columns, names=list("abcdef")), sink)
print(values("a.parquet", sink.getvalue()))
"""
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert "'f': [1.5]" in ran.stdout


simple_types = {
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.float64(): st.floats(allow_nan=False),
    pa.string(): st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    pa.bool_(): st.booleans(),
    pa.date32(): st.dates(),
    pa.timestamp("us"): st.datetimes(),
    pa.decimal128(20, 3): st.decimals(-(10**15), 10**15, places=3),
    pa.list_(pa.int32()): st.lists(st.integers(-5, 5), max_size=3),
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    kinds = draw(st.lists(st.sampled_from(list(simple_types)), min_size=1, max_size=4))
    length = draw(st.integers(0, 30))
    columns = [
        pa.array(draw(st.lists(st.none() | simple_types[kind], min_size=length, max_size=length)), kind)
        for kind in kinds
    ]
    return pa.table(columns, names=[f"c{i}" for i in range(len(columns))])


@given(table=tables(), name=st.sampled_from(list(WRITERS)), size=st.integers(1, 12))
def test_what_is_written_is_read(table: pa.Table, name: str, size: int) -> None:
    if name == "feather":
        content = as_feather(table)
    else:
        size_option = "row_group_size" if name == "parquet" else "max_chunksize"
        content = WRITERS[name](table, **{size_option: size})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "ROWS_AT_ONCE", 7)
        assert told(rows(NAMES[name], content)) == table.to_pylist()


def _impossible(*_: object) -> Any:
    raise pa.ArrowInvalid("one by one")


@settings(max_examples=20)
@given(table=tables(), name=st.sampled_from(["parquet", "file"]))
def test_blocks_give_the_rows_and_the_requests_that_one_by_one_gives(table: pa.Table, name: str) -> None:
    content = WRITERS[name](table)
    spec = JobSpec(
        deployment="gpt",
        endpoint="/chat/completions",
        messages=[Message(role="user", content=f"{{{{ {' }}|{{ '.join(table.column_names)} }}}}")],
    )
    template = RequestTemplate(spec)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("formats.arrow.values.ROWS_AT_ONCE", 5)
        blocks = [block for block in opened(NAMES[name], content).blocks if isinstance(block, RowBlock)]
        together = [row for block in blocks for row in block]
        lines = [template.requests(block.first, block.rows, block.columns) for block in blocks]
        patched.setattr("formats.arrow.values.BatchReader._values", _impossible)
        each = rows(NAMES[name], content)
    assert told(together) == told(each)
    assert [row.number for row in together] == [row.number for row in each]
    for block, made in zip(blocks, lines, strict=True):
        own = [row.values for row in each[block.first : block.first + block.rows] if isinstance(row, Row)]
        assert made == [template.request(number, values) for number, values in enumerate(own, block.first)]
