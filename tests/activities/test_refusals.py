"""Storage that says no, to one file or to all: it is told, waited for, and costs nothing else."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

import pytest
from azure.storage.blob import BlobClient, BlobLeaseClient

from adapters.storage.blobs import Container
from adapters.work.claims import Claims
from domain import names
from domain.errors import PassingError
from domain.records import Claim, InputFile
from local.azure_openai import RunningService
from steps.intake.at_rest import files_at_rest
from steps.intake.refusals import LONGEST_SECONDS
from steps.intake.survey import has_new_strays, survey
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline
from tests.activities.request_files import requests

PATH = "x/a.jsonl"
SWEEPS = 4
TABLE = b"id,text\n1,Hello\n2,Bye\n"


@pytest.fixture
def pipeline(make_pipeline: MakePipeline) -> InlinePipeline:
    return make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt")


def blob(container: Container, name: str = PATH) -> BlobClient:
    client: BlobClient = container._client.get_blob_client(name)
    return client


def leased(container: Container, name: str = PATH) -> BlobLeaseClient:
    lease = BlobLeaseClient(blob(container, name))
    lease.acquire(-1)
    return lease


def rest(pipeline: InlinePipeline) -> dict[str, Any]:
    return files_at_rest(pipeline.services)


def starts_nothing(pipeline: InlinePipeline) -> bool:
    """Tell whether a sweep would start no snapshot."""

    async def is_alive(_: str) -> bool:
        return False

    found = asyncio.run(survey(pipeline.services, is_alive, snapshot_id="snapshot-x"))
    return not (found.anything or has_new_strays(found))


@contextmanager
def told(caplog: pytest.LogCaptureFixture, *words: str) -> Iterator[None]:
    """Make sure that one line of the log, and no second one, tells of something."""
    caplog.clear()
    with caplog.at_level(logging.INFO):
        yield
    lines = [line for line in caplog.messages if all(word in line for word in words)]
    assert len(lines) == 1, lines


# --- an input that cannot be deleted ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "content"), [(PATH, requests("ab")), ("x/a.csv", TABLE), ("x/bad.jsonl", b"one\ntwo\n")]
)
def test_a_leased_file_is_done_once_and_goes_with_the_lease(
    pipeline: InlinePipeline,
    service: RunningService,
    caplog: pytest.LogCaptureFixture,
    path: str,
    content: bytes,
) -> None:
    storage = pipeline.storage
    pipeline.drop(path, content)
    lease = leased(storage.input, path)
    with told(caplog, path, "LeaseIdMissing"):
        assert pipeline.run().files == 1
        outputs = pipeline.names(storage.processed) + pipeline.names(storage.error)
        created = service.counters()["batches_created"]
        for _ in range(SWEEPS):
            assert pipeline.run().files == 0
    assert pipeline.names(storage.processed) + pipeline.names(storage.error) == outputs
    assert service.counters()["batches_created"] == created == ("bad" not in path)
    (done,) = rest(pipeline)["done"]
    assert (done["file"], done["code"]) == (path, "LeaseIdMissing")
    assert "done" in done["reason"]
    assert rest(pipeline)["waiting"] == rest(pipeline)["held"] == []
    assert starts_nothing(pipeline)
    lease.break_lease(0)
    assert pipeline.run().files == 0
    assert pipeline.names(storage.input) == []
    assert [name for name in pipeline.names(storage.work) if name.startswith(names.FILES)] == []
    assert rest(pipeline)["done"] == []


def test_a_leased_file_whose_holder_touches_it_is_not_paid_again(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    pipeline.drop(PATH, requests("ab"))
    lease = leased(pipeline.storage.input)
    pipeline.run()
    for number in range(2):
        blob(pipeline.storage.input).set_blob_metadata({"seen": str(number)}, lease=lease)
        assert pipeline.run().files == 0
    assert service.counters()["batches_created"] == 1
    lease.release()
    pipeline.run()
    assert pipeline.names(pipeline.storage.input) == []


def test_new_content_in_the_place_of_what_is_done_is_another_file(
    pipeline: InlinePipeline, service: RunningService
) -> None:
    pipeline.drop(PATH, requests("ab"))
    lease = leased(pipeline.storage.input)
    pipeline.run()
    lease.release()
    pipeline.drop(PATH, requests("cd"))
    assert pipeline.run().done == 1
    assert service.counters()["answers"]["requests_served"] == 4
    assert pipeline.names(pipeline.storage.input) == []


# --- an input that cannot be taken -----------------------------------------------------------------------------------


def test_a_file_in_the_archive_tier_is_told_and_taken_when_it_is_back(
    pipeline: InlinePipeline, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline.drop(PATH, requests("ab"))
    blob(pipeline.storage.input).set_standard_blob_tier("Archive")
    with told(caplog, PATH, "BlobArchived"):
        for _ in range(SWEEPS):
            assert pipeline.begin().files_total == 0
    (waiting,) = rest(pipeline)["waiting"]
    assert (waiting["file"], waiting["code"]) == (PATH, "BlobArchived")
    assert "rehydrate" in waiting["reason"]
    assert starts_nothing(pipeline)
    blob(pipeline.storage.input).set_standard_blob_tier("Hot")
    assert pipeline.run().done == 1


def refusing(monkeypatch: pytest.MonkeyPatch, path: str, error: Exception) -> list[str]:
    """Have storage refuse to copy one file; gives what was asked of it."""
    asked: list[str] = []
    whole = Container.copy_from

    def copy_from(self: Container, source: Container, source_name: str, *rest: Any, **options: Any) -> str:
        asked.append(source_name)
        if source_name == path:
            raise error
        return whole(self, source, source_name, *rest, **options)

    monkeypatch.setattr(Container, "copy_from", copy_from)
    return asked


def test_a_file_that_fails_in_passing_again_and_again_costs_no_other_file_anything(
    pipeline: InlinePipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline.drop("bad.jsonl", requests("ab"))
    pipeline.drop("good.jsonl", requests("cd"))
    asked = refusing(monkeypatch, "bad.jsonl", PassingError("bad.jsonl: busy", code="InternalError"))
    snapshot = "snapshot-20260101T000000.000Z"
    for _ in range(2):
        with pytest.raises(PassingError):
            pipeline.begin(snapshot_id=snapshot)
    with told(caplog, "bad.jsonl", "InternalError"):
        flow = pipeline.begin(snapshot_id=snapshot)
        assert pipeline.live(flow).done == 1
        for _ in range(SWEEPS):
            assert pipeline.begin().files_total == 0
    assert starts_nothing(pipeline)
    assert asked.count("bad.jsonl") == 3
    (waiting,) = rest(pipeline)["waiting"]
    assert (waiting["file"], waiting["code"]) == ("bad.jsonl", "InternalError")
    monkeypatch.undo()
    pipeline._forward += LONGEST_SECONDS
    assert pipeline.run().done == 1
    assert rest(pipeline) == {
        "waiting": [],
        "held": [],
        "done": [],
        "passed_over": [],
        "asked": [],
        "intake": "on",
    }


def test_the_note_about_a_file_that_is_gone_goes_as_well(
    pipeline: InlinePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.drop("bad.jsonl", requests("ab"))
    refusing(monkeypatch, "bad.jsonl", PassingError("bad.jsonl: busy", code="InternalError"))
    for _ in range(2):
        with pytest.raises(PassingError):
            pipeline.begin()
    pipeline.begin()
    assert [name for name in pipeline.names(pipeline.storage.work) if name.endswith("/refused")]
    pipeline.storage.input.delete("bad.jsonl")
    pipeline.begin()
    assert [name for name in pipeline.names(pipeline.storage.work) if name.startswith(names.FILES)] == []


def test_a_leased_claim_of_a_dead_snapshot_holds_up_no_other_file(
    pipeline: InlinePipeline, service: RunningService, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline.drop(PATH, requests("ab"))
    pipeline.live_until(pipeline.begin(), "collect_batch")
    (found,) = pipeline.services.work.claims.all()
    lease = leased(pipeline.storage.work, names.frozen_input(found.key))
    pipeline.drop("good.jsonl", requests("cd"))
    with told(caplog, PATH, "LeaseIdMissing"):
        assert pipeline.run().done == 1
        for _ in range(SWEEPS):
            assert pipeline.begin().files_total == 0
    (waiting,) = rest(pipeline)["waiting"]
    assert (waiting["file"], waiting["code"]) == (PATH, "LeaseIdMissing")
    lease.break_lease(0)
    pipeline._forward += LONGEST_SECONDS
    assert pipeline.run().done == 1
    assert service.counters()["batches_created"] == 2


# --- nonsense --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "field", ["held_until", "done_at", "path", "etag", "snapshot", "timestamp", "held_for"]
)
@pytest.mark.parametrize("value", ["nonsense", "nan", "inf", "1e308", "%ff%fe", "../..", ""])
def test_nonsense_in_a_claim_is_that_files_affair(
    pipeline: InlinePipeline, service: RunningService, field: str, value: str
) -> None:
    pipeline.drop(PATH, requests("ab"))
    pipeline.live_until(pipeline.begin(), "collect_batch")
    (found,) = pipeline.services.work.claims.all()
    frozen = blob(pipeline.storage.work, names.frozen_input(found.key))
    frozen.set_blob_metadata({**frozen.get_blob_properties().metadata, field: value})
    pipeline.drop("good.jsonl", requests("cd"))
    assert pipeline.run().done >= 1
    assert "good.jsonl" not in pipeline.names(pipeline.storage.input)
    assert isinstance(rest(pipeline), dict)
    assert service.counters()["batches_created"] == 2


@pytest.mark.parametrize("owner", ["../..", "..", "a/b", "a?b", "a#b", "", "%2e%2e", "snapshot x"])
def test_an_owner_that_can_be_none_is_not_asked_for(pipeline: InlinePipeline, owner: str) -> None:
    """Its name would lead the call to the task hub elsewhere."""
    pipeline.drop(PATH, requests("ab"))
    pipeline.begin()
    (found,) = pipeline.services.work.claims.all()
    frozen = blob(pipeline.storage.work, names.frozen_input(found.key))
    frozen.set_blob_metadata({**frozen.get_blob_properties().metadata, "snapshot": quote(owner, safe="")})

    async def is_alive(_: str) -> bool:
        raise AssertionError(owner)

    seen = asyncio.run(survey(pipeline.services, is_alive, snapshot_id="snapshot-x"))
    assert [claimed.key for claimed in seen.orphaned] == [found.key]


def test_records_that_cannot_be_removed_stop_nothing(pipeline: InlinePipeline) -> None:
    stray = names.plan("0" * 20)
    for kept in (stray, "shares/snapshot-0000"):
        pipeline.storage.work.write(kept, b"", metadata={"held": "1", "wanted": "0", "at": "1"})
        leased(pipeline.storage.work, kept)
    pipeline.drop(PATH, requests("ab"))
    pipeline.begin()
    assert pipeline.run().done == 1
    starts_nothing(pipeline)  # the first look has it tidied up
    assert starts_nothing(pipeline)


def test_a_stray_claim_without_metadata_is_told_and_stops_nothing(
    pipeline: InlinePipeline, caplog: pytest.LogCaptureFixture
) -> None:
    stray = names.frozen_input("0" * 20)
    pipeline.storage.work.write(stray, b"whatever")
    pipeline.storage.work.write(f"{names.FILES}lonely", b"no record of ours")
    pipeline.drop("good.jsonl", requests("cd"))
    with told(caplog, stray):
        assert pipeline.run().done == 1
        assert pipeline.run().files == 0
    (waiting,) = rest(pipeline)["waiting"]
    assert (waiting["file"], waiting["code"]) == (stray, "unreadable_claim")
    assert starts_nothing(pipeline)


@pytest.mark.parametrize("value", ["true", "", "TRUE ", "nonsense"])
def test_metadata_of_a_directory_on_a_file_with_content_hide_nothing(
    pipeline: InlinePipeline, value: str
) -> None:
    pipeline.drop(PATH, requests("ab"))
    blob(pipeline.storage.input).set_blob_metadata({"hdi_isfolder": value, "other": ""})
    assert pipeline.run().done == 1


@pytest.mark.parametrize("path", ["a/../b.jsonl", "./b.jsonl", "a/./b.jsonl", ".."])
def test_a_name_that_no_url_can_call_is_told_once(
    pipeline: InlinePipeline,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    path: str,
) -> None:
    """Other clients make such names. The call would be folded, and would mean another blob."""
    pipeline.drop("b.jsonl", requests("ab"))
    listed = _also_listing(path)
    monkeypatch.setattr(Container, "list", listed)
    asked: list[str] = []
    whole = Claims.take

    def take(self: Claims, source: Container, file: InputFile, *more: Any) -> Claim | None:
        asked.append(file.path)
        return whole(self, source, file, *more)

    monkeypatch.setattr(Claims, "take", take)
    with told(caplog, path, "odd_name"):
        assert pipeline.run().done == 1
        assert pipeline.begin().files_total == 0
    assert asked == ["b.jsonl"]
    (waiting,) = rest(pipeline)["waiting"]
    assert (waiting["file"], waiting["code"]) == (path, "odd_name")


@pytest.mark.parametrize("path", ["gone.jsonl", "back\\slash.jsonl"])
def test_a_file_that_is_listed_and_not_found_costs_no_snapshot_at_every_sweep(
    pipeline: InlinePipeline, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    monkeypatch.setattr(Container, "list", _also_listing(path))
    with told(caplog, path, "odd_name"):
        for _ in range(SWEEPS):
            assert pipeline.begin().files_total == 0
    (waiting,) = rest(pipeline)["waiting"]
    assert (waiting["file"], waiting["code"]) == (path, "odd_name")


def _also_listing(path: str) -> Callable[..., Iterator[Any]]:
    """List a file besides those that are there."""
    from adapters.storage.blobs import BlobEntry  # noqa: PLC0415 - this alone needs it

    whole = Container.list

    def listed(self: Container, prefix: str = "", *, metadata: bool = False) -> Iterator[Any]:
        if self.name.startswith("input") and path.startswith(prefix):
            yield BlobEntry(name=path, size=5, etag="0x1", modified=1.0)
        yield from whole(self, prefix, metadata=metadata)

    return listed
