"""Shards that the service fetches itself: by signed URL, with its identity, not at all, late, in vain."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

import domain.service.transports
from local.azure_openai import RunningService, running
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline
from tests.activities.request_files import requests
from tests.conftest import Containers
from tests.domain.flow.stories import said

IDS = [f"row-{number}" for number in range(6)]
DATED = {"AZURE_OPENAI_API_VERSION": "2025-04-01-preview"}
IMPORT = {"TRANSPORT": "import", **DATED}


@pytest.fixture
def make(make_pipeline: MakePipeline) -> MakePipeline:
    def with_a_file(**settings: str) -> InlinePipeline:
        pipeline = make_pipeline(**settings)
        pipeline.drop("x/a.jsonl", requests(IDS))
        return pipeline

    return with_a_file


@pytest.fixture
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain.service.transports, "IMPORT_FROM_BYTES", 1)


def batch_of(pipeline: InlinePipeline) -> dict[str, Any]:
    """Run to the end; everything is answered by one batch, which the metadata describe."""
    assert pipeline.run().tally.ok == len(IDS)
    (batch,) = pipeline.document(pipeline.storage.processed, "_metadata.json")["batches"]
    assert list(pipeline.api.files_named(pipeline.services.file_prefix)) == []
    assert pipeline.names(pipeline.storage.input) == []
    return dict(batch)


def calls(service: RunningService, operation: str) -> int:
    return int(service.counters()["calls"].get(operation, {}).get("total", 0))


def test_the_service_fetches_a_shard_by_a_signed_url(make: MakePipeline, service: RunningService) -> None:
    batch = batch_of(make(**IMPORT))
    assert (batch["transport"], batch["transport_reason"]) == ("import", "TRANSPORT=import")
    assert (calls(service, "import"), calls(service, "upload")) == (1, 0)


def test_the_service_fetches_a_shard_with_its_own_identity(make: MakePipeline) -> None:
    assert batch_of(make(IMPORT_URL="identity", **IMPORT))["transport"] == "import"


def test_a_signature_shows_up_nowhere(
    make: MakePipeline, service: RunningService, caplog: pytest.LogCaptureFixture
) -> None:
    """Not in logs at any level, not in the notes, not in the answer to an import that the service refuses."""
    service.plan(
        calls=[{"operation": "import", "first": 1, "status": 400, "message": "No http://x/y?sv=1&sig=abc ."}]
    )
    caplog.set_level(logging.DEBUG)
    pipeline = make(**IMPORT)
    flow = pipeline.begin()
    seen: list[str] = []
    notes = pipeline.storage.work

    def look() -> None:
        seen.extend(notes.read(name)[0].decode() for name in pipeline.names(notes) if name.endswith(".json"))

    pipeline.live(flow, look=look)
    assert any('"transport":"import"' in note for note in seen)
    told = "\n".join([*seen, caplog.text, str(flow)])
    assert "sig=" not in told


@pytest.mark.parametrize("wanted", ["import", "auto"])
@pytest.mark.usefixtures("everything_is_large")
def test_a_service_that_knows_no_import_gets_an_upload_and_is_not_asked_again(
    make: MakePipeline, service: RunningService, wanted: str
) -> None:
    pipeline = make(TRANSPORT=wanted)  # under v1, where nobody documents the operation
    batch = batch_of(pipeline)
    assert batch["transport"] == "upload"
    assert "knows no import" in batch["transport_reason"]
    pipeline.drop("x/b.jsonl", requests(IDS))
    assert pipeline.run().tally.ok == len(IDS)
    assert (calls(service, "import"), calls(service, "upload")) == (1, 2)


@pytest.mark.usefixtures("everything_is_large")
def test_auto_imports_what_is_large_and_uploads_the_rest(
    make: MakePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert batch_of(make(TRANSPORT="auto", **DATED))["transport"] == "import"
    monkeypatch.setattr(domain.service.transports, "IMPORT_FROM_BYTES", 10_000)
    other = make(TRANSPORT="auto", **DATED)
    for name in other.names(other.storage.processed):
        other.storage.processed.delete(name)
    batch = batch_of(other)
    assert batch["transport"] == "upload"
    assert "bytes" in batch["transport_reason"]


@pytest.mark.usefixtures("everything_is_large")
@pytest.mark.parametrize(
    "refusal",
    [{"status": 400}, {"status": 404}, {"status": 405}],
    ids=lambda refusal: str(refusal["status"]),
)
def test_auto_uploads_where_an_import_is_refused(
    make: MakePipeline, service: RunningService, refusal: dict[str, Any]
) -> None:
    service.plan(calls=[{"operation": "import", **refusal}])
    batch = batch_of(make(TRANSPORT="auto", **DATED))
    assert batch["transport"] == "upload"
    assert batch["transport_reason"].startswith("TRANSPORT=auto, but ")


@pytest.mark.parametrize("status", [400, 404])
def test_an_import_that_was_asked_for_and_ought_to_work_waits_for_somebody_to_mend_it(
    make: MakePipeline, service: RunningService, status: int
) -> None:
    service.plan(calls=[{"operation": "import", "first": 3, "status": status}])
    pipeline = make(**IMPORT)
    messages: set[str] = set()
    flow = pipeline.begin()
    pipeline.live(flow, look=lambda: messages.update(said(flow.pauses)))
    assert flow.report().tally.ok == len(IDS)
    assert any("Storage Blob Data Reader" in message for message in messages)
    assert (calls(service, "import"), calls(service, "upload")) == (4, 0)


def test_an_import_whose_answer_is_lost_is_found_again_by_its_name(
    make: MakePipeline, service: RunningService
) -> None:
    service.plan(calls=[{"operation": "import", "nth": 1, "connection": "lost"}])
    assert batch_of(make(**IMPORT))["transport"] == "import"
    assert calls(service, "import") == 1


# --- an account that the service cannot read, and one that it reads too slowly ---------------------------------------


def test_an_account_that_cannot_be_read_is_a_matter_of_configuration_and_goes_on_once_mended(
    make: MakePipeline, containers: Containers, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bare URL of a service without the role: every import ends in `error`, no request is given up for that."""
    pipeline = make(**IMPORT)
    urls = pipeline.storage.work_urls
    messages: set[str] = set()
    monkeypatch.setattr(urls, "signed", lambda name, _valid_for: urls.plain(name) + "?")
    flow = pipeline.begin()

    def mend_it_once_it_is_told() -> None:
        messages.update(said(flow.pauses))
        if messages:
            monkeypatch.undo()

    pipeline.live(flow, look=mend_it_once_it_is_told)
    assert flow.report().tally.ok == len(IDS)
    (message,) = messages
    assert "fileImportFailed: HTTP 40" in message
    assert "firewall" in message
    assert list(pipeline.api.files_named(pipeline.services.file_prefix)) == []
    assert containers.work not in message


