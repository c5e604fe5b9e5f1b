"""Durable activities run at least once: a call that is made again, at once or late, finds its own work done."""

import json
from typing import Any

import pytest

from adapters.work.claims import Claims
from domain.contracts import Asked
from domain.flow.heeding import heed
from domain.flow.state import Call
from domain.pooling import LEAST_FILES
from local.azure_openai import RunningService
from tests.activities.conftest import MakePipeline, NewWorld
from tests.activities.inline_pipeline import Fuse, InlinePipeline, Steps
from tests.activities.mixed_file import CONTENT

ROWS = [
    {"custom_id": "*slow", "first": 1, "effect": "error", "status": 429},
    {"custom_id": "*bad", "effect": "error", "status": 400},
]
FAULT = {"code": "invalid_request", "message": "Planned."}
OVERDUE = {"DEADLINE_HOURS": "0.01", "POLL_MIN_SECONDS": "1", "POLL_MAX_SECONDS": "1"}
LIVE = {"ON_DEADLINE": "direct", "DIRECT_DEPLOYMENT": "live"}
# What the service does to batches, and settings.
WAYS: dict[str, tuple[list[dict[str, Any]], dict[str, str]]] = {
    "plain": ([], {}),
    "halved": ([{"first": 1, "invalid": [FAULT]}], {}),
    "lines-cut-out": ([{"first": 1, "invalid": [{**FAULT, "line": 2}]}], {}),
    "full-after-validation": (
        [{"first": 1, "invalid": [{"code": "token_limit_exceeded", "message": "Full."}]}],
        {},
    ),
    "expired": ([{"first": 1, "ends_as": "expired", "fraction": 0.5}], {}),
    "overdue": ([{"duration_seconds": 1e8}], OVERDUE),
    "finished-live": (
        [{"duration_seconds": 1e8, "fraction": 0.5, "ends_as": "cancelled"}],
        OVERDUE | LIVE,
    ),
}
CALLS_LATE = 3


class Once(Steps):
    """Makes each call once."""

    def __init__(self, pipeline: InlinePipeline) -> None:
        super().__init__(pipeline, Fuse())


class AtOnce(Once):
    """Makes each call twice; the first answer is lost."""

    def answer(self, call: Call) -> dict[str, Any]:
        super().answer(call)
        return super().answer(call)


class Late(Once):
    """Makes each call again when some others have been made since; nothing hears the second answer."""

    def __init__(self, pipeline: InlinePipeline) -> None:
        super().__init__(pipeline)
        self._made: list[Call] = []

    def answer(self, call: Call) -> dict[str, Any]:
        told = super().answer(call)
        self._made.append(call)
        if len(self._made) > CALLS_LATE:
            super().answer(self._made[-1 - CALLS_LATE])
        return told


def told_of(pipeline: InlinePipeline) -> dict[str, Any]:
    """How the requests of each file ended, and at which attempt."""
    found: dict[str, Any] = {}
    for container in (pipeline.storage.processed, pipeline.storage.error):
        for name in pipeline.names(container):
            content = container.read(name)[0]
            if name.endswith("_metadata.json"):
                told = json.loads(content)
                found[name] = told["outcomes"], told["input_tokens"], len(told["batches"])
            elif name.endswith("_error.jsonl"):
                records = map(json.loads, content.splitlines())
                found[name] = [(record["line"], record["code"], record["attempts"]) for record in records]
            elif name.endswith("_output.jsonl"):
                found[name] = [json.loads(line)["custom_id"] for line in content.splitlines()]
    return found


def outcome(
    pipeline: InlinePipeline, service: RunningService, steps: Steps, way: str, files: int
) -> dict[str, Any]:
    service.plan(rows=ROWS, batches=WAYS[way][0])
    for number in range(files):
        pipeline.drop(f"x/{number:02d}.jsonl", CONTENT.replace(b"parcel", b"parcel %d" % number))
    flow = pipeline.begin(snapshot_id="snapshot-0001")
    while not flow.finished:
        pipeline.round(flow, steps)
    report = pipeline.reported(flow.report(), steps)
    left = pipeline.names(pipeline.storage.work)
    return {
        "told": told_of(pipeline),
        "report": report,
        "batches": sum(batch["status"] != "failed" for batch in service.batches()),
        "paid twice": service.counters()["answers"]["served_more_than_once"],
        "records": [name for name in left if not name.startswith(("snapshots/", "shares/"))],
        "files of the service": list(pipeline.api.files_named("")),
    }


@pytest.mark.parametrize(
    ("way", "files"),
    [*((way, 1) for way in WAYS), ("halved", LEAST_FILES), ("full-after-validation", LEAST_FILES)],
)
def test_a_call_that_is_made_again_changes_nothing(
    new_world: NewWorld, service: RunningService, way: str, files: int
) -> None:
    found = {}
    for kind in (Once, AtOnce, Late):
        with new_world(POOL="auto", **WAYS[way][1]) as pipeline:
            found[kind] = outcome(pipeline, service, kind(pipeline), way, files)
    assert found[AtOnce] == found[Once]
    assert found[Late] == found[Once]
    report = found[Once]["report"]
    assert (report.done, report.gone, report.tally.total) == (files, 0, 5 * files)
    assert found[Once]["records"] == found[Once]["files of the service"] == []


@pytest.mark.parametrize("is_seen", [True, False])
def test_a_shard_that_one_who_was_thought_dead_has_collected_is_not_submitted(
    make_pipeline: MakePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch, *, is_seen: bool
) -> None:
    """It goes by a claim that it has read a moment before the file was taken over; one that reads it later stops."""
    pipeline = make_pipeline()
    pipeline.drop("x.jsonl", CONTENT)
    old = pipeline.begin()
    pipeline.live_until(old, "submit_batch")
    heed(old, Asked(cancel=[old.snapshot_id]))
    collect = pipeline.live_until(old, "collect_batch")
    before = pipeline.services.work.claims.read(collect.key)
    new = pipeline.begin()
    pipeline.live_until(new, "submit_batch")
    with monkeypatch.context() as patch:
        if not is_seen:
            patch.setattr(Claims, "read", lambda *_: before)
        Once(pipeline).answer(collect)
    pipeline.live(new)
    assert service.counters()["batches_created"] == (1 if is_seen else 0)
    told = pipeline.document(pipeline.storage.processed, "_metadata.json")
    assert told["outcomes"]["cancelled"] == (0 if is_seen else 4)
