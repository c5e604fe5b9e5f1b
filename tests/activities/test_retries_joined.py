"""A retry file that is dropped again: its results join those of the first file, in the order of that one."""

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from adapters.storage.blobs import Container
from domain import lineage, names
from domain.lineage import Origin
from local.azure_openai import RunningService
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import Blown, Fuse, InlinePipeline
from tests.activities.test_take_away import table_of

ROWS = ["plain 0", "flaky 1", 'plain, "2"\nand more', "stays 3", "flaky 4", "late 5", "plain 6"]
SPEC = {"deployment": "gpt-4o-mini-batch", "messages": [{"role": "user", "content": "{{ text }}"}]}


def failing(*texts: str) -> list[dict[str, Any]]:
    return [{"text": text, "effect": "error", "status": 400, "code": "content_filter"} for text in texts]


@pytest.fixture
def pipeline(make_pipeline: MakePipeline) -> InlinePipeline:
    return make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt-4o-mini-batch")


def table(form: str) -> bytes:
    rows = [{"text": text, "n": number} for number, text in enumerate(ROWS)]
    if form == "parquet":
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), sink)
        return sink.getvalue()
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def drop_retry(pipeline: InlinePipeline, *, how: str, name: str = "") -> str:
    """Drop the one retry file of the error container that was not dropped yet."""
    error = pipeline.storage.error
    found = max((blob for blob in pipeline.names(error) if "_retry." in blob.rpartition("/")[2]), key=len)
    target = name or f"in/{found.rpartition('/')[2]}"
    if how == "name":
        pipeline.drop(target, error.read(found)[0])
    else:
        told = error.entry(found).metadata
        pipeline.storage.input.write(target, error.read(found)[0], metadata=told)
    return found


def metadata_of(pipeline: InlinePipeline, container: Container, ending: str) -> Any:
    return pipeline.document(container, ending)


@pytest.mark.parametrize("how", ["name", "metadata"])
@pytest.mark.parametrize("form", ["jsonl", "parquet", "csv", "xlsx"])
def test_a_chain_of_retries_is_joined_with_the_first_file(
    pipeline: InlinePipeline, service: RunningService, form: str, how: str
) -> None:
    pipeline.drop(
        "in/_batch.json", json.dumps({**SPEC, "output": {"format": form, "columns": ["n"]}}).encode()
    )
    service.plan(rows=failing("flaky 1", "stays 3", "flaky 4", "late 5"))
    pipeline.drop("in/t.parquet", table("parquet"))
    assert pipeline.run().tally.ok == 3
    first = pipeline.document(pipeline.storage.error, "t_metadata.json")

    service.plan(rows=failing("stays 3", "late 5"))
    drop_retry(pipeline, how=how)
    assert pipeline.run().tally.ok == 2
    again = pipeline.document(pipeline.storage.processed, "t_retry_metadata.json")
    assert again["retry_of"] == first["file_key"] == names.file_key(first["file"], first["etag"])
    service.plan(rows=failing("stays 3"))
    drop_retry(pipeline, how=how)
    assert pipeline.run().tally.ok == 1

    told = pipeline.document(pipeline.storage.processed, "t_retry_retry_metadata.json")
    assert told["retry_of"] == again["file_key"]
    joined = told["joined"]
    assert (joined["file"], joined["retries"], joined["requests"], joined["failed"]) == (
        "in/t.parquet",
        2,
        7,
        1,
    )
    assert joined["results"] == first["results"].replace("_output.", "_joined.")
    found = table_of(pipeline.storage.processed.read(joined["results"])[0], form)
    assert [int(record["row"]) for record in found] == [0, 1, 2, 4, 5, 6]
    assert [int(record["n"]) for record in found] == [0, 1, 2, 4, 5, 6]
    assert {record["file"] for record in found} == {"in/t.parquet"}
    assert [record["custom_id"] for record in found] == [f"row-{n}" for n in (0, 1, 2, 4, 5, 6)]
    for record in found:
        assert " ".join(ROWS[int(record["row"])].split()) in record["chat"]
    (left,) = (json.loads(line) for line in pipeline.storage.error.read(joined["errors"])[0].splitlines())
    assert (left["row"], left["file"], left["custom_id"]) == (3, "in/t.parquet", "row-3")
    original = table_of(pipeline.storage.processed.read(first["results"])[0], form)
    assert [int(record["row"]) for record in original] == [0, 2, 6]


@pytest.mark.parametrize("how", ["name", "metadata"])
def test_ready_made_lines_keep_the_order_of_the_first_file(
    pipeline: InlinePipeline, service: RunningService, how: str
) -> None:
    lines = [
        {
            "custom_id": f"id-{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "gpt-4o-mini-batch", "messages": [{"role": "user", "content": text}]},
        }
        for number, text in enumerate(ROWS)
    ]
    texts = [json.dumps(line).encode() for line in lines]
    service.plan(rows=failing("flaky 1", "stays 3", "late 5"))
    pipeline.drop("in/r.jsonl", b"\n".join([*texts[:2], b"", b"{broken", *texts[2:]]) + b"\n")
    pipeline.run()
    service.plan(rows=failing("stays 3"))
    drop_retry(pipeline, how=how, name="elsewhere/other name.jsonl" if how == "metadata" else "")
    pipeline.run()
    joined = next(
        told
        for name in pipeline.names(pipeline.storage.processed)
        if name.endswith("_metadata.json")
        and (told := json.loads(pipeline.storage.processed.read(name)[0])["joined"])
    )
    found = [json.loads(line) for line in pipeline.storage.processed.read(joined["results"])[0].splitlines()]
    assert [line["custom_id"] for line in found] == [f"id-{n}" for n in (0, 1, 2, 4, 5, 6)]
    left = [json.loads(line) for line in pipeline.storage.error.read(joined["errors"])[0].splitlines()]
    assert [(error["line"], error["custom_id"]) for error in left] == [(4, None), (6, "id-3")]
    assert {error["file"] for error in left} == {"in/r.jsonl"}