@pytest.mark.usefixtures("everything_is_large")
def test_auto_uploads_after_an_import_failed(
    make: MakePipeline, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = make(TRANSPORT="auto", **DATED)
    urls = pipeline.storage.work_urls
    monkeypatch.setattr(urls, "signed", lambda name, _valid_for: urls.plain(name) + "?")
    assert batch_of(pipeline)["transport_reason"] == "auto: an import ended in state 'error'"
    assert (calls(service, "import"), calls(service, "upload")) == (1, 1)


@pytest.fixture
def slow_service(containers: Containers) -> Iterator[RunningService]:
    """A service that never gets round to fetching, and whose batches end at once."""
    fast: dict[str, Any] = {"validating_seconds": 0, "duration_seconds": 0, "finalizing_seconds": 0}
    with running(
        file_pending_seconds=86_400, storage_connection=containers.connection_string, **fast
    ) as service:
        yield service


@pytest.mark.usefixtures("everything_is_large")
def test_an_import_that_stays_pending_is_given_up_after_half_an_hour(
    make: MakePipeline, slow_service: RunningService
) -> None:
    pipeline = make(AZURE_OPENAI_ENDPOINT=slow_service.url, TRANSPORT="auto", **DATED)
    flow = pipeline.begin()
    begun = pipeline.now()
    pipeline.live(flow, until=lambda: pipeline.api.imports.failing is not None)
    assert 1800 < pipeline.now() - begun < 3600
    assert "'pending'" in str(pipeline.api.imports.failing)
    assert calls(slow_service, "import") == 1


@pytest.mark.parametrize("transport", ["import", "blob"])
def test_parts_of_a_file_that_was_to_be_uploaded_are_written_for_a_service_that_reads_them(
    make_pipeline: MakePipeline, service: RunningService, transport: str
) -> None:
    """The setting is another one after the file was prepared."""
    pipeline = make_pipeline(MAX_REQUESTS_PER_SHARD="4", **DATED)
    pipeline.drop("x/a.jsonl", requests(IDS))
    flow = pipeline.begin()
    pipeline.live_until(flow, "submit_batch")
    pipeline.change(transport=transport)
    assert pipeline.live(flow).tally.ok == len(IDS)
    batches = pipeline.document(pipeline.storage.processed, "_metadata.json")["batches"]
    assert [batch["transport"] for batch in batches] == [transport, transport]
    assert calls(service, "upload") == 0
