"""A file with a bit of everything, and what must have become of it in the end, whatever happened on the way."""

import json

from local.azure_openai import RunningService
from tests.activities.inline_pipeline import InlinePipeline

PATH = "team a/work é.jsonl"
PLAN = [
    {"custom_id": "slow", "first": 1, "effect": "error", "status": 429},
    {"custom_id": "bad", "effect": "error", "status": 400},
]


def request(custom_id: str) -> bytes:
    body = {"model": "gpt", "messages": [{"role": "user", "content": f"my {custom_id} parcel"}]}
    line = {"custom_id": custom_id, "method": "POST", "url": "/chat/completions", "body": body}
    return json.dumps(line).encode() + b"\n"


CONTENT = request("one") + request("slow") + b"nonsense\n" + request("bad") + request("two")


def check(pipeline: InlinePipeline, service: RunningService) -> None:
    storage = pipeline.storage
    results = pipeline.lines(storage.processed, "_output.jsonl")
    assert [line["custom_id"] for line in results] == ["one", "slow", "two"]
    errors = pipeline.lines(storage.error, "_error.jsonl")
    assert [(line["line"], line["custom_id"], line["outcome"], line["attempts"]) for line in errors] == [
        (3, None, "invalid", 0),
        (4, "bad", "failed", 1),
    ]
    metadata = pipeline.document(storage.processed, "_metadata.json")
    assert metadata["outcomes"] == {
        "ok": 3,
        "failed": 1,
        "invalid": 1,
        "invalid_output": 0,
        "expired": 0,
        "cancelled": 0,
        "missing": 0,
    }
    assert [batch["attempt"] for batch in metadata["batches"]] == [1, 2]
    assert metadata["input_state"] == "present"
    (archived,) = (name for name in pipeline.names(storage.processed) if name.endswith("/work é.jsonl"))
    assert storage.processed.read(archived)[0] == CONTENT
    assert pipeline.names(storage.input) == []
    left = pipeline.names(storage.work)  # notes of what snapshots held grow stale when these have died
    assert [name for name in left if not name.startswith(("snapshots/", "shares/"))] == []
    counted = service.counters()
    assert counted["batches_created"] == 2, "one for the file, one for the request that was throttled"
    assert all(len(batches) == 1 for batches in counted["batches_by_content"].values())
    assert list(pipeline.api.files_named(pipeline.services.file_prefix)) == []
