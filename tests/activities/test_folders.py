"""Folders as tools write them: their side files are no input, their empty parts no error, their folders' names columns."""

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from local.azure_openai import RunningService
from steps.intake.at_rest import files_at_rest
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline
from tests.activities.test_take_away import table_of


@pytest.fixture
def pipeline(make_pipeline: MakePipeline) -> InlinePipeline:
    return make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt-4o-batch")


def parquet(*texts: str, **more: Any) -> bytes:
    sink = io.BytesIO()
    rows = {
        "text": pa.array(list(texts), pa.string()),
        **{n: pa.array([v] * len(texts)) for n, v in more.items()},
    }
    pq.write_table(pa.table(rows), sink)
    return sink.getvalue()


def spec(template: str, **output: Any) -> bytes:
    messages = [{"role": "user", "content": template}]
    return json.dumps({"messages": messages, "output": output}).encode()


SPARK = {
    "t/_SUCCESS": b"",
    "t/._SUCCESS.crc": b"crc",
    "t/_committed_1": b"{}",
    "t/_started_1": b"",
    "t_$folder$": b"",
    "t/_metadata": b"PAR1",
    "t/_temporary/0/part-9.parquet": parquet("temporary"),
    "t/lang=de/country=AT%2FCH/part-00000.snappy.parquet": parquet("eins", "zwei"),
    "t/lang=de/country=AT%2FCH/.part-00000.snappy.parquet.crc": b"crc",
    "t/lang=__HIVE_DEFAULT_PARTITION__/part-00001.csv": b"text,country\r\ndrei,own\r\n",
    "t/lang=de/part-00002.csv": b"text\r\n",
    "t/lang=de/part-00003.csv": b"",
    "t/part-00004.parquet": parquet(),
    "t/mine.csv.part": b"text\nunfinished",
}


@pytest.mark.parametrize("form", ["jsonl", "parquet", "csv"])
def test_a_folder_of_spark_is_its_parts_and_nothing_else(
    pipeline: InlinePipeline, service: RunningService, form: str
) -> None:
    pipeline.drop(
        "t/_batch.json", spec("{{ lang | default('?') }}|{{ row['country'] }}|{{ text }}", format=form)
    )
    for name, content in SPARK.items():
        pipeline.drop(name, content)
    pipeline.wait(60)
    report = pipeline.run()
    assert (report.done, report.rejected, report.held) == (5, 0, 0)
    assert report.tally.ok == 3
    assert pipeline.names(pipeline.storage.error) == []
    found = {}
    for name in pipeline.names(pipeline.storage.processed):
        if name.endswith(f"_output.{form}"):
            for record in table_of(pipeline.storage.processed.read(name)[0], form):
                found[record["file"], int(record["row"])] = record
    (two, one, three) = (found[key] for key in sorted(found, reverse=True))
    assert "de|AT/CH|eins" in one["chat"]
    assert [(record["lang"] or None, record["country"]) for record in (one, two) if "country" in record] == [
        ("de", "AT/CH"),
        ("de", "AT/CH"),
    ]
    assert (three["lang"] or None) is None
    assert "|own|drei" in three["chat"]
    left = set(pipeline.names(pipeline.storage.input))
    assert "t/_SUCCESS" in left
    told = files_at_rest(pipeline.services)
    assert [file["file"] for file in told["passed_over"]] == ["t/mine.csv.part"]
    assert told["waiting"] == []


def test_a_column_in_a_folder_s_name_is_never_the_text(pipeline: InlinePipeline) -> None:
    pipeline.drop("topic=a long story/one.csv", b"id,words\n1,An honest text of many words\n")
    assert pipeline.run().tally.ok == 1
    (record,) = pipeline.lines(pipeline.storage.processed, "_output.jsonl")
    assert "honest text" in record["chat"]
    assert record["topic"] == "a long story"


def test_the_retry_file_of_a_text_has_its_folders_columns(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    service.plan(rows=[{"text": "b", "effect": "error", "status": 400, "code": "content_filter"}])
    pipeline.drop("_batch.json", spec("{{ text }}"))
    pipeline.drop("lang=__HIVE_DEFAULT_PARTITION__/a.tsv", b"text\nb\n")
    pipeline.run()
    (name,) = (name for name in pipeline.names(pipeline.storage.error) if "_retry." in name)
    assert pipeline.storage.error.read(name)[0] == b"text\tlang\r\nb\t\r\n"


def commits(*actions: list[dict[str, Any]]) -> dict[str, bytes]:
    return {
        f"d/_delta_log/{number:020d}.json": b"".join(json.dumps(action).encode() + b"\n" for action in of)
        for number, of in enumerate(actions)
    }


def test_rows_that_a_delta_table_no_longer_has_are_not_paid(pipeline: InlinePipeline) -> None:
    files = {
        "d/part-0.parquet": parquet("deleted"),
        "d/part-1.parquet": parquet("current"),
        "d/k=a b/part-2.parquet": parquet("of a folder"),
        "d/part-3.parquet": parquet("never committed"),
    }
    added = [{"add": {"path": path}} for path in ("part-0.parquet", "k=a%20b/part-2.parquet")]
    log = commits(
        [{"protocol": {}}, {"metaData": {"configuration": {}}}, *added],
        [{"remove": {"path": "part-0.parquet"}}, {"add": {"path": "part-1.parquet"}}],
    )
    for name, content in (files | log).items():
        pipeline.drop(name, content)
    assert pipeline.run().tally.ok == 2
    told = files_at_rest(pipeline.services)
    assert {(file["file"], file["code"]) for file in told["passed_over"]} == {
        ("d/part-0.parquet", "not_in_table"),
        ("d/part-3.parquet", "not_in_table"),
    }


@pytest.mark.parametrize(
    ("log", "why"),
    [
        ({"d/_delta_log/00000000000000000010.json": b"{}"}, "checkpoints"),
        (commits([{"add": {"path": "part-0.parquet", "deletionVector": {"x": 1}}}]), "deletion vectors"),
        (commits([{"metaData": {"configuration": {"delta.columnMapping.mode": "name"}}}]), "column mapping"),
        ({"d/_delta_log/00000000000000000000.json": b"{"}, "damaged"),
        ({"d/metadata/v1.metadata.json": b"{}"}, "not read"),
        ({"d/.hoodie/hoodie.properties": b""}, "not read"),
    ],
)
def test_a_table_whose_log_is_not_read_waits_and_says_why(
    pipeline: InlinePipeline, service: RunningService, log: dict[str, bytes], why: str
) -> None:
    for name, content in {"d/part-0.parquet": parquet("x"), "d/part-1.parquet": parquet("y"), **log}.items():
        pipeline.drop(name, content)
    assert pipeline.run().files == 0
    assert service.counters()["batches_created"] == 0
    (told,) = files_at_rest(pipeline.services)["waiting"]
    assert (told["file"], told["code"]) == ("d/", "table_log")
    assert why in told["reason"]
    assert "Files: 2." in told["reason"]


def test_a_data_set_of_hugging_face_is_its_arrow_files(pipeline: InlinePipeline) -> None:
    sink = io.BytesIO()
    table = pa.table({"text": ["one", "two"]})
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    pipeline.drop("ds/train/data-00000-of-00001.arrow", sink.getvalue())
    for name in ("ds/train/state.json", "ds/train/dataset_info.json", "ds/dataset_dict.json"):
        pipeline.drop(name, b'{"_fingerprint": "x", "splits": ["train"]}')
    report = pipeline.run()
    assert (report.done, report.rejected, report.tally.ok) == (1, 0, 2)
