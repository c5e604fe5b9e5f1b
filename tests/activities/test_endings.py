"""However a batch ends, every request of the file ends in exactly one outcome, and in input order."""

import json
from typing import Any

import pytest

from local.azure_openai import RunningService
from steps.deliver.hold import HOLD_SECONDS
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline
from tests.activities.request_files import request, requests

IDS = [f"row-{number}" for number in range(6)]


@pytest.fixture
def pipeline(make_pipeline: MakePipeline) -> InlinePipeline:
    made = make_pipeline()
    made.drop("x/a.jsonl", requests(IDS))
    return made


def outcomes(pipeline: InlinePipeline) -> dict[str, int]:
    """Run to the end; the counts of the metadata that are not 0, checked against results and errors."""
    report = pipeline.run()
    assert report.done == 1
    storage = pipeline.storage
    metadata = pipeline.document(storage.processed, "_metadata.json")
    counts = {name: count for name, count in metadata["outcomes"].items() if count}
    answered = pipeline.lines(storage.processed, "_output.jsonl") if counts.get("ok") else []
    errors = pipeline.lines(storage.error, "_error.jsonl") if set(counts) - {"ok"} else []
    order = [line["custom_id"] for line in answered]
    assert order == sorted(order)
    assert len(answered) == counts.get("ok", 0)
    assert sorted(order + [error["custom_id"] for error in errors]) == IDS
    assert sum(counts.values()) == metadata["requests"] == len(IDS)
    retry = [name for name in pipeline.names(storage.error) if name.endswith("_retry.jsonl")]
    if errors:
        failed = [json.loads(request(error["custom_id"])) for error in errors]
        assert [json.loads(line) for line in storage.error.read(retry[0])[0].split(b"\n") if line] == failed
        assert [error["request"] for error in errors] == failed
    assert list(pipeline.api.files_named(pipeline.services.file_prefix)) == []
    return counts


def test_a_file_that_goes_well(pipeline: InlinePipeline, service: RunningService) -> None:
    assert outcomes(pipeline) == {"ok": 6}
    assert service.counters()["batches_created"] == 1
    assert pipeline.names(pipeline.storage.error) == []


@pytest.mark.parametrize(
    ("batch", "expected", "batches"),
    [
        ({"nth": 1, "ends_as": "expired", "fraction": 0.5}, {"ok": 6}, 2),
        ({"ends_as": "expired", "fraction": 0.0}, {"expired": 6}, 3),
        ({"ends_as": "cancelled", "fraction": 0.5}, {"ok": 3, "cancelled": 3}, 1),
        ({"nth": 1, "ends_as": "archived", "fraction": 1.0}, {"ok": 6}, 1),
        ({"ends_as": "completed", "unsettled_seconds": 0.2}, {"ok": 6}, 1),
        ({"ends_as": "expired", "fraction": 0.5, "unsettled_seconds": 0.2, "nth": 1}, {"ok": 6}, 2),
        ({"error_file": "null"}, {"ok": 6}, 1),
        ({"error_file": "blank"}, {"ok": 6}, 1),
        (
            {"nth": 1, "invalid": [{"code": "invalid_json_line", "message": "No.", "line": 2}]},
            {"ok": 5, "failed": 1},
            2,
        ),
        ({"nth": 1, "invalid": [{"code": "invalid_request", "message": "No."}]}, {"ok": 6}, 3),
        ({"nth": 1, "invalid": [{"code": "token_limit_exceeded", "message": "Full."}]}, {"ok": 6}, 2),
        ({"invalid": [{"code": "empty_file", "message": "Empty."}]}, {"failed": 6}, 1),
        ({"stuck_in": "in_progress"}, {"missing": 6}, 1),
    ],
)
def test_a_batch_that_ends_otherwise(
    make_pipeline: MakePipeline,
    service: RunningService,
    batch: dict[str, Any],
    expected: dict[str, int],
    batches: int,
) -> None:
    pipeline = make_pipeline(DEADLINE_HOURS="0.01")
    pipeline.drop("x/a.jsonl", requests(IDS))
    service.plan(batches=[batch])
    assert outcomes(pipeline) == expected
    assert service.counters()["batches_created"] == batches


