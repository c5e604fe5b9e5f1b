"""Results as parquet: real types, bounded memory, and every reader of parquet understands them."""

import base64
import io
import tracemalloc
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from openai.types import CompletionUsage, CreateEmbeddingResponse
from openai.types.responses import ResponseUsage
from pydantic import BaseModel

from domain.service.endpoints import Task
from domain.spec.structured import columns_of
from formats.arrow import results
from formats.arrow.answer_columns import column_types
from formats.arrow.building import built, written_type
from formats.arrow.results import USAGE, ParquetResults
from tests.formats.arrow.test_parquet_and_arrow import as_arrow_file, tables
from tests.formats.memory_files import opened
from tests.formats.test_selection import UNUSUAL, WriteOnly


def written(records: list[dict[str, Any]], **options: Any) -> bytes:
    sink = WriteOnly()
    out = ParquetResults(sink, **options)
    for record in records:
        out.add(record)
    out.close()
    assert not out.unfit
    return sink.content


VECTORS = [
    {
        "file": "a/b.csv",
        "row": row,
        "embeddings": [0.25, -1.5, float(row)],
        "title": f"title {row}",
        "custom_id": f"row-{row}",
        "finish_reason": None,
        "usage": {"prompt_tokens": row, "total_tokens": row},
    }
    for row in range(5)
]


