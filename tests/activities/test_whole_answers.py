"""Large shards whose requests are all answered in full: their answers are kept as they are, and put together by the account."""

import json
from typing import Any

import pytest

from domain import names
from domain.contracts import Answer, CollectedShard, WrittenOutputs, from_wire
from local.azure_openai import RunningService
from steps.collect.requests import Requests
from steps.deliver import whole_answers
from tests.activities.conftest import MakePipeline, NewWorld
from tests.activities.crash_points import die_twice, walk
from tests.activities.inline_pipeline import Fuse, InlinePipeline, Steps
from tests.activities.request_files import requests

IDS = ["row-0", "rów-1", 'row-"2"', "row-3", "row-4"]


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steps.containment.HARMLESS_BYTES", 0)
    monkeypatch.setattr("adapters.storage.blobs.BLOCK_BYTES", 64)


@pytest.fixture
def streamed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The shards' answers that pass through this process."""
    found: list[str] = []
    original = whole_answers._behind_a_copy

    def noted(work: Any, source: str, name: str) -> Any:
        writer = original(work, source, name)
        found.append(source if writer is None else "copied")
        return writer

    monkeypatch.setattr(whole_answers, "_behind_a_copy", noted)
    return found


def results(pipeline: InlinePipeline) -> list[bytes]:
    (name,) = [name for name in pipeline.names(pipeline.storage.processed) if name.endswith("_output.jsonl")]
    content = pipeline.storage.processed.read(name)[0]
    assert content.endswith(b"\n")
    return content.splitlines()


def ids_of(lines: list[bytes]) -> list[str]:
    return [json.loads(line)["custom_id"] for line in lines]


@pytest.mark.parametrize(("most", "shards"), [("5", 1), ("2", 3), ("4", 2)])
def test_answers_come_in_the_order_of_the_input_however_many_shards_they_are_of(
    make_pipeline: MakePipeline, service: RunningService, streamed: list[str], most: str, shards: int
) -> None:
    pipeline = make_pipeline(MAX_REQUESTS_PER_SHARD=most)
    pipeline.drop("x/a.jsonl", requests(IDS))
    tally = pipeline.run().tally
    assert (tally.ok, tally.total) == (5, 5)
    assert ids_of(results(pipeline)) == IDS
    assert service.counters()["batches_created"] == shards
    assert streamed == ["copied"] * (shards > 1)
    told = pipeline.document(pipeline.storage.processed, "_metadata.json")
    assert told["outcomes"]["ok"] == 5
    assert told["results"].endswith("_output.jsonl")
    assert pipeline.names(pipeline.storage.input) == []


def test_answers_of_a_first_shard_that_was_written_at_once_are_streamed_with_the_others(
    make_pipeline: MakePipeline, streamed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.storage.blobs.BLOCK_BYTES", 1_000_000)
    pipeline = make_pipeline(MAX_REQUESTS_PER_SHARD="2")
    pipeline.drop("x/a.jsonl", requests(IDS))
    assert pipeline.run().tally.ok == 5
    assert ids_of(results(pipeline)) == IDS
    assert streamed != ["copied"]


ROWS: dict[str, list[dict[str, Any]]] = {
    "one fails, one is cut short, one is missing at first": [
        {"custom_id": "row-3", "effect": "error", "status": 400},
        {"custom_id": "row-4", "effect": "length"},
        {"custom_id": "row-0", "first": 1, "effect": "missing"},
    ],
    "one is answered twice": [{"custom_id": "row-3", "effect": "twice"}],
}


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS)
def test_where_there_is_more_to_tell_it_is_told_as_of_small_files(
    make_pipeline: MakePipeline,
    service: RunningService,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[dict[str, Any]],
) -> None:
    found = []
    for harmless in (0, 1_000_000):
        monkeypatch.setattr("steps.containment.HARMLESS_BYTES", harmless)
        service.reset()
        service.plan(rows=rows)
        pipeline = make_pipeline(MAX_REQUESTS_PER_SHARD="3")
        pipeline.drop(f"{harmless}/a.jsonl", requests(IDS))
        tally = pipeline.run().tally
        processed, error = pipeline.storage.processed, pipeline.storage.error
        told = [
            (container.name, name.rpartition("_")[2], ids_of(lines))
            for container in (processed, error)
            for name in pipeline.names(container)
            if f"{harmless}/" in name
            and (lines := container.read(name)[0].splitlines())
            and "_metadata" not in name
        ]
        found.append((tally, told))
    assert found[0] == found[1]