@pytest.mark.parametrize(
    ("row", "expected", "batches"),
    [
        ({"custom_id": "row-1", "first": 2, "effect": "error", "status": 500}, {"ok": 6}, 3),
        ({"custom_id": "row-1", "effect": "error", "status": 429}, {"ok": 5, "failed": 1}, 3),
        ({"custom_id": "row-1", "effect": "error", "status": 400}, {"ok": 5, "failed": 1}, 1),
        ({"custom_id": "row-1", "first": 1, "effect": "missing"}, {"ok": 6}, 2),
        ({"custom_id": "row-1", "effect": "missing"}, {"ok": 5, "missing": 1}, 3),
        ({"effect": "twice"}, {"ok": 6}, 1),
        ({"effect": "error", "status": 400, "code": "content_filter"}, {"failed": 6}, 1),
    ],
)
def test_a_row_that_ends_otherwise(
    pipeline: InlinePipeline,
    service: RunningService,
    row: dict[str, Any],
    expected: dict[str, int],
    batches: int,
) -> None:
    service.plan(rows=[row])
    assert outcomes(pipeline) == expected
    assert service.counters()["batches_created"] == batches


@pytest.mark.parametrize(
    "plan",
    [
        {"batches": [{"ends_as": "completed", "files": False}]},
        {"batches": [{"withhold_output": "null"}]},
        {"batches": [{"withhold_output": "blank"}]},
        {"batches": [{"ends_as": "expired", "fraction": 0.5, "withhold_output": "null"}]},
        {"rows": [{"custom_id": "row-1", "effect": "swallowed"}]},
        {"calls": [{"operation": "content", "status": 404}]},
        {"calls": [{"operation": "content", "connection": "short"}]},
    ],
)
def test_answers_that_do_not_come_are_waited_for_and_then_held_with_their_ids(
    pipeline: InlinePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch, plan: dict[str, Any]
) -> None:
    monkeypatch.setattr("domain.flow.pacing.MAX_PASSING_TRIES", 6)
    service.plan(**plan)
    report = pipeline.run()
    assert (report.held, report.done) == (1, 0)
    (held,) = pipeline.services.work.claims.all()
    (batch,) = service.batches()
    told = held.claim.held_for
    assert batch["id"] in told
    assert "row-" in told or "content" in str(plan)
    assert pipeline.names(pipeline.storage.input) == ["x/a.jsonl"]
    assert service.counters()["calls"].get("delete_file") is None, "nothing was deleted before the verdict"


