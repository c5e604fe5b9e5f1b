"""Files that are not what their names say, dropped without a job spec: nothing of them is paid, and each is told by its cause."""

import gzip
import json

from local.azure_openai import RunningService
from tests.activities.conftest import MakePipeline

REQUEST = {
    "custom_id": "a",
    "method": "POST",
    "url": "/v1/chat/completions",
    "body": {"model": "gpt-4o-batch", "messages": [{"role": "user", "content": "x"}]},
}
LINE = json.dumps(REQUEST).encode() + b"\n"
DROPPED = {
    "requests.txt": (LINE * 2, "Call the file .jsonl"),
    "lines.csv": (b'{"text": "one fine day"}\n{"text": "another one"}\n', "Call the file .jsonl"),
    "array.jsonl": (b"[" + LINE.strip() + b"]\n", "one JSON array"),
    "commas.jsonl": (LINE.strip() + b",\n" + LINE.strip() + b",\n", "a comma stands behind the object"),
    "page.csv": (b"<!DOCTYPE html><html>\n", "a web page"),
    "pointer.jsonl": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n", "git lfs pull"),
    "rich.txt": (b"{\\rtf1\\ansi\nHello\\par\n}", "RTF"),
    "twice.csv.gz": (gzip.compress(gzip.compress(b"text\nhello\n")), "packed twice"),
    "zip.csv.gz": (b"PK\x03\x04nonsense", "ZIP archive"),
    "address.jsonl": (LINE.replace(b'"/v1', b'"https://api.openai.com/v1'), "Write `/v1/chat/completions`"),
    "missing.csv": (b'text\nNULL\n""\nnan\n', "nothing is sent"),
    "pairs.jsonl": (b'{"prompt": "What is it?", "chosen": "a", "rejected": "b"}\n', "training data"),
}


def test_each_is_told_by_its_cause_and_nothing_is_sent(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt-4o-batch")
    for name, (content, _) in DROPPED.items():
        pipeline.drop(name, content)
    report = pipeline.run()
    assert (report.rejected, report.done) == (len(DROPPED), 0)
    assert service.counters()["batches_created"] == 0
    told = {
        (document := json.loads(pipeline.storage.error.read(name)[0]))["file"]: document["reason"]
        for name in pipeline.names(pipeline.storage.error)
        if name.endswith("_metadata.json")
    }
    for name, (_, cause) in DROPPED.items():
        assert cause in told[name], name


def test_a_row_without_a_text_is_an_error_and_the_others_go_on(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt-4o-batch")
    pipeline.drop("a.csv", b"id,text\n1,hello there\n2,\n3,NULL\n")
    report = pipeline.run()
    assert (report.tally.ok, report.tally.invalid) == (1, 2)
    assert [error["code"] for error in pipeline.lines(pipeline.storage.error, "_error.jsonl")] == [
        "empty_input"
    ] * 2
