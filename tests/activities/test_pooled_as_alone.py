"""Files with all kinds of lines and rows come out the same, byte for byte, whether they share batches or not."""

import json
import random
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from local.azure_openai import RunningService, odd_answers
from steps.intake.at_rest import files_at_rest
from tests.activities.conftest import NewWorld
from tests.activities.inline_pipeline import InlinePipeline
from tests.activities.request_files import request
from tests.activities.test_odd_answers import ANY, CHAT

FILES = 14  # of each kind; more than make a pool
IDS = [
    "one",
    "bad",
    "slow",
    "gone",
    "3-one",
    "0-",
    "-1",
    "é語🚲",
    "a\u2028b",
    'a"\\b',
    " ",
    "",
    "x" * 62,
    "x" * 64,
]
TEXTS = ["my parcel", "", "{{ x }}", "a" * 3000, *(f"odd {name}" for name in CHAT + ANY)]
# What a line may be besides a request.
ODD_LINES = [b"nonsense", b"", b"[]", b"{}", b"null", b"\xff\xfe", b'{"custom_id": "half', b"NaN", b"\x00"]
CHANGES: list[dict[str, Any]] = [
    {"custom_id": None},
    {"custom_id": 5},
    {"url": "/v1/chat/completions"},
    {"url": "/nonsense"},
    {"method": "GET"},
    {"body": None},
    {"body": {"messages": []}},
    {"extra": {"x": 1}},
]
VALUES = ["Hello", "", "a,b", 'q"q', "a\nb", "é語🚲", "bad", "{{ text }}", *(f"odd {name}" for name in ANY)]
SPECS: list[dict[str, Any]] = [
    {"output": {"columns": "*"}},
    {"output": {"columns": "*", "format": "csv"}},
    {"on_bad_row": "reject"},
]
PLAN: list[dict[str, Any]] = [
    *({"text": f"odd {name}", "effect": "odd", "answer": name} for name in odd_answers.NAMES),
    {"custom_id": "*bad", "effect": "error", "status": 400},
    {"custom_id": "*slow", "first": 1, "effect": "error", "status": 429},
    {"custom_id": "*gone", "effect": "missing"},
    {"text": "bad", "effect": "error", "status": 400, "code": "content_filter"},
]

# What is another one each time, and what tells of the batches that were shared.
KEYS = {
    "batches",
    "compat",
    "created",
    "duration_seconds",
    "etag",
    "file_key",
    "finished_at",
    "request_id",
    "started_at",
}
IDENTIFIERS = [
    (re.compile(r"_?\d{8}T\d{6}(\.\d+)?Z"), "time"),
    (re.compile(r"(chatcmpl|resp|batch|file)[-_][0-9a-f]{6,}[\w-]*"), "id"),
    (re.compile(r'"created": ?\d+'), "created"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "request"),
]


def ready_made(luck: random.Random) -> bytes:
    lines = []
    for _ in range(luck.choice([1, 2, 3, 12])):
        changes = luck.choice(CHANGES) if luck.random() < 0.2 else {}
        line = request(**{"custom_id": luck.choice(IDS), "text": luck.choice(TEXTS), **changes})[:-1]
        lines.append(luck.choice(ODD_LINES) if luck.random() < 0.1 else line)
    mark = b"\xef\xbb\xbf" if luck.random() < 0.1 else b""
    return mark + luck.choice([b"\n", b"\r\n", b"\n\n"]).join(lines)


def table(luck: random.Random) -> bytes:
    rows = [json.dumps(luck.choice(VALUES), ensure_ascii=False) for _ in range(luck.choice([1, 2, 4, 12]))]
    lines = [f'{{"id": {number}, "text": {row}}}' for number, row in enumerate(rows)]
    return "\n".join(lines + ["{oops"] * (luck.random() < 0.1)).encode()


def files(luck: random.Random) -> dict[str, bytes]:
    spec = {"deployment": "gpt", "messages": [{"role": "user", "content": "{{ text }}"}]}
    found = {"tables/_batch.json": json.dumps(spec | luck.choice(SPECS)).encode()}
    for folder, make in (("ready", ready_made), ("tables", table)):
        for number in range(FILES):
            found[f"{folder}/{luck.choice(['', 'sub/'])}{number:02d}.jsonl"] = make(luck)
    return found


def lasting(text: str) -> str:
    for pattern, name in IDENTIFIERS:
        text = pattern.sub(name, text)
    return text


def leaves(at: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Give what must be the same, and where it stands."""
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            if key not in KEYS:
                yield from leaves(f"{at}/{key}", part)
        yield f"{at}/", len(value)
    else:
        yield at, lasting(value) if isinstance(value, str) else value


def everything(pipeline: InlinePipeline) -> Iterator[tuple[str, Any]]:
    """What lies in the containers for people."""
    storage = pipeline.storage
    for container in (storage.input, storage.processed, storage.error):
        for name in pipeline.names(container):
            content, at = container.read(name)[0], lasting(name)
            if name.endswith(("_output.jsonl", "_error.jsonl")):
                yield from leaves(at, [json.loads(line) for line in content.splitlines() if line])
            elif name.endswith("_metadata.json"):
                yield from leaves(at, json.loads(content))
            else:
                yield at, lasting(content.decode("utf-8", "replace"))


@pytest.mark.parametrize("seed", range(2))
def test_files_come_out_of_a_pool_as_if_each_had_been_sent_alone(
    new_world: NewWorld, service: RunningService, seed: int
) -> None:
    dropped, came, batches = files(random.Random(seed)), [], []
    for pool in ("off", "auto"):
        with new_world(POOL=pool, MAX_ATTEMPTS="2") as pipeline:
            service.plan(rows=PLAN)
            for path, content in dropped.items():
                pipeline.drop(path, content)
            report = pipeline.run()
            assert (report.files, report.done + report.rejected) == (2 * FILES, 2 * FILES)
            assert files_at_rest(pipeline.services)["held"] == []
            came.append({**dict(everything(pipeline)), "tally": msgspec.to_builtins(report.tally)})
            batches.append(service.counters()["batches_created"])
    alone, pooled = came
    assert sorted(pooled) == sorted(alone)
    assert {name: (found, pooled[name]) for name, found in alone.items() if found != pooled[name]} == {}
    assert batches[1] < batches[0] / 2
