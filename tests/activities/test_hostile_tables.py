"""Tables that people really have and nobody had in mind: through the real activities, to the files that come out."""

import gzip
import io
import json
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from local.azure_openai import RunningService
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline

CHAT: dict[str, Any] = {"deployment": "gpt", "messages": [{"role": "user", "content": "{{ text }}"}]}


@pytest.fixture
def pipeline(make_pipeline: MakePipeline) -> InlinePipeline:
    return make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt")


def parquet(**columns: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def drop(pipeline: InlinePipeline, name: str, content: bytes, **spec: Any) -> None:
    pipeline.drop("_batch.json", json.dumps(CHAT | spec).encode())
    pipeline.drop(name, content)


def results(pipeline: InlinePipeline) -> list[dict[str, Any]]:
    return pipeline.lines(pipeline.storage.processed, "_output.jsonl")


@pytest.mark.parametrize("carried", [["ts"], "*", ["id"], []], ids=str)
def test_a_value_beyond_python_costs_its_row_where_it_is_looked_at(
    pipeline: InlinePipeline, service: RunningService, carried: Any
) -> None:
    service.plan(rows=[{"custom_id": "row-2", "effect": "error", "status": 400, "code": "content_filter"}])
    far_away = pa.array([0, 300_000_000_000_000_000, 5], pa.timestamp("us"))
    content = parquet(text=["a", "b", "c"], ts=far_away, id=[1, 2, 3])
    drop(pipeline, "a.parquet", content, output={"columns": carried})
    tally = pipeline.run().tally
    looked_at = carried in (["ts"], "*")
    assert (tally.ok, tally.failed, tally.invalid) == (1 if looked_at else 2, 1, int(looked_at))
    assert [record["row"] for record in results(pipeline)] == ([0] if looked_at else [0, 1])


def test_of_a_table_without_a_spec_only_the_text_is_looked_at(pipeline: InlinePipeline) -> None:
    far_away = pa.array([300_000_000_000_000_000, 5], pa.timestamp("us"))
    pipeline.drop("a.parquet", parquet(text=["a", "b"], ts=far_away))
    assert pipeline.run().tally.ok == 2


MIXED_ROWS: list[dict[str, Any]] = [
    {
        "text": "a",
        "whole": 1,
        "number": 1,
        "yes": True,
        "big": 2**60,
        "list": [1],
        "mixed": "x",
        "none": None,
    },
    {
        "text": "b",
        "whole": -2,
        "number": 0.5,
        "big": 1,
        "list": None,
        "mixed": 7,
        "exact": 2**70,
        "late": "y",
    },
]


@pytest.mark.parametrize("columns", ["*", list(MIXED_ROWS[0] | MIXED_ROWS[1])], ids=str)
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_columns_of_json_are_carried_into_parquet_with_types(
    pipeline: InlinePipeline, name: str, columns: Any
) -> None:
    content = "\n".join(map(json.dumps, MIXED_ROWS)) if name == "a.jsonl" else json.dumps(MIXED_ROWS)
    drop(pipeline, name, content.encode(), output={"format": "parquet", "columns": columns})
    assert pipeline.run().tally.ok == 2
    (output,) = (
        name for name in pipeline.names(pipeline.storage.processed) if name.endswith("_output.parquet")
    )
    table = pq.read_table(io.BytesIO(pipeline.storage.processed.read(output)[0]))
    assert {name: str(table.schema.field(name).type) for name in MIXED_ROWS[0] | MIXED_ROWS[1]} == {
        "text": "string",
        "whole": "int64",
        "number": "double",
        "yes": "bool",
        "big": "int64",
        "list": "string",
        "mixed": "string",
        "none": "string",
        "exact": "string",
        "late": "string",
    }
    first, second = table.to_pylist()
    assert (first["whole"], first["number"], first["yes"], first["list"]) == (1, 1.0, True, "[1]")
    assert (second["mixed"], second["exact"], second["late"]) == ("7", str(2**70), "y")


def test_a_schema_behind_a_reference_gives_columns(pipeline: InlinePipeline) -> None:
    schema = {
        "$ref": "#/$defs/Node",
        "$defs": {
            "Node": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "below": {"type": "array", "items": {"$ref": "#/$defs/Node"}},
                },
                "required": ["name"],
            }
        },
    }
    asked = {"type": "json_schema", "json_schema": {"name": "tree", "schema": schema}}
    drop(pipeline, "a.txt", b"one\ntwo\n", parameters={"response_format": asked})
    assert pipeline.run().tally.ok == 2
    for record in results(pipeline):
        assert {"name": record["name"], "below": record["below"]} == {
            "below": None,
            **json.loads(record["chat"]),
        }


def test_a_csv_with_the_index_of_pandas_needs_no_spec(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    service.plan(rows=[{"custom_id": "row-1", "effect": "error", "status": 400, "code": "content_filter"}])
    frame = pd.DataFrame({"note": ["first", "second"], "n": [1, 2]})
    pipeline.drop("a.csv", str(frame.to_csv()).encode())
    assert pipeline.run().tally.ok == 1
    (record,) = results(pipeline)
    assert "'first'" in record["chat"]
    (retry,) = (name for name in pipeline.names(pipeline.storage.error) if name.endswith("_retry.csv"))
    content = pipeline.storage.error.read(retry)[0]
    assert content == b"column_1,note,n\r\n1,second,2\r\n"


REQUEST = {
    "custom_id": "a",
    "method": "POST",
    "url": "/chat/completions",
    "body": {"model": "gpt", "messages": []},
}


@pytest.mark.parametrize("name", ["a.json", "a.parquet"])
def test_requests_in_an_array_are_told_from_a_table(pipeline: InlinePipeline, name: str) -> None:
    rows = [REQUEST | {"body": {"model": "gpt"}}]
    as_table = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), as_table)
    pipeline.drop(name, json.dumps(rows).encode() if name == "a.json" else as_table.getvalue())
    assert pipeline.run().rejected == 1
    (error,) = pipeline.lines(pipeline.storage.error, "_error.jsonl")
    assert error["code"] == "no_text_column"
    assert "one on each line" in error["message"]


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl"])
def test_packed_requests_are_sent_and_come_back_in_their_order(
    pipeline: InlinePipeline, service: RunningService, name: str
) -> None:
    service.plan(rows=[{"custom_id": "b", "effect": "error", "status": 400, "code": "content_filter"}])
    requests = b"".join(json.dumps(REQUEST | {"custom_id": key}).encode() + b"\n" for key in "cba")
    pipeline.drop(name, gzip.compress(requests + b"nonsense\n"))
    tally = pipeline.run().tally
    assert (tally.ok, tally.failed, tally.invalid) == (2, 1, 1)
    assert [line["custom_id"] for line in results(pipeline)] == ["c", "a"]
    errors = pipeline.lines(pipeline.storage.error, "_error.jsonl")
    assert [(error["line"], error["code"]) for error in errors] == [
        (2, "content_filter"),
        (4, "invalid_json_line"),
    ]
    (retry,) = pipeline.lines(pipeline.storage.error, "_retry.jsonl")
    assert retry["custom_id"] == "b"
