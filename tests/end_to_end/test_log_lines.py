"""No line of the app may be without its invocation: the host drops those, and a line may be written anywhere.

So it is not the lines of one run that are looked at, but every call of a function of the app in it, in whatever thread.
"""

import json
from pathlib import Path

import pytest

from tests.end_to_end.conftest import MakePipeline
from tests.end_to_end.pipeline import Pipeline, requests

MODULE = "tests.end_to_end.watching_host"
LONG = 600_000  # characters of a line; ten of them are more than a stream takes or sends at once
EMBEDDINGS = b'endpoint: embeddings\ndeployment: embedder\ninput: "{{ text }}"\n'


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("calls") / "calls.jsonl"


@pytest.fixture(scope="module")
def pipeline(make_pipeline: MakePipeline, calls: Path) -> Pipeline:
    return make_pipeline(
        module=MODULE,
        calls=str(calls),
        requests_per_minute="100000",
        tokens_per_minute="100000000",
        sweep_schedule="0 0 * * * *",  # at the start alone: it is the arrivals that start snapshots
    )


def run_everything(pipeline: Pipeline) -> None:
    """Have every function called, with each engine, and with files that go wrong."""
    long = [{"model": "gpt", "messages": [{"role": "user", "content": "x" * LONG}]}] * 10
    lines = [
        {"custom_id": str(number), "method": "POST", "url": "/chat/completions", "body": body}
        for number, body in enumerate(long)
    ]
    pipeline.drop(
        "long.jsonl", b"no request\n" + b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    )
    pipeline.drop("ready.jsonl", requests("ready", 5))
    pipeline.drop("bad.jsonl", b"no request\n")
    pipeline.containers.drop("sick/_batch.yaml", b"messages: [{role: usr}]\n")
    pipeline.containers.drop("sick/table.csv", b"text\na\n")
    pipeline.containers.drop("vectors/_batch.yaml", EMBEDDINGS)
    pipeline.containers.drop("vectors/table.csv", b"text\na\nb\n")
    left = {"sick/_batch.yaml", "sick/table.csv", "vectors/_batch.yaml"}
    pipeline.wait_until(lambda: pipeline.containers.waiting() == left)
    host = pipeline.host
    assert host.post("/api/snapshots").status_code == 202
    assert host.post("/admin/functions/purge").status_code == 202
    for path in ("snapshots", "files", f"snapshots/{pipeline.snapshots()[0]['id']}"):
        assert host.get(f"/api/{path}").status_code == 200
    pipeline.wait_until(lambda: "purged" in host.log and not pipeline.containers.notes())
    pipeline.drop("late.jsonl", requests("late", 5))  # nothing but its arrival starts a snapshot for it
    pipeline.wait_until(lambda: pipeline.containers.waiting() == left and not pipeline.containers.notes())


def test_no_line_that_the_app_may_write_is_without_its_invocation(pipeline: Pipeline, calls: Path) -> None:
    run_everything(pipeline)
    seen = [json.loads(line) for line in calls.read_text().splitlines()]

    assert [call for call in seen if call["lost"]] == []
    assert "lost in Azure" not in pipeline.host.log
    # The looking itself: the rooms, and threads of each kind.
    functions = {call["function"] for call in seen}
    assert len(functions) > 400
    assert "adapters/services.py warm_up" in functions  # behind the first arrival
    assert {function.partition("/")[0] for function in functions} >= {"triggers", "orchestrators", "adapters"}
    assert {call["thread"] for call in seen} >= {"MainThread", "asyncio_", "ThreadPoolExecutor-_"}