def test_answers_that_were_held_are_delivered_once_they_can_be_read(
    pipeline: InlinePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.flow.pacing.MAX_PASSING_TRIES", 3)
    service.plan(calls=[{"operation": "content", "status": 503}])
    assert pipeline.run().held == 1
    service.plan()
    pipeline.wait(HOLD_SECONDS)
    assert outcomes(pipeline) == {"ok": 6}
    assert service.counters()["batches_created"] == 1


@pytest.mark.parametrize(("effect", "counted"), [("length", "truncated"), ("content_filter", "filtered")])
def test_an_answer_that_was_cut_short_is_a_result_that_says_so(
    pipeline: InlinePipeline, service: RunningService, effect: str, counted: str
) -> None:
    service.plan(rows=[{"custom_id": "row-3", "effect": effect}])
    assert outcomes(pipeline) == {"ok": 6}
    flagged = [line for line in pipeline.lines(pipeline.storage.processed, "_output.jsonl") if "flag" in line]
    assert [(line["custom_id"], line["flag"]) for line in flagged] == [("row-3", counted)]
    assert pipeline.document(pipeline.storage.processed, "_metadata.json")[counted] == 1


@pytest.mark.parametrize(
    "call",
    [
        {"operation": "content", "first": 2, "connection": "half"},
        {"operation": "content", "first": 2, "connection": "reset"},
        {"operation": "content", "first": 2, "connection": "short"},
        {"operation": "content", "first": 1, "status": 404},
        {"operation": "upload", "first": 1, "status": 500},
        {"operation": "create_batch", "first": 1, "status": 503},
        {"operation": "create_batch", "first": 1, "status": 429, "retry_after": "1"},
        {"operation": "create_batch", "first": 1, "connection": "reset"},
        {"operation": "delete_file", "first": 2, "status": 409},
        {"operation": "delete_file", "first": 2, "status": 403},
        {"operation": "get_batch", "first": 2, "status": 404},
    ],
)
def test_a_call_that_fails_in_passing_costs_time_only(
    pipeline: InlinePipeline, service: RunningService, call: dict[str, Any]
) -> None:
    service.plan(calls=[call])
    assert outcomes(pipeline) == {"ok": 6}
    assert service.counters()["batches_created"] == 1
    assert not any(service.counters()["files"].values())


def test_shards_of_one_file_come_together_again_in_order(
    make_pipeline: MakePipeline, service: RunningService
) -> None:
    pipeline = make_pipeline(MAX_REQUESTS_PER_SHARD="2")
    pipeline.drop("x/a.jsonl", requests(IDS))
    service.plan(rows=[{"custom_id": "row-[15]", "first": 1, "effect": "error", "status": 500}])
    assert outcomes(pipeline) == {"ok": 6}
    assert service.counters()["batches_created"] == 5


def test_a_full_queue_costs_no_attempt(pipeline: InlinePipeline, service: RunningService) -> None:
    service.plan(quota=[{"tries": 3}])
    assert outcomes(pipeline) == {"ok": 6}
    (batch,) = pipeline.document(pipeline.storage.processed, "_metadata.json")["batches"]
    assert batch["attempt"] == 1


# --- the input while it is worked on ---------------------------------------------------------------------------------


def run_with(pipeline: InlinePipeline, meanwhile: Any) -> dict[str, Any]:
    flow = pipeline.begin()
    meanwhile()
    assert pipeline.live(flow).done == 1
    told: dict[str, Any] = pipeline.document(pipeline.storage.processed, "_metadata.json")
    return told


def test_a_file_deleted_meanwhile_is_finished_as_it_was(pipeline: InlinePipeline) -> None:
    told = run_with(pipeline, lambda: pipeline.storage.input.delete("x/a.jsonl"))
    assert (told["input_state"], told["outcomes"]["ok"]) == ("deleted", 6)
    assert pipeline.storage.processed.read(told["archived_input"])[0] == requests(IDS)


def test_a_file_replaced_meanwhile_is_finished_as_it_was_and_the_new_one_is_left_alone(
    pipeline: InlinePipeline,
) -> None:
    told = run_with(pipeline, lambda: pipeline.drop("x/a.jsonl", requests(["new"])))
    assert told["input_state"] == "replaced"
    assert pipeline.storage.input.read("x/a.jsonl")[0] == requests(["new"])
    assert pipeline.run().done == 1
    assert pipeline.names(pipeline.storage.input) == []


def test_a_rejected_file_lies_beside_its_errors_unchanged(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline()
    pipeline.drop("b.jsonl", b"one\ntwo\n")
    report = pipeline.run()
    assert (report.rejected, report.tally.invalid) == (1, 2)
    storage = pipeline.storage
    assert pipeline.names(storage.processed) == pipeline.names(storage.input) == []
    told = pipeline.document(storage.error, "_metadata.json")
    assert (told["status"], told["requests"], told["outcomes"]["invalid"]) == ("rejected", 2, 2)
    assert storage.error.read(told["archived_input"])[0] == b"one\ntwo\n"
    assert len(pipeline.lines(storage.error, "_error.jsonl")) == 2