def test_pandas_polars_and_duckdb_read_vectors(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    path.write_bytes(written(VECTORS, task="embeddings", carried={"title": pa.string()}))

    frame = pd.read_parquet(path)
    assert list(frame.columns) == list(VECTORS[0])
    assert frame["embeddings"][4].dtype == "float32"
    assert frame["embeddings"][4].tolist() == [0.25, -1.5, 4.0]
    assert frame["usage"][3]["total_tokens"] == 3

    assert pl.read_parquet(path).to_dicts() == VECTORS
    assert pl.read_parquet_schema(path)["embeddings"] == pl.List(pl.Float32)

    with duckdb.connect() as connection:
        query = f"select sum(row), max(embeddings[3]), sum(usage.total_tokens) from '{path}'"
        assert connection.execute(query).fetchall() == [(10, 4.0, 10)]
        (kind,) = connection.execute(f"select typeof(embeddings) from '{path}' limit 1").fetchone() or ()
        assert kind == "FLOAT[]"


def test_structured_answers_become_columns_of_their_types(tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {
            "label": {"enum": ["good", "bad"]},
            "score": {"type": "number"},
            "count": {"type": ["integer", "null"]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "place": {"$ref": "#/$defs/place"},
        },
        "$defs": {"place": {"type": "object", "properties": {"city": {"type": "string"}}}},
    }
    answer = {"label": "good", "score": 1, "count": None, "tags": ["a", "b"], "place": {"city": "Bonn"}}
    record = {"file": "f", "row": 0, "chat": "{...}", "finish_reason": "stop", "custom_id": "row-0", **answer}
    path = tmp_path / "out.parquet"
    path.write_bytes(written([record], task="chat", answer=column_types(schema)))
    (found,) = pl.read_parquet(path).to_dicts()
    assert {name: found[name] for name in answer} == answer
    (row,) = pd.read_parquet(path).to_dict("records")
    assert row["place"] == {"city": "Bonn"}
    with duckdb.connect() as connection:
        assert connection.execute(f"select place.city, score, tags[2] from '{path}'").fetchall() == [
            ("Bonn", 1.0, "b")
        ]


def test_carried_columns_keep_the_types_of_the_input() -> None:
    table = pa.table(UNUSUAL)
    source = opened("a.arrow", as_arrow_file(table))
    records = [{"row": row.number, **getattr(row, "values")} for row in source.rows]  # noqa: B009 - none is bad
    assert source.types
    content = written(records, task="chat", carried=source.types)
    found = pq.read_table(io.BytesIO(content))
    assert found["row"].to_pylist() == [0, 1, 2, 3]
    for name in ("ns", "late", "duration", "bytes", "map", "struct"):
        assert found[name].to_pylist() == table[name].to_pylist(), name
    assert found["ns"].type == table["ns"].type
    assert found["category"].to_pylist() == ["x", None, "y", "x"]
    assert found["half"].to_pylist() == [1.5, None, 2.0, 3.0]
    assert found["id"][0].as_py() == "30313233-3435-3637-3839-616263646566"
    assert found["nothing"].to_pylist() == [None] * 4
    assert pl.read_parquet(io.BytesIO(content)).height == 4
    assert len(pd.read_parquet(io.BytesIO(content))) == 4


@given(table=tables())
def test_any_carried_columns_come_back(table: pa.Table) -> None:
    source = opened("a.arrow", as_arrow_file(table))
    records = [{"row": number, **values} for number, values in enumerate(table.to_pylist())]
    content = written(records, task="chat", carried=source.types)
    found = pq.read_table(io.BytesIO(content))
    assert found.select(table.column_names).to_pylist() == table.to_pylist()
    assert found.select(table.column_names).schema.types == table.schema.types


def test_columns_without_a_type_are_text() -> None:
    values = ["text", None, 5, 0.5, Decimal("1.10"), True, {"a": [1]}, [None]]
    content = written(
        [{"row": n, "x": value} for n, value in enumerate(values)], task="chat", carried={"x": None}
    )
    assert pq.read_table(io.BytesIO(content))["x"].to_pylist() == [
        "text",
        None,
        "5",
        "0.5",
        "1.10",
        "true",
        '{"a":[1]}',
        "[null]",
    ]


def test_a_value_that_does_not_fit_is_counted_and_costs_no_row() -> None:
    sink = WriteOnly()
    out = ParquetResults(sink, task="chat", answer={"n": pa.int64(), "b": pa.bool_()})
    for row, value in enumerate([1, 2**70, "three", 4]):
        out.add({"row": row, "n": value, "b": True})
    out.close()
    found = pq.read_table(io.BytesIO(sink.content))
    assert found["n"].to_pylist() == [1, None, None, 4]
    assert found["row"].to_pylist() == [0, 1, 2, 3]
    assert out.unfit == {"n": 2}


def test_no_records_make_a_table_without_rows() -> None:
    content = written([], task="responses")
    assert pl.read_parquet(io.BytesIO(content)).columns == [
        "file",
        "row",
        "responses",
        "custom_id",
        "finish_reason",
        "usage",
    ]


def test_columns_of_the_same_name_are_no_table() -> None:
    with pytest.raises(ValueError, match="row"):
        ParquetResults(WriteOnly(), task="chat", carried={"row": None})


def test_memory_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "ROW_GROUP_BYTES", 1_000_000)
    monkeypatch.setattr(results, "PENDING_BYTES", 1_000_000)
    sink = WriteOnly()
    out = ParquetResults(sink, task="embeddings")
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    largest = 0
    for row in range(2000):
        out.add({"row": row, "embeddings": [row / 7] * 1536})
        largest = max(largest, pa.total_allocated_bytes() - before)
        sink.pieces.clear()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    out.close()
    assert largest < 8_000_000  # all of it is 12 MB
    assert peak < 8_000_000


@pytest.mark.parametrize(
    ("task", "model"),
    [("chat", CompletionUsage), ("completions", CompletionUsage), ("responses", ResponseUsage)],
)
def test_usage_is_spelled_as_the_sdk_knows_it(task: Task, model: type[BaseModel]) -> None:
    assert names_of(USAGE[task]) <= field_names(model)
    assert {name for name in names_of(USAGE[task]) if "." not in name} == set(model.model_fields)


def test_usage_of_embeddings_is_spelled_as_the_sdk_knows_it() -> None:
    usage = CreateEmbeddingResponse.model_fields["usage"].annotation
    assert isinstance(usage, type)
    assert issubclass(usage, BaseModel)
    assert names_of(USAGE["embeddings"]) == set(usage.model_fields)


def names_of(struct: pa.DataType, prefix: str = "") -> set[str]:
    found = set()
    for field in struct.fields:
        found.add(prefix + field.name)
        if pa.types.is_struct(field.type):
            found |= names_of(field.type, prefix + field.name + ".")
    return found


def field_names(model: type[BaseModel], prefix: str = "") -> set[str]:
    found = set()
    for name, field in model.model_fields.items():
        found.add(prefix + name)
        inner = [
            kind
            for kind in [field.annotation, *getattr(field.annotation, "__args__", ())]
            if isinstance(kind, type)
        ]
        for kind in inner:
            if issubclass(kind, BaseModel):
                found |= field_names(kind, prefix + name + ".")
    return found


# --- types of structured answers ---------- ---------------------------------------------------------------------------


STRING, OBJECT = {"type": "string"}, {"type": "object"}


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        (STRING, pa.string()),
        ({"type": "integer"}, pa.int64()),
        ({"type": "number"}, pa.float64()),
        ({"type": "boolean"}, pa.bool_()),
        ({"type": "null"}, pa.string()),
        ({"type": ["null", "boolean"]}, pa.bool_()),
        ({"type": ["string", "integer"]}, pa.string()),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, pa.int64()),
        ({"anyOf": [{"type": "integer"}, STRING]}, pa.string()),
        ({"oneOf": [{"$ref": "#/$defs/x"}]}, pa.list_(pa.float64())),
        ({"$ref": "#/$defs/x"}, pa.list_(pa.float64())),
        ({"$ref": "#/$defs/none"}, pa.string()),
        ({"$ref": "#/$defs/loop"}, pa.string()),
        ({"enum": [1, 2]}, pa.int64()),
        ({"enum": ["a", None]}, pa.string()),
        ({"enum": [1, "a"]}, pa.string()),
        ({"const": True}, pa.bool_()),
        ({"type": "array"}, pa.list_(pa.string())),
        (OBJECT, pa.string()),
        ({"properties": {"a": {"type": "integer"}}}, pa.struct([("a", pa.int64())])),
        ({**OBJECT, "properties": {"a": STRING}}, pa.struct([("a", pa.string())])),
        (True, pa.string()),
        ({}, pa.string()),
        ({"type": "of my own"}, pa.string()),
        ({"type": 7, "anyOf": "x", "properties": []}, pa.string()),
    ],
)
def test_a_schema_promises_types(schema: Any, kind: pa.DataType) -> None:
    definitions = {"x": {"type": "array", "items": {"type": "number"}}, "loop": {"$ref": "#/$defs/loop"}}
    assert column_types({**OBJECT, "properties": {"p": schema}, "$defs": definitions}) == {"p": kind}


