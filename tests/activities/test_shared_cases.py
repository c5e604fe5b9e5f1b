"""Inputs from public bug reports that lie beside the clone on some machines: dropped as they are, with the right outcome."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from azure.storage.blob import ContentSettings

from local.azure_openai import RunningService
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline
from tests.conftest import REPOSITORY

CASES = REPOSITORY.parent / "shared" / "cases"


@pytest.fixture
def pipeline(make_pipeline: MakePipeline) -> InlinePipeline:
    return make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt-4o-batch")


def files_of(case: str) -> Iterator[tuple[str, bytes]]:
    folder = CASES / case / "input"
    if not folder.is_dir():
        pytest.skip(f"needs cases in {CASES}")
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield path.relative_to(folder).as_posix(), path.read_bytes()


def drop(pipeline: InlinePipeline, case: str, *, only: str = "", encoding: str | None = None) -> None:
    for name, content in files_of(case):
        if name.startswith(only):
            pipeline.drop(name, content)
            if encoding:
                blob = pipeline.storage.input._client.get_blob_client(name)
                blob.set_http_headers(ContentSettings(content_encoding=encoding))


def records(pipeline: InlinePipeline, ending: str) -> list[dict[str, Any]]:
    return sorted(pipeline.lines(pipeline.storage.processed, ending), key=lambda record: record["row"])


def errors(pipeline: InlinePipeline) -> dict[str, list[tuple[str, str]]]:
    """Code and message of every error record, by input file."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name in pipeline.names(pipeline.storage.error):
        if name.endswith("_error.jsonl"):
            for line in pipeline.storage.error.read(name)[0].splitlines():
                record = json.loads(line)
                found.setdefault(record["file"], []).append((record["code"], record["message"]))
    return found


