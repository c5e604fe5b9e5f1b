"""What is told of a folder as a whole, at the end of its snapshot: one result, and one note where all files have the same mistake."""

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapters.storage.blobs import Container
from local.azure_openai import RunningService
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import Blown, Fuse, InlinePipeline
from tests.activities.test_take_away import table_of


@pytest.fixture
def pipeline(make_pipeline: MakePipeline) -> InlinePipeline:
    return make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt-4o-batch")


def spec(**output: Any) -> bytes:
    messages = [{"role": "user", "content": "{{ text }}"}]
    return json.dumps({"messages": messages, "output": {"per": "folder", **output}}).encode()


def parquet(**columns: list[Any]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def of_folder(pipeline: InlinePipeline, folder: str = "t") -> Any:
    (name,) = (
        name
        for name in pipeline.names(pipeline.storage.processed)
        if name.startswith(f"{folder}/_folder_") and name.endswith("_metadata.json")
    )
    return json.loads(pipeline.storage.processed.read(name)[0])


def named(container: Container, part: str) -> list[str]:
    return [entry.name for entry in container.list() if part in entry.name]


@pytest.mark.parametrize("form", ["jsonl", "parquet", "csv", "xlsx"])
def test_a_folder_becomes_one_result_in_the_order_of_its_names(
    pipeline: InlinePipeline, service: RunningService, form: str
) -> None:
    service.plan(rows=[{"text": "fails", "effect": "error", "status": 400, "code": "content_filter"}])
    pipeline.drop("t/_batch.json", spec(format=form, columns="*"))
    pipeline.drop("t/b.csv", b"text,n\nthree,3\nfails,4\n")
    pipeline.drop("t/d=1/a.parquet", parquet(text=["five"], n=[5], x=[0.5]))
    pipeline.drop("t/a.parquet", parquet(text=["one", "two"], n=[1, 2]))
    pipeline.drop("t/c.csv", b"\x00\x01")
    pipeline.drop("other.csv", b"text\nelsewhere\n")
    report = pipeline.run()
    assert (report.done, report.rejected) == (4, 1)
    told = of_folder(pipeline)
    assert [(file["file"], file["status"]) for file in told["files"]] == [
        ("t/a.parquet", "completed"),
        ("t/b.csv", "completed_with_errors"),
        ("t/c.csv", "rejected"),
        ("t/d=1/a.parquet", "completed"),
    ]
    assert (told["outcomes"]["ok"], told["outcomes"]["failed"], told["waiting"]) == (4, 1, [])
    found = table_of(pipeline.storage.processed.read(told["results"])[0], form)
    assert [int(record["n"]) for record in found] == [1, 2, 3, 5]
    assert [record.get("d") or None for record in found] == [None, None, None, "1"]
    assert [record["file"] for record in found] == [
        "t/a.parquet",
        "t/a.parquet",
        "t/b.csv",
        "t/d=1/a.parquet",
    ]
    errors = [json.loads(line) for line in pipeline.storage.error.read(told["errors"])[0].splitlines()]
    assert next(error["file"] for error in errors) == "t/b.csv"
    assert {error["file"] for error in errors} == {"t/b.csv", "t/c.csv"}
    assert not named(pipeline.storage.processed, "other.csv/_folder")


def test_a_file_that_was_held_joins_the_result_when_it_is_done(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt-4o-batch", MAX_TOKENS_PER_FILE="50")
    pipeline.drop("_batch.json", spec())
    pipeline.drop("a.csv", b"text\na\n")
    pipeline.drop("b.csv", b"text\n" + b"many words " * 100 + b"\n")
    assert pipeline.run().held == 1
    told = of_folder_at_root(pipeline)
    assert ([file["file"] for file in told["files"]], told["waiting"]) == (["a.csv"], ["b.csv"])
    pipeline.change(max_tokens_per_file=None)
    pipeline.drop("c.csv", b"text\nc\n")
    assert pipeline.run().done == 2
    first, later = (
        json.loads(pipeline.storage.processed.read(name)[0]) for name in sorted(folder_documents(pipeline))
    )
    assert ([file["file"] for file in first["files"]], first["waiting"]) == (["a.csv", "b.csv"], [])
    assert [file["file"] for file in later["files"]] == ["c.csv"]


def folder_documents(pipeline: InlinePipeline) -> list[str]:
    return [
        name for name in named(pipeline.storage.processed, "_folder_") if name.endswith("/all_metadata.json")
    ]


def of_folder_at_root(pipeline: InlinePipeline) -> Any:
    (name,) = folder_documents(pipeline)
    return json.loads(pipeline.storage.processed.read(name)[0])


def test_one_crash_after_the_other_ends_in_the_same_result(pipeline: InlinePipeline) -> None:
    pipeline.drop("t/_batch.json", spec())
    for name in ("a", "b"):
        pipeline.drop(f"t/{name}.csv", f"text\n{name}\n".encode())
    for effect in range(12, 60, 4):
        try:
            pipeline.run(Fuse(effect))
        except Blown:
            continue
        break
    told = of_folder(pipeline)
    assert [file["file"] for file in told["files"]] == ["t/a.csv", "t/b.csv"]
    assert len(table_of(pipeline.storage.processed.read(told["results"])[0], "jsonl")) == 2


def test_a_folder_whose_files_have_the_same_mistake_gets_one_note(pipeline: InlinePipeline) -> None:
    for number in range(30):
        pipeline.drop(f"f/{number:02}.csv", b"id,code\n1,a\n")
    pipeline.drop("f/good.csv", b"text\nhello\n")
    pipeline.drop("g/alone.csv", b"id,code\n1,a\n")
    report = pipeline.run()
    assert (report.rejected, report.done) == (31, 1)
    (name,) = (name for name in pipeline.names(pipeline.storage.error) if "_rejected_" in name)
    assert name.startswith("f/_rejected_")
    note = json.loads(pipeline.storage.error.read(name)[0])
    assert (note["folder"], note["code"], note["files_rejected"], note["files_taken"]) == (
        "f/",
        "no_text_column",
        30,
        31,
    )
    assert note["files"] == [f"f/{number:02}.csv" for number in range(20)]
    assert "Which column is the text?" in note["reason"]
    assert not named(pipeline.storage.work, "/rejected/")