def test_a_schema_that_refers_to_itself_ends_in_text() -> None:
    tree: dict[str, Any] = {
        **OBJECT,
        "properties": {"name": STRING, "children": {"type": "array", "items": {"$ref": "#"}}},
    }
    assert set(column_types(tree)) == {"name", "children"}
    assert column_types({"type": "array"}) == {}
    assert column_types({"$ref": "#/$defs/t", "$defs": {"t": tree}}).keys() == {"name", "children"}


ROOTS: dict[str, Any] = {
    "plain": OBJECT | {"properties": {"a": {"type": "integer"}}},
    "required one way or the other": {
        **OBJECT,
        "properties": {"a": {"type": "integer"}},
        "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
    },
    "referred to": {"$ref": "#/$defs/t", "$defs": {"t": {"properties": {"a": {"type": "integer"}}}}},
    "referring to itself": {"$ref": "#"},
    "referring to nothing": {"$ref": "#/$defs/t"},
}


@pytest.mark.parametrize("schema", ROOTS.values(), ids=ROOTS.keys())
def test_every_column_of_an_answer_has_a_type(schema: dict[str, Any]) -> None:
    assert column_types(schema) == dict.fromkeys(columns_of(schema), pa.int64())


def test_bytes_are_taken_back_from_base64() -> None:
    column, unfit = built([base64.b64encode(b"\xff\x00").decode(), "no base64!", None], pa.binary())
    assert column.to_pylist() == [b"\xff\x00", None, None]
    assert unfit == 1


def test_times_with_a_zone_nobody_knows_are_kept() -> None:
    kind = pa.timestamp("us", "Mars/Olympus")
    assert written_type(kind) == kind
    column, unfit = built([datetime(2020, 1, 1, tzinfo=UTC)], kind)
    assert (column.cast(pa.timestamp("us", "UTC")).to_pylist(), unfit) == (
        [datetime(2020, 1, 1, tzinfo=UTC)],
        0,
    )