def test_batch_lines_of_others_cost_nothing_and_are_called_by_their_name(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    drop(pipeline, "07-other-vendors-batch-file")
    report = pipeline.run()
    assert (report.rejected, report.done) == (6, 0)
    assert service.counters()["batches_created"] == 0
    found = errors(pipeline)
    for name in ("anthropic", "bedrock", "gemini"):
        ((code, message),) = found[f"{name}.jsonl"]
        assert code == "other_batch_format"
        assert "look like batch requests of another form" in message
        assert all(f"`{key}`" in message for key in ("method", "url", "body"))
    for name in ("body_forgotten", "body_upper"):
        ((code, message),) = found[f"{name}.jsonl"]
        assert code == "incomplete_request"
        assert "`body` is missing" in message or "`method`, `url`, `body` are missing" in message
    assert "`Body` should be `body`" in found["body_upper.jsonl"][0][1]
    ((code, message),) = found["finetune.jsonl"]
    assert code == "chat_data"
    assert 'messages: "{{ messages }}"' in message


def test_rows_that_look_like_requests_are_rows_where_a_job_spec_says_so(pipeline: InlinePipeline) -> None:
    drop(pipeline, "34-rows-that-look-like-requests")
    report = pipeline.run()
    assert (report.done, report.rejected, report.tally.ok) == (2, 0, 4)
    mails = records(pipeline, "mails_output.jsonl")
    assert [record["custom_id"] for record in mails] == ["row-0", "row-1"]
    assert "Lamp: It is broken" in mails[0]["chat"]
    assert [record["row"] for record in records(pipeline, "calls_output.jsonl")] == [0, 1]


@pytest.mark.parametrize("encoding", ["gzip", "utf-8", "deflate"])
def test_what_a_blob_says_of_its_encoding_changes_nothing(pipeline: InlinePipeline, encoding: str) -> None:
    drop(pipeline, "12-content-encoding-gzip", encoding=encoding)
    report = pipeline.run()
    assert (report.done, report.rejected, report.held) == (6, 0, 0)
    assert report.tally.ok == 5 * 2 + 300
    assert report.tally.errors == 0


@pytest.mark.parametrize(
    ("folder", "rows"), [("comma", 2), ("default", 2), ("named", 2), ("three", 2), ("two.csv", 2)]
)
def test_a_first_line_of_excel_names_the_delimiter(pipeline: InlinePipeline, folder: str, rows: int) -> None:
    drop(pipeline, "05-excel-sep-line", only=folder)
    report = pipeline.run()
    assert (report.done, report.tally.ok, report.tally.errors) == (1, rows, 0)
    answers = " ".join(record["chat"] for record in records(pipeline, "_output.jsonl"))
    assert "Hello" in answers


def test_a_tsv_without_quoting_has_a_request_for_each_line(pipeline: InlinePipeline) -> None:
    drop(pipeline, "06-tsv-without-quoting")
    assert pipeline.run().tally.ok == 7 + 3
    found = records(pipeline, "a_output.jsonl")
    assert [record["id"] for record in found] == list("1234567")
    texts = ["abc", '"Twas the night', "in between", 'said he"', '5" screen', '"quoted" word first', "last"]
    assert all(text in record["chat"] for text, record in zip(texts, found, strict=True))
    assert [record["id"] for record in records(pipeline, "b_output.jsonl")] == ["1", "2", "3"]


def test_a_csv_without_a_header_loses_no_row_without_a_word(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    drop(pipeline, "33-csv-without-header")
    report = pipeline.run()
    assert (report.rejected, report.done) == (4, 0)
    assert service.counters()["batches_created"] == 0
    for name, found in errors(pipeline).items():
        ((_, message),) = found
        assert "header: false" in message, name
    pipeline.drop("_batch.yaml", b"header: false")
    pipeline.drop("spec/_batch.yaml", b'header: false\nmessages: [{role: user, content: "{{ column_2 }}"}]')
    for name, content in files_of("33-csv-without-header"):
        if name.endswith((".csv", "spec/c.tsv")):
            pipeline.drop(name, content)
    assert pipeline.run().tally.ok == 3 + 3 + 2
    assert [record["row"] for record in records(pipeline, "b_output.jsonl")] == [0, 1, 2]
    assert "'I like it'" in records(pipeline, "c_output.jsonl")[0]["chat"]


def test_blanks_before_a_quote_are_no_part_of_a_prompt(pipeline: InlinePipeline) -> None:
    drop(pipeline, "39-space-before-quote")
    assert pipeline.run().tally.ok == 3
    for record, text in zip(records(pipeline, "_output.jsonl"), ["Hello, world", "plain", "ok"], strict=True):
        assert f"'{text}'" in record["chat"]


def test_missing_numbers_read_as_nothing(pipeline: InlinePipeline) -> None:
    drop(pipeline, "20-pandas-nan")
    report = pipeline.run()
    assert (report.done, report.rejected) == (4, 0)
    found = {
        record["file"]: record["chat"]
        for name in pipeline.names(pipeline.storage.processed)
        if name.endswith("_output.jsonl")
        for record in map(json.loads, pipeline.storage.processed.read(name)[0].splitlines())
        if record["row"] == (1 if record["file"] != "raw.parquet" else 0)
    }
    assert "[|||] Bye" in found["nan.parquet"]
    assert "[c|1.5|1|] b has price" in found["py.jsonl"]
    assert "[|||] Hello" in found["raw.parquet"]
    assert "has price" not in found["raw.parquet"]
    (told,) = errors(pipeline).values()
    assert ["it says NaN" in message for _, message in told] == [True]


def test_pictures_that_are_null_are_told_and_not_sent(pipeline: InlinePipeline) -> None:
    drop(pipeline, "30-hf-image-struct")
    tally = pipeline.run().tally
    assert (tally.ok, tally.invalid) == (1, 2)
    (found,) = errors(pipeline).values()
    assert [code for code, _ in found] == ["empty_picture", "template_error"]
    assert "the picture is empty" in found[0][1]
    assert "column 'image' is null" in found[1][1]


def test_a_file_beside_a_job_spec_with_a_wrong_name_is_not_sent_without_it(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    drop(pipeline, "41-misnamed-job-spec")
    folders = {path.split("/")[0] for path, _ in files_of("41-misnamed-job-spec")}
    assert pipeline.run().files == 0
    assert service.counters()["batches_created"] == 0
    notes = [name for name in pipeline.names(pipeline.storage.error) if name.endswith("_error.json")]
    assert {name.split("/")[0] for name in notes} == folders
