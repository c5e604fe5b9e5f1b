"""Random tables go out as requests and come back as records: each row once, in order, with its own answer and its own values."""

import csv
import io
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.azure_openai import answers
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline

MODEL, DIMENSIONS = "gpt", 4
CHAT = {
    "deployment": MODEL,
    "messages": [{"role": "user", "content": "{{ text }}"}],
    "output": {"columns": "*"},
}
EMBEDDINGS = {
    "endpoint": "embeddings",
    "deployment": "embedder",
    "input": "{{ text }}",
    "parameters": {"dimensions": DIMENSIONS},
    "inputs_per_request": 3,
    "output": {"columns": ["id", "text"]},
}
Rows = list[dict[str, Any]]

# Never blank: a blank text is no text to embed.
TEXTS = st.text(
    st.one_of(
        st.sampled_from("\n\",;'\\{}% é語🚲"), st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])
    ),
    min_size=1,
    max_size=20,
).map(lambda text: f"{text}.")
TABLES = st.lists(st.tuples(st.integers(-(2**53), 2**53), TEXTS), min_size=1, max_size=9).map(
    lambda rows: [{"id": number, "text": text} for number, text in rows]
)


def as_csv(rows: Rows) -> bytes:
    sink = io.StringIO(newline="")
    writer = csv.DictWriter(sink, ["id", "text"])
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue().encode()


def as_parquet(rows: Rows) -> bytes:
    sink = io.BytesIO()
    pa.parquet.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def as_arrow(rows: Rows) -> bytes:
    sink = io.BytesIO()
    pa.feather.write_feather(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


WRITERS: dict[str, Callable[[Rows], bytes]] = {
    "csv": as_csv,
    "parquet": as_parquet,
    "arrow": as_arrow,
    "json": lambda rows: json.dumps(rows).encode(),
    "jsonl": lambda rows: "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode(),
}
folders = (f"round-{number}" for number in itertools.count())


def as_read(rows: Rows, suffix: str) -> Rows:
    """What a reader of that format gives: csv knows no numbers."""
    return [{**row, "id": str(row["id"])} for row in rows] if suffix == "csv" else rows


def records(pipeline: InlinePipeline, folder: str, stem: str) -> Rows:
    container = pipeline.storage.processed
    (name,) = (
        name
        for name in pipeline.names(container)
        if name.startswith(f"{folder}/") and name.endswith(f"{stem}_output.jsonl")
    )
    return [json.loads(line) for line in container.read(name)[0].split(b"\n") if line]


def chat_answer(text: str) -> str:
    return answers.answer_text({"model": MODEL, "messages": [{"role": "user", "content": text}]})


@settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables=st.fixed_dictionaries(dict.fromkeys(WRITERS, TABLES)))
def test_every_row_comes_back_once_in_order_with_its_own_answer(
    make_pipeline: MakePipeline, tables: dict[str, Rows]
) -> None:
    pipeline, folder = make_pipeline(), next(folders)
    for task, spec in (("chat", CHAT), ("embeddings", EMBEDDINGS)):
        pipeline.drop(f"{folder}/{task}/_batch.json", json.dumps(spec).encode())
        for suffix, rows in tables.items():
            pipeline.drop(f"{folder}/{task}/{task}-{suffix}.{suffix}", WRITERS[suffix](rows))
    report = pipeline.run()
    assert report.tally.ok == report.tally.total == 2 * sum(map(len, tables.values()))
    for suffix, rows in tables.items():
        for task, spec in (("chat", CHAT), ("embeddings", EMBEDDINGS)):
            found = records(pipeline, folder, f"{task}-{suffix}")
            assert [record["row"] for record in found] == list(range(len(rows)))
            assert [{"id": r["id"], "text": r["text"]} for r in found] == as_read(rows, suffix), spec
        chats = records(pipeline, folder, f"chat-{suffix}")
        assert [record["chat"] for record in chats] == [chat_answer(row["text"]) for row in rows]
        vectors = records(pipeline, folder, f"embeddings-{suffix}")
        expected = [answers.embedding(row["text"], DIMENSIONS) for row in rows]
        assert [record["embeddings"] for record in vectors] == expected


@settings(max_examples=2, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(TEXTS.map(lambda text: text.replace("\n", " ")), min_size=1, max_size=9))
def test_every_line_of_a_text_comes_back(make_pipeline: MakePipeline, lines: list[str]) -> None:
    pipeline, folder = make_pipeline(AZURE_OPENAI_DEPLOYMENT=MODEL), next(folders)
    pipeline.drop(f"{folder}/lines.txt", "\n".join(lines).encode())
    pipeline.run()
    found = records(pipeline, folder, "lines")
    assert [record["chat"] for record in found] == [chat_answer(line) for line in lines]


@pytest.mark.parametrize(("task", "spec"), [("chat", CHAT), ("embeddings", EMBEDDINGS)])
def test_real_bills_give_a_record_each(
    make_pipeline: MakePipeline, shared_data: Path, task: str, spec: dict[str, Any]
) -> None:
    pipeline = make_pipeline()
    pipeline.drop("_batch.json", json.dumps(spec | {"output": {"columns": ["title"]}}).encode())
    pipeline.drop("billsum-0.csv", (shared_data / "billsum-0.csv").read_bytes())
    assert pipeline.run().tally.ok == 49
    container = pipeline.storage.processed
    (name,) = (name for name in pipeline.names(container) if name.endswith("_output.jsonl"))
    frame = pd.read_json(io.BytesIO(container.read(name)[0]), lines=True)
    bills = pd.read_csv(shared_data / "billsum-0.csv")
    assert frame["row"].tolist() == list(range(49))
    assert frame["file"].unique().tolist() == ["billsum-0.csv"]
    assert frame["title"].tolist() == bills["title"].tolist()
    if task == "chat":
        assert frame["chat"].tolist() == [chat_answer(text) for text in bills["text"]]
    else:
        assert [len(vector) for vector in frame["embeddings"]] == [DIMENSIONS] * 49