def test_failed_rows_that_stand_among_the_results_give_way(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    output = {"failed": "inline", "format": "csv"}
    pipeline.drop("in/_batch.json", json.dumps({**SPEC, "output": output}).encode())
    service.plan(rows=failing("flaky 1", "stays 3"))
    pipeline.drop("in/t.jsonl", table("jsonl"))
    pipeline.run()
    service.plan(rows=failing("stays 3"))
    drop_retry(pipeline, how="name")
    pipeline.run()
    joined = pipeline.document(pipeline.storage.processed, "t_retry_metadata.json")["joined"]
    found = table_of(pipeline.storage.processed.read(joined["results"])[0], "csv")
    assert [record["outcome"] for record in found] == ["ok", "ok", "ok", "failed", "ok", "ok", "ok"]


def test_rows_that_were_left_out_are_not_taken_for_others(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    pipeline.drop("in/_batch.json", json.dumps(SPEC).encode())
    service.plan(rows=failing("flaky 1", "stays 3"))
    pipeline.drop("in/t.jsonl", table("jsonl"))
    pipeline.run()
    service.plan(rows=[])
    pipeline.drop("in/t_retry.jsonl", b'{"text": "flaky 1"}\n')
    report = pipeline.run()
    assert (report.done, report.tally.ok) == (1, 1)
    told = pipeline.document(pipeline.storage.processed, "t_retry_metadata.json")
    assert told["joined"]["results"] is None
    assert "has 1 rows, and 2 rows of in/t.jsonl" in told["joined"]["reason"]
    assert not [name for name in pipeline.names(pipeline.storage.processed) if "_joined" in name]


def test_a_crash_at_any_moment_leaves_a_whole_joined_file_in_the_end(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    pipeline.drop("in/_batch.json", json.dumps(SPEC).encode())
    service.plan(rows=failing("flaky 1"))
    pipeline.drop("in/t.jsonl", table("jsonl"))
    pipeline.run()
    service.plan(rows=[])
    drop_retry(pipeline, how="metadata")
    crashed = 0
    for effect in range(8, 40, 3):
        try:
            pipeline.run(Fuse(effect))
        except Blown:
            crashed += 1
        else:
            break
    assert crashed
    joined = pipeline.document(pipeline.storage.processed, "t_retry_metadata.json")["joined"]
    found = table_of(pipeline.storage.processed.read(joined["results"])[0], "jsonl")
    assert [record["row"] for record in found] == list(range(7))


def test_what_storage_has_against_the_first_file_holds_up_no_answer(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    pipeline.drop("in/_batch.json", json.dumps(SPEC).encode())
    service.plan(rows=failing("flaky 1"))
    pipeline.drop("in/t.jsonl", table("jsonl"))
    pipeline.run()
    service.plan(rows=[])
    drop_retry(pipeline, how="metadata")
    for blob in pipeline.names(pipeline.storage.error):
        pipeline.storage.error._client.get_blob_client(blob).set_standard_blob_tier("Archive")
    report = pipeline.run()
    assert (report.done, report.held) == (1, 0)
    told = pipeline.document(pipeline.storage.processed, "t_retry_metadata.json")
    assert told["retry_of"]
    assert told["joined"]["results"] is None
    assert told["joined"]["reason"]


def test_it_can_be_switched_off(make_pipeline: MakePipeline, service: RunningService) -> None:
    pipeline = make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt-4o-mini-batch", JOIN_RETRIES="false")
    pipeline.drop("in/_batch.json", json.dumps(SPEC).encode())
    service.plan(rows=failing("flaky 1"))
    pipeline.drop("in/t.jsonl", table("jsonl"))
    pipeline.run()
    service.plan(rows=[])
    drop_retry(pipeline, how="name")
    pipeline.run()
    told = pipeline.document(pipeline.storage.processed, "t_retry_metadata.json")
    assert told["retry_of"]
    assert told["joined"] is None


def test_where_a_retry_comes_from_survives_as_metadata() -> None:
    origin = Origin("0123456789abcdef0123", "dir/語 %20/t.csv_20260101T000000.000Z/t_retry.csv")
    told = lineage.metadata_of_retry(origin)
    assert all(value.isascii() for value in told.values())
    assert lineage.origin_of({name.upper(): value for name, value in told.items()}) == origin
    assert lineage.origin_of({"retry_of": "nonsense"}) == Origin()
    assert lineage.metadata_beside(origin.retry_file).endswith(".000Z/t_metadata.json")
