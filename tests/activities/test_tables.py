"""Tables in, records out: through the real activities, storage and a simulated service, to the files people open."""

import gzip
import io
import json
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from local.azure_openai import RunningService
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline

ROWS = [{"title": f"Title {n}", "text": f"Line one of {n}\nand, two", "score": n} for n in range(5)]
CHAT = """
deployment: gpt-4o-mini-batch
messages:
  - {role: system, content: Sum it up.}
  - {role: user, content: "{{ title }}: {{ text }}"}
output: {columns: [title]}
"""
SCHEMA = {
    "type": "object",
    "properties": {"label": {"enum": ["good", "bad"]}, "row": {"type": "integer"}},
    "required": ["label", "row"],
    "additionalProperties": False,
}
STRUCTURED = {
    "deployment": "gpt-4o-mini-batch",
    "messages": [{"role": "user", "content": "{{ text }}"}],
    "parameters": {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "sorted", "strict": True, "schema": SCHEMA},
        }
    },
    "output": {"format": "parquet", "columns": ["title", "score"]},
}


def csv_of(rows: list[dict[str, Any]]) -> bytes:
    return str(pd.DataFrame(rows).to_csv(index=False)).encode()


def parquet_of(rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pa.parquet.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def arrow_of(rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pa.feather.write_feather(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def lines_of(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


FILES = {
    "a.csv": csv_of(ROWS),
    "a.CSV.GZ": gzip.compress(csv_of(ROWS), mtime=0),
    "a.tsv": pd.DataFrame(ROWS).to_csv(index=False, sep="\t").encode(),
    "a.parquet": parquet_of(ROWS),
    "a.feather": arrow_of(ROWS),
    "a.json": json.dumps(ROWS, indent=1).encode(),
    "a.jsonl": lines_of(ROWS),
}


@pytest.fixture
def pipeline(make_pipeline: MakePipeline) -> InlinePipeline:
    return make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt-4o-mini-batch")


def only(pipeline: InlinePipeline, ending: str, *, error: bool = False) -> bytes:
    container = pipeline.storage.error if error else pipeline.storage.processed
    (name,) = (name for name in pipeline.names(container) if name.endswith(ending))
    return container.read(name)[0]


def records(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.split(b"\n") if line]


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_a_record_for_each_row_in_its_order(pipeline: InlinePipeline, name: str) -> None:
    pipeline.drop("team/_batch.yaml", CHAT.encode())
    pipeline.drop(f"team/deep/{name}", FILES[name])
    report = pipeline.run()
    assert (report.files, report.done, report.tally.ok) == (1, 1, 5)
    found = records(only(pipeline, "a_output.jsonl"))
    assert [record["row"] for record in found] == [0, 1, 2, 3, 4]
    assert list(found[0]) == ["file", "row", "chat", "title", "custom_id", "finish_reason", "usage"]
    assert [record["title"] for record in found] == [row["title"] for row in ROWS]
    assert all(f"Title {record['row']}: Line one of" in record["chat"] for record in found)
    assert found[0] | {"chat": "", "usage": {}} == {
        "file": f"team/deep/{name}",
        "row": 0,
        "chat": "",
        "title": "Title 0",
        "custom_id": "row-0",
        "finish_reason": "stop",
        "usage": {},
    }
    assert only(pipeline, f"/{name}") == FILES[name]
    assert pipeline.names(pipeline.storage.input) == ["team/_batch.yaml"]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_completions_are_a_column_of_texts(
    pipeline: InlinePipeline, service: RunningService, form: str
) -> None:
    spec = f"{{endpoint: completions, deployment: instruct, input: 'Sum up: {{{{ text }}}}', output: {{format: {form}}}}}"
    pipeline.drop("_batch.yaml", spec.encode())
    pipeline.drop("a.csv", csv_of(ROWS))
    assert pipeline.run().tally.ok == 5
    content = only(pipeline, f"a_output.{form}")
    found = pl.read_parquet(content).to_dicts() if form == "parquet" else records(content)
    assert list(found[0])[:6] == ["file", "row", "completions", "custom_id", "finish_reason", "usage"]
    assert all(f"Sum up: Line one of {record['row']}" in record["completions"] for record in found)
    assert {record["finish_reason"] for record in found} == {"stop"}
    assert all(record["usage"]["completion_tokens"] > 0 for record in found)
    # One call for each row: only then is its usage known.
    assert service.counters()["calls"]["live"]["total"] == 5


def test_a_text_needs_nothing_but_the_settings(pipeline: InlinePipeline) -> None:
    pipeline.drop("words.txt", "first line\n\n  zweite Zeile ü\r\nlast".encode())
    pipeline.run()
    found = records(only(pipeline, "words_output.jsonl"))
    assert [(record["row"], record["file"]) for record in found] == [(n, "words.txt") for n in range(3)]
    assert "zweite Zeile ü" in found[1]["chat"]
    metadata = json.loads(only(pipeline, "words_metadata.json"))
    assert metadata["estimated_input_tokens"] > 0
    assert metadata["deployment"] == "gpt-4o-mini-batch"


def test_structured_answers_become_columns_of_a_parquet_that_everybody_reads(
    pipeline: InlinePipeline,
) -> None:
    pipeline.drop("_batch.json", json.dumps(STRUCTURED).encode())
    pipeline.drop("a.parquet", parquet_of(ROWS))
    pipeline.run()
    content = only(pipeline, "a_output.parquet")
    frame = pd.read_parquet(io.BytesIO(content))
    assert list(frame.columns) == [
        "file",
        "row",
        "chat",
        "title",
        "score",
        "label",
        "chat_row",
        "custom_id",
        "finish_reason",
        "usage",
        "message",
        "logprobs",
        "marks",
    ]
    assert frame["row"].tolist() == [0, 1, 2, 3, 4]
    assert frame["score"].tolist() == [0, 1, 2, 3, 4]
    assert set(frame["label"]) <= {"good", "bad"}
    assert pl.read_parquet(content)["chat_row"].dtype == pl.Int64
    found = duckdb.from_arrow(pa.parquet.read_table(io.BytesIO(content)))
    assert found.aggregate("count(*), sum(row)").fetchall() == [(5, 10)]


def test_an_answer_that_does_not_fit_its_schema_is_tried_again_and_then_told(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    service.plan(
        rows=[
            {"custom_id": "row-1", "first": 1, "effect": "length"},
            {"custom_id": "row-3", "effect": "length"},
        ]
    )
    pipeline = make_pipeline(MAX_ATTEMPTS="2")
    spec = STRUCTURED | {"output": {}, "on_truncated": "retry"}
    pipeline.drop("_batch.json", json.dumps(spec).encode())
    pipeline.drop("a.csv", csv_of(ROWS))
    report = pipeline.run()
    assert (report.tally.ok, report.tally.invalid_output) == (4, 1)
    (error,) = records(only(pipeline, "_error.jsonl", error=True))
    assert (error["row"], error["line"], error["outcome"], error["code"], error["attempts"]) == (
        3,
        8,
        "invalid_output",
        "truncated",
        2,
    )
    assert error["request"]["custom_id"] == "row-3"
    assert 'The answer is not JSON: {"label":' in error["message"]
    assert error["message"].endswith(" (It ended early: length.)")
    retry = pd.read_csv(io.BytesIO(only(pipeline, "a_retry.csv", error=True)))
    assert retry.to_dict("records") == [ROWS[3]]


@pytest.mark.parametrize("name", FILES)
def test_bad_rows_cost_themselves_and_failed_ones_come_back_in_the_format_they_had(
    pipeline: InlinePipeline, service: RunningService, name: str
) -> None:
    service.plan(rows=[{"custom_id": "row-2", "effect": "error", "status": 400, "code": "content_filter"}])
    spec = CHAT.replace("{{ text }}", "{{ text if score != '4' and score != 4 else 1 // 0 }}")
    pipeline.drop("_batch.yaml", spec.encode())
    pipeline.drop(name, FILES[name])
    report = pipeline.run()
    assert (report.tally.ok, report.tally.failed, report.tally.invalid) == (3, 1, 1)
    errors = records(only(pipeline, "_error.jsonl", error=True))
    assert [(error["row"], error["outcome"], error["code"]) for error in errors] == [
        (2, "failed", "content_filter"),
        (4, "invalid", "template_error"),
    ]
    (name_of_retry,) = (n for n in pipeline.names(pipeline.storage.error) if "_retry" in n)
    retry = pipeline.storage.error.read(name_of_retry)[0]
    again = pipeline  # the retry file only needs to be dropped again
    again.drop(f"again/{name}", retry)
    again.drop("again/_batch.yaml", CHAT.encode())
    service.plan()
    again.run()
    (results,) = (
        n for n in again.names(again.storage.processed) if n.startswith("again/") and "_output" in n
    )
    found = records(again.storage.processed.read(results)[0])
    assert [record["title"] for record in found] == ["Title 2", "Title 4"]


def test_a_ragged_row_is_told_with_row_and_line(pipeline: InlinePipeline) -> None:
    pipeline.drop("a.csv", b'text,n\n"two\nlines",1\ntoo,many,fields\nlast,3\n')
    pipeline.drop("_batch.yaml", b'messages: [{role: user, content: "{{ text }}"}]')
    report = pipeline.run()
    assert (report.tally.ok, report.tally.invalid) == (2, 1)
    (error,) = records(only(pipeline, "_error.jsonl", error=True))
    assert (error["row"], error["line"], error["code"], error["custom_id"]) == (1, 4, "ragged_row", "row-1")


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.csv", b"text\n", "no_rows"),
        ("a.csv", b"a,b\nx,y\n", "no_text_column"),
        ("a.parquet", b"PAR1 and no more", None),
        ("a.json", b'[{"text": "a"}, {"te', None),
        ("a.csv.gz", gzip.compress(b"text\nhello\n" * 1000, mtime=0)[:40], None),
        ("a.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40, None),
    ],
)
def test_a_file_that_is_no_table_is_rejected_with_a_reason_and_costs_nothing(
    pipeline: InlinePipeline, service: RunningService, name: str, content: bytes, code: str | None
) -> None:
    pipeline.drop(name, content)
    report = pipeline.run()
    assert (report.rejected, report.done) == (1, 0)
    (error,) = records(only(pipeline, "_error.jsonl", error=True))
    assert error["row" if "row" in error else "line"] is None
    assert code is None or error["code"] == code
    assert len(error["message"]) > 20
    assert only(pipeline, f"/{name}", error=True) == content
    assert service.counters()["batches_created"] == 0


def test_rows_may_reject_their_file_when_that_is_asked_for(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline(ON_INVALID_LINE="reject", AZURE_OPENAI_DEPLOYMENT="gpt")
    pipeline.drop("a.csv", b"text,n\nfine,1\nragged\n")
    pipeline.drop("_batch.yaml", b'messages: [{role: user, content: "{{ text }}"}]')
    assert pipeline.run().rejected == 1
    errors = records(only(pipeline, "_error.jsonl", error=True))
    assert [(error["row"], error["code"]) for error in errors] == [(0, "file_rejected"), (1, "ragged_row")]


def test_files_wait_for_a_broken_job_spec_and_go_on_when_it_is_mended(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    pipeline.drop("team/_batch.yaml", b"deploymnt: gpt\nmessages: 7\n")
    pipeline.drop("team/a.csv", csv_of(ROWS))
    pipeline.drop("other/b.txt", b"not in that folder\n")
    report = pipeline.run()
    assert (report.files, report.done) == (1, 1)
    assert pipeline.names(pipeline.storage.input) == ["team/_batch.yaml", "team/a.csv"]
    note = json.loads(pipeline.storage.error.read("team/_batch.yaml_error.json")[0])
    assert note["files"] == ["team/a.csv"]
    assert {mistake[0] for mistake in note["mistakes"]} >= {"deploymnt", "messages"}
    pipeline.drop("team/_batch.yaml", CHAT.encode())
    assert pipeline.run().done == 1
    assert pipeline.names(pipeline.storage.input) == ["team/_batch.yaml"]
    assert "team/_batch.yaml_error.json" not in pipeline.names(pipeline.storage.error)


def test_a_table_without_a_deployment_is_held_until_there_is_one(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline()
    pipeline.drop("a.txt", b"hello\n")
    assert pipeline.run().held == 1
    assert pipeline.run().files == 0
    mended = make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt")
    assert mended.run().done == 1
    assert service.counters()["batches_created"] == 1


def test_a_file_beyond_its_budget_is_held_and_goes_on_under_a_larger_one(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    strict = make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt", MAX_TOKENS_PER_FILE="10")
    strict.drop("a.csv", csv_of(ROWS)[:-1])
    strict.drop("_batch.yaml", CHAT.encode())
    assert strict.run().held == 1
    assert strict.run().files == 0
    assert service.counters()["batches_created"] == 0
    loose = make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt", MAX_TOKENS_PER_FILE="10000")
    assert loose.run().done == 1
    assert service.counters()["batches_created"] == 1


def test_a_snapshot_spends_no_more_than_its_budget(make_pipeline: MakePipeline) -> None:
    prices = json.dumps({"gpt": {"input": 1_000_000, "output": 0}})
    pipeline = make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt", PRICES=prices, MAX_COST_PER_SNAPSHOT="15")
    for name in ("a.txt", "b.txt", "c.txt"):
        pipeline.drop(name, b"five tokens of any text\n")
    report = pipeline.run()
    assert report.done >= 1
    assert report.held >= 1
    assert report.done + report.held == 3
    metadata = [
        json.loads(pipeline.storage.processed.read(name)[0])
        for name in pipeline.names(pipeline.storage.processed)
        if name.endswith("_metadata.json")
    ]
    assert sum(document["estimated_cost"] for document in metadata) <= 15
    assert all(document["cost"] > 0 for document in metadata)
