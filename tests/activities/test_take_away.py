"""Results in the form that people work with: columns more, failed rows in their places, spreadsheets."""

import csv
import io
import json
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest

from local.azure_openai import RunningService
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline

TABLE = b"text,note\nplain,a\nrefused,b\nwrong,c\nformula,=1+1\nragged,d,e\n"
ROWS: list[dict[str, Any]] = [
    {"text": "refused", "effect": "error", "status": 400, "code": "content_filter"},
    {"text": "formula", "effect": "odd", "body": {"choices": [{"message": {"content": '=HYPERLINK("x")'}}]}},
]


@pytest.fixture
def pipeline(make_pipeline: MakePipeline, service: RunningService) -> InlinePipeline:
    service.plan(rows=ROWS)
    return make_pipeline(PRICES='{"gpt-4o-mini-batch": {"input": 1.0, "output": 2.0}}')


def run(pipeline: InlinePipeline, content: bytes = TABLE, name: str = "t.csv", **output: Any) -> bytes:
    template = "{{ text if text != 'wrong' else 1 // 0 }}"
    spec = {
        "deployment": "gpt-4o-mini-batch",
        "messages": [{"role": "user", "content": template}],
        "output": output,
    }
    pipeline.drop("_batch.json", json.dumps(spec).encode())
    pipeline.drop(name, content)
    assert pipeline.run().done == 1
    processed = pipeline.storage.processed
    (found,) = (
        n for n in pipeline.names(processed) if n.endswith(f"_output.{output.get('format', 'jsonl')}")
    )
    return processed.read(found)[0]


def table_of(content: bytes, form: str) -> list[dict[str, Any]]:
    if form == "parquet":
        return list(pq.read_table(io.BytesIO(content)).to_pylist())
    if form == "csv":
        return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    if form == "xlsx":
        header, *lines = openpyxl.load_workbook(io.BytesIO(content))["results"].iter_rows(values_only=True)
        return [dict(zip(header, line, strict=True)) for line in lines]
    return [json.loads(line) for line in content.split(b"\n") if line]


@pytest.mark.parametrize("form", ["jsonl", "parquet", "csv", "xlsx"])
def test_every_row_has_its_place_with_why_and_what_it_cost(pipeline: InlinePipeline, form: str) -> None:
    content = run(pipeline, format=form, columns=["note"], extra=["usage", "cost"], failed="inline")
    found = table_of(content, form)
    assert [int(record["row"]) for record in found] == [0, 1, 2, 3, 4]
    assert [record["outcome"] for record in found] == ["ok", "failed", "invalid", "ok", "invalid"]
    assert [record["error_code"] or None for record in found] == [
        None,
        "content_filter",
        "template_error",
        None,
        "ragged_row",
    ]
    assert [record.get("note") or None for record in found] == [
        "a",
        "b",
        "c",
        "'=1+1" if form == "csv" else "=1+1",
        None,
    ]
    assert all((record["error"] or None) is None for record in (found[0], found[3]))
    assert "filtered" in found[1]["error"]
    first = found[0]
    assert float(first["cost"]) == pytest.approx(
        (int(first["input_tokens"]) + 2 * int(first["output_tokens"])) / 1e6
    )
    assert found[0]["chat"]
    assert (found[1]["chat"] or None) is None
    assert found[3]["chat"].removeprefix("'" if form == "csv" else "").startswith("=HYPERLINK")


def test_failed_rows_are_in_the_error_and_the_retry_file_too(pipeline: InlinePipeline) -> None:
    run(pipeline, failed="inline")
    assert len(pipeline.lines(pipeline.storage.error, "_error.jsonl")) == 3
    told = pipeline.document(pipeline.storage.processed, "_metadata.json")
    assert told["error_codes"] == {"content_filter": 1, "template_error": 1, "ragged_row": 1}
    assert sum(told["outcomes"].values()) == told["requests"] == 5
    assert told["outcomes"]["ok"] == 2


def test_no_cell_of_a_workbook_is_a_formula(pipeline: InlinePipeline) -> None:
    content = run(pipeline, format="xlsx", columns="*")
    sheet = openpyxl.load_workbook(io.BytesIO(content))["results"]
    kinds = {cell.data_type for row in sheet.iter_rows() for cell in row}
    assert "f" not in kinds


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_rows_with_columns_of_their_own_get_them_all(pipeline: InlinePipeline, form: str) -> None:
    rows = [{"text": "x", "a": 1}, {"text": "y", "b": {"c": [1]}}]
    content = run(pipeline, json.dumps(rows).encode(), "t.json", format=form, columns="*")
    found = table_of(content, form)
    assert [(str(record["a"] or ""), record["b"] or "") for record in found] == [("1", ""), ("", '{"c":[1]}')]


def test_error_codes_are_counted_for_ready_made_and_for_rejected_files(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    body = {"model": "gpt-4o-mini-batch", "messages": [{"role": "user", "content": "refused"}]}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
    pipeline.drop("a.jsonl", json.dumps(line).encode() + b"\n{\n")
    pipeline.drop("b.jsonl", b"one\ntwo\n")
    pipeline.run()
    told = {
        name.rpartition("/")[2]: json.loads(pipeline.storage.error.read(name)[0])["error_codes"]
        for name in pipeline.names(pipeline.storage.error)
        if name.endswith("_metadata.json")
    }
    assert told["a_metadata.json"] == {"content_filter": 1, "invalid_json_line": 1}
    assert sum(told["b_metadata.json"].values()) == 2


def test_the_metadata_has_the_accelerator_s_names_as_well(pipeline: InlinePipeline) -> None:
    run(pipeline)
    told = pipeline.document(pipeline.storage.processed, "_metadata.json")
    (batch,) = told["batches"]
    assert told["compat"] == {
        "file_name": "t.csv",
        "batch_job_id": batch["batch_id"],
        "file_id": batch["input_file_id"],
        "input_file_id": batch["input_file_id"],
        "output_file_id": batch["output_file_id"],
        "error_file_id": batch["error_file_id"],
        "token_size": told["estimated_input_tokens"],
        "output_file_name": "t_output.jsonl",
        "error_file_name": "t_error.jsonl",
    }


def test_columns_of_the_input_never_take_the_place_of_ours(pipeline: InlinePipeline) -> None:
    content = b"text,outcome,message,cost\nplain,mine,mine,mine\n"
    (record,) = table_of(run(pipeline, content, columns="*", extra=["error", "cost"]), "jsonl")
    assert (record["outcome"], record["input_outcome"], record["input_message"]) == ("ok", "mine", "mine")
    assert record["cost"] > 0