def test_collecting_and_writing_twice_come_to_the_same(pipeline: InlinePipeline) -> None:
    flow = pipeline.begin()
    steps = Steps(pipeline, Fuse())
    call = pipeline.live_until(flow, "collect_batch")
    first, again = (from_wire(from_wire(steps.answer(call), Answer).ok, CollectedShard) for _ in range(2))
    assert first == again
    key = call.key
    assert [line["custom_id"] for line in map(json.loads, kept_answers(pipeline, key))] == IDS
    written = Steps(pipeline, Fuse())
    call = pipeline.live_until(flow, "write_outputs")
    answers = [from_wire(from_wire(written.answer(call), Answer).ok, WrittenOutputs) for _ in range(2)]
    assert answers[0] == answers[1]
    assert ids_of(results(pipeline)) == IDS


def kept_answers(pipeline: InlinePipeline, key: str) -> list[bytes]:
    return pipeline.storage.work.read(names.answers(key, "0000"))[0].splitlines()


@pytest.fixture
def pipeline(make_pipeline: MakePipeline) -> InlinePipeline:
    made = make_pipeline()
    made.drop("x/a.jsonl", requests(IDS))
    return made


def test_a_process_may_die_after_any_effect_of_putting_answers_together(new_world: NewWorld) -> None:
    def life(fuse: Fuse) -> None:
        with new_world(MAX_REQUESTS_PER_SHARD="3") as pipeline:
            pipeline.drop("x/a.jsonl", requests(IDS))
            die_twice(pipeline, fuse)
            pipeline.run()
            assert ids_of(results(pipeline)) == IDS
            assert pipeline.names(pipeline.storage.input) == []

    def behind_the_batches(order: Any) -> range:
        begin = len(order) - order[::-1].index("create")
        return range(begin + 2, len(order), 6)

    walk("whole answers", life, behind_the_batches)


def test_lines_are_read_for_those_that_are_asked_for_alone() -> None:
    lines = [f'{{"custom_id":"{number}"}}'.encode() for number in range(1, 8)]
    read: list[bytes] = []

    def stream() -> Any:
        for line in lines:
            read.append(line)
            yield line

    known = Requests(stream, [str(number) for number in range(1, 8)])
    asked = [known.line(number) for number, _ in known.numbered() if number in (2, 3, 6)]
    assert asked == [lines[1], lines[2], lines[5]]
    assert len(read) == 6
    unknown = Requests(stream)
    assert [(custom_id, unknown.line(number)) for number, custom_id in unknown.numbered()] == [
        (str(number), lines[number - 1]) for number in range(1, 8)
    ]


def test_the_answers_to_a_tables_rows_are_found_beside_their_rows(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline(MAX_REQUESTS_PER_SHARD="2", AZURE_OPENAI_DEPLOYMENT="gpt")
    pipeline.drop("x/a.csv", b"text\n" + b"".join(b"Say %d of it\n" % number for number in range(5)))
    assert pipeline.run().tally.ok == 5
    records = list(map(json.loads, results(pipeline)))
    assert [(record["row"], record["custom_id"]) for record in records] == [
        (number, f"row-{number}") for number in range(5)
    ]
    assert all(f"Say {record['row']} of it" in json.dumps(record) for record in records)
