"""Shards that the service reads where they lie, answers that it writes beside them, and all that can be missing there."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from domain import names
from domain.errors import RefusedError
from domain.flow.flow import Flow
from domain.records import BatchRecord
from domain.service.batch_states import BatchView
from local.azure_openai import RunningService, running
from steps.collect.result_sources import ResultBlobs
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline
from tests.activities.request_files import requests
from tests.conftest import Containers
from tests.domain.flow.stories import said

IDS = [f"row-{number}" for number in range(6)]
BLOB = {"TRANSPORT": "blob", "AZURE_OPENAI_API_VERSION": "2025-04-01-preview"}


@pytest.fixture
def make(make_pipeline: MakePipeline) -> MakePipeline:
    def with_a_file(**settings: str) -> InlinePipeline:
        pipeline = make_pipeline(**(BLOB | settings))
        pipeline.drop("x/a b.jsonl", requests(IDS))
        return pipeline

    return with_a_file


@pytest.fixture
def pipeline(make: MakePipeline) -> InlinePipeline:
    return make()


def outcomes(pipeline: InlinePipeline) -> dict[str, int]:
    """Run to the end; the outcomes that are not 0, and nothing is left in `work/`."""
    assert pipeline.run().done == 1
    assert [name for name in pipeline.names(pipeline.storage.work) if name.startswith("files/")] == []
    told = pipeline.document(pipeline.storage.processed, "_metadata.json")["outcomes"]
    return {name: count for name, count in told.items() if count}


def batches(pipeline: InlinePipeline) -> list[dict[str, Any]]:
    return list(pipeline.document(pipeline.storage.processed, "_metadata.json")["batches"])


def calls(service: RunningService, operation: str) -> int:
    return int(service.counters()["calls"].get(operation, {}).get("total", 0))


def test_no_bytes_pass_through_the_app_and_no_file_through_the_service(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    assert outcomes(pipeline) == {"ok": 6}
    assert service.counters()["batches_created"] == 1
    for operation in ("upload", "import", "content", "get_file", "delete_file"):
        assert calls(service, operation) == 0
    (batch,) = batches(pipeline)
    assert (batch["transport"], batch["input_file_id"]) == ("blob", "")
    assert batch["input_blob"].endswith("/shards/0000-copy.jsonl")
    assert batch["output_blob"].endswith("/results.jsonl")
    assert batch["error_blob"].endswith("/errors.jsonl"), "named, although there were no errors"


@pytest.mark.parametrize("api_version", ["v1", "2025-04-01-preview"])
def test_both_forms_of_the_api_serve_it(make: MakePipeline, api_version: str) -> None:
    assert outcomes(make(AZURE_OPENAI_API_VERSION=api_version)) == {"ok": 6}


@pytest.mark.parametrize(
    ("rule", "expected", "made"),
    [
        ({"custom_id": "row-1", "effect": "error", "status": 400}, {"ok": 5, "failed": 1}, 1),
        ({"custom_id": "row-1", "first": 1, "effect": "error", "status": 500}, {"ok": 6}, 2),
        ({"effect": "error", "status": 400}, {"failed": 6}, 1),
        ({"custom_id": "row-1", "first": 1, "effect": "missing"}, {"ok": 6}, 2),
    ],
)
def test_rows_end_as_they_do_by_upload(
    pipeline: InlinePipeline,
    service: RunningService,
    rule: dict[str, Any],
    expected: dict[str, int],
    made: int,
) -> None:
    service.plan(rows=[rule])
    assert outcomes(pipeline) == expected
    assert service.counters()["batches_created"] == made


@pytest.mark.parametrize(
    ("rule", "expected", "made"),
    [
        ({"nth": 1, "ends_as": "expired", "fraction": 0.5}, {"ok": 6}, 2),
        ({"ends_as": "cancelled", "fraction": 0.5}, {"ok": 3, "cancelled": 3}, 1),
        ({"nth": 1, "ends_as": "archived", "fraction": 1.0}, {"ok": 6}, 1),
        (
            {"nth": 1, "invalid": [{"code": "invalid_request", "message": "No.", "line": 2}]},
            {"ok": 5, "failed": 1},
            2,
        ),
        ({"nth": 1, "invalid": [{"code": "invalid_request", "message": "No."}]}, {"ok": 6}, 3),
        ({"unsettled_seconds": 0.2}, {"ok": 6}, 1),
    ],
)
def test_batches_end_as_they_do_by_upload(
    make: MakePipeline, service: RunningService, rule: dict[str, Any], expected: dict[str, int], made: int
) -> None:
    service.plan(batches=[rule])
    assert outcomes(make(DEADLINE_HOURS="0.01")) == expected
    assert service.counters()["batches_created"] == made


@pytest.mark.parametrize("rule", [{"withhold_output": "null"}, {"ends_as": "completed", "files": False}])
def test_answers_that_are_not_there_are_waited_for_and_then_held(
    pipeline: InlinePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch, rule: dict[str, Any]
) -> None:
    monkeypatch.setattr("domain.flow.pacing.MAX_PASSING_TRIES", 6)
    service.plan(batches=[rule])
    assert pipeline.run().held == 1
    assert service.counters()["batches_created"] == 1


def test_shards_that_are_blobs_of_their_own_are_not_copied(make: MakePipeline) -> None:
    pipeline = make(MAX_REQUESTS_PER_SHARD="2")
    assert outcomes(pipeline) == {"ok": 6}
    assert {batch["input_blob"].rsplit("/", 1)[1] for batch in batches(pipeline)} == {
        "0000.jsonl",
        "0001.jsonl",
        "0002.jsonl",
    }


def test_a_creation_whose_answer_is_lost_is_found_by_its_blob(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    service.plan(calls=[{"operation": "create_batch", "nth": 1, "connection": "lost"}])
    assert outcomes(pipeline) == {"ok": 6}
    assert service.counters()["batches_created"] == 1


# --- the input blob stays as it is ------------------------------------------------------------------------------------


def submitted(pipeline: InlinePipeline) -> Flow:
    """Run until the batch lives."""
    flow = pipeline.begin()
    pipeline.live(flow, until=lambda: any(shard.batch_id for shard in flow.shards))
    return flow


@pytest.fixture
def patient_service(containers: Containers) -> Iterator[RunningService]:
    """Its batches work until they are told to end."""
    with running(
        duration_seconds=86_400,
        validating_seconds=0,
        finalizing_seconds=0,
        storage_connection=containers.connection_string,
    ) as service:
        yield service


def test_a_file_that_is_taken_over_while_its_batch_works_keeps_its_batch(
    make: MakePipeline, patient_service: RunningService
) -> None:
    """A take-over rewrites the metadata of the frozen input, and so its ETag; the blob that the service reads is another."""
    pipeline = make(AZURE_OPENAI_ENDPOINT=patient_service.url)
    submitted(pipeline)
    flow = pipeline.begin()
    (batch,) = patient_service.batches()
    pipeline.live(flow, until=lambda: any(shard.batch_id for shard in flow.shards))
    patient_service.force(batch["id"], "completed")
    assert pipeline.live(flow).tally.ok == 6
    assert patient_service.counters()["batches_created"] == 1


def test_an_input_that_somebody_touches_is_submitted_again(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    service.plan(batches=[{"nth": 1, "invalid": [{"code": "input_modified", "message": "It was modified."}]}])
    assert outcomes(pipeline) == {"ok": 6}
    assert [batch["status"] for batch in batches(pipeline)] == ["failed", "completed"]
    assert service.counters()["batches_created"] == 2


# --- what the service may not do --------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["input_no_permissions", "output_no_permissions"])
@pytest.mark.parametrize("at", ["creation", "validation"])
def test_a_missing_role_is_told_and_waited_for(
    pipeline: InlinePipeline, service: RunningService, code: str, at: str
) -> None:
    if at == "creation":
        service.plan(calls=[{"operation": "create_batch", "first": 2, "status": 400, "code": code}])
    else:
        service.plan(batches=[{"first": 2, "invalid": [{"code": code, "message": "No."}]}])
    flow = pipeline.begin()
    messages: set[str] = set()
    pipeline.live(flow, look=lambda: messages.update(said(flow.pauses)))
    assert flow.report().tally.ok == 6
    (message,) = messages
    assert "'Storage Blob Data Contributor'" in message
    assert calls(service, "upload") == 0


def test_a_service_that_reads_no_blobs_costs_no_request(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    service.plan(
        calls=[{"operation": "create_batch", "first": 2, "status": 400, "message": "Unknown input_blob."}]
    )
    assert outcomes(pipeline) == {"ok": 6}


def test_the_way_may_be_changed_while_a_shard_waits_for_a_role(
    make: MakePipeline, service: RunningService
) -> None:
    """TRANSPORT=upload is the quickest remedy; the shard does not wait for the role any more."""
    service.plan(
        calls=[{"operation": "create_batch", "first": 1, "status": 400, "code": "input_no_permissions"}]
    )
    pipeline = make()
    flow = pipeline.begin()
    pipeline.live(flow, until=lambda: bool(said(flow.pauses)))
    pipeline.change(transport="upload")
    assert pipeline.live(flow).tally.ok == 6
    (batch,) = batches(pipeline)
    assert (batch["transport"], batch["input_blob"]) == ("upload", None)


# --- where the answers are --------------------------------------------------------------------------------------------


def test_answers_may_be_named_as_the_specification_does(make: MakePipeline, containers: Containers) -> None:
    """From the start, beside each other and without a slash behind the folder."""
    with running(
        speed=20_000, blob_names="batch", storage_connection=containers.connection_string
    ) as service:
        service.plan(rows=[{"custom_id": "row-1", "first": 1, "effect": "error", "status": 500}])
        pipeline = make(AZURE_OPENAI_ENDPOINT=service.url)
        assert outcomes(pipeline) == {"ok": 6}
        assert all(batch["output_blob"].endswith("_output.jsonl") for batch in batches(pipeline))


def test_answers_that_are_not_ours_are_reported_and_not_fetched(pipeline: InlinePipeline) -> None:
    """A service that says its answers are somewhere else."""
    record = BatchRecord(batch_id="b", submitted_at=0.0, input_blob="x")
    url = "https://other.blob.core.windows.net/work/results.jsonl"
    seen = BatchView(batch_id="b", status="completed", output_blob=url, completed=1, total=1)
    with pytest.raises(RefusedError, match=r"other\.blob\.core.* not in the work container"):
        ResultBlobs(record, pipeline.services).names(seen)


def test_the_answers_lie_in_the_file_s_own_folder_until_they_are_collected(
    make: MakePipeline, patient_service: RunningService
) -> None:
    pipeline = make(AZURE_OPENAI_ENDPOINT=patient_service.url)
    flow = submitted(pipeline)
    (batch,) = patient_service.batches()
    patient_service.force(batch["id"], "completed")
    key = flow.files[0].key
    folder = names.answers_folder(key, "0000")

    def answers() -> list[bytes]:
        work = pipeline.storage.work
        return [work.read(entry.name)[0] for entry in work.list(folder)]

    found: list[bytes] = []
    pipeline.live(flow, look=lambda: found.extend(answers()))
    (content, *_) = found
    assert sorted(json.loads(line)["custom_id"] for line in content.splitlines()) == IDS
    assert answers() == []
