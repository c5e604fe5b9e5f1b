"""A job spec is the affair of its own files: whatever is wrong with it, all others are taken."""

from typing import Any

import pytest

import steps.job_specs
from adapters.storage.blobs import Container
from domain.errors import JobSpecError, PassingError, RefusedError
from domain.records import SpecBlob
from domain.spec.documents import MAX_SPEC_BYTES
from steps.intake.at_rest import files_at_rest
from steps.job_specs import read_spec
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline

BROKEN = b"messages: 7\n"
GOOD = b"deployment: gpt\n"
MOST_NAME = 1024
SPECS = 300


@pytest.fixture
def pipeline(make_pipeline: MakePipeline) -> InlinePipeline:
    return make_pipeline(AZURE_OPENAI_DEPLOYMENT="gpt")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The specs that are read."""
    read: list[str] = []
    whole = Container.read_start

    def read_start(self: Container, name: str, most: int) -> tuple[bytes, str]:
        read.append(name)
        return whole(self, name, most)

    monkeypatch.setattr(Container, "read_start", read_start)
    return read


def drop_beside(pipeline: InlinePipeline, folder: str, spec: bytes) -> None:
    """Drop a table and its spec, and one that has nothing to do with it."""
    pipeline.drop(f"{folder}/_batch.yaml", spec)
    pipeline.drop(f"{folder}/a.txt", b"hello\n")
    pipeline.drop("good.txt", b"hello\n")


@pytest.mark.parametrize("chars", [900, 985, 1002, 1013])
def test_a_note_has_a_name_however_long_the_specs_is(pipeline: InlinePipeline, chars: int) -> None:
    folder = "/".join(["d" * 150] * 6)
    folder += "/" + "e" * (chars - len(folder) - len("//_batch.yaml"))
    drop_beside(pipeline, folder, BROKEN)
    assert pipeline.run().done == 1
    (note,) = (name for name in pipeline.names(pipeline.storage.error) if name.endswith("_error.json"))
    assert len(note) <= MOST_NAME
    assert pipeline.document(pipeline.storage.error, note)["files"] == [f"{folder}/a.txt"]
    pipeline.drop(f"{folder}/_batch.yaml", GOOD)
    assert pipeline.run().done == 1
    assert pipeline.names(pipeline.storage.error) == []


@pytest.mark.parametrize("error", [RefusedError("too long", code="InvalidUri"), PassingError("busy")])
@pytest.mark.parametrize("call", ["write", "delete"])
def test_a_note_that_cannot_be_kept_stops_nothing(
    pipeline: InlinePipeline, monkeypatch: pytest.MonkeyPatch, error: Exception, call: str
) -> None:
    whole = getattr(Container, call)

    def refusing(self: Container, name: str, *rest: Any, **options: Any) -> Any:
        if name.endswith("_error.json"):
            raise error
        return whole(self, name, *rest, **options)

    monkeypatch.setattr(Container, call, refusing)
    drop_beside(pipeline, "sick", BROKEN)
    assert pipeline.run().done == 1
    (waiting,) = files_at_rest(pipeline.services)["waiting"]
    assert waiting["file"] == "sick/a.txt"
    pipeline.drop("sick/_batch.yaml", GOOD)
    assert pipeline.run().done == 1


def test_a_spec_that_is_too_large_is_refused_by_its_size_alone(
    pipeline: InlinePipeline, reads: list[str]
) -> None:
    drop_beside(pipeline, "sick", b"#" * (MAX_SPEC_BYTES + 1))
    assert pipeline.run().done == 1
    assert reads == []
    (waiting,) = files_at_rest(pipeline.services)["waiting"]
    assert f"{MAX_SPEC_BYTES + 1:,} bytes" in waiting["reason"]


def test_a_spec_that_grows_after_the_listing_is_not_read_whole(pipeline: InlinePipeline) -> None:
    container = pipeline.storage.input
    etag = container.write("_batch.yaml", b"#" * (2 * MAX_SPEC_BYTES))
    assert container.read_start("_batch.yaml", MAX_SPEC_BYTES) == (b"#" * MAX_SPEC_BYTES, etag)
    with pytest.raises(JobSpecError, match="a job spec may have"):
        read_spec(
            container, SpecBlob(path="_batch.yaml", etag=etag), pipeline.services.settings.spec_defaults
        )
    etag = container.write("_batch.yaml", b"")
    assert container.read_start("_batch.yaml", MAX_SPEC_BYTES) == (b"", etag)


@pytest.mark.parametrize("parsed_bytes", [0, steps.job_specs.REMEMBERED_BYTES])
def test_each_version_of_a_spec_is_read_once_however_many_there_are(
    pipeline: InlinePipeline, reads: list[str], monkeypatch: pytest.MonkeyPatch, parsed_bytes: int
) -> None:
    """Also where what they say does not fit into the memory kept for it: what a look needs is whether they are good."""
    monkeypatch.setattr(steps.job_specs, "_parsed", steps.job_specs.Versions(parsed_bytes))
    for number in range(SPECS):
        pipeline.drop(f"{number}/_batch.yaml", BROKEN if number % 2 else GOOD)
        pipeline.drop(f"{number}/a.txt", b"hello\n")
    for _ in range(3):
        assert len(files_at_rest(pipeline.services)["waiting"]) == SPECS // 2
    assert len(reads) == SPECS
    pipeline.drop("1/_batch.yaml", GOOD)
    assert len(files_at_rest(pipeline.services)["waiting"]) == SPECS // 2 - 1
    assert len(reads) == SPECS + 1


def test_a_spec_that_storage_does_not_let_us_read_keeps_its_files_waiting(pipeline: InlinePipeline) -> None:
    drop_beside(pipeline, "cold", GOOD)
    spec = pipeline.storage.input._client.get_blob_client("cold/_batch.yaml")
    spec.set_standard_blob_tier("Archive")
    assert pipeline.run().done == 1
    (waiting,) = files_at_rest(pipeline.services)["waiting"]
    assert (waiting["file"], "BlobArchived" in waiting["reason"]) == ("cold/a.txt", True)
    spec.set_standard_blob_tier("Hot")
    assert pipeline.run().done == 1


def test_a_spec_that_cannot_be_read_this_time_is_read_the_next_time(
    pipeline: InlinePipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop_beside(pipeline, "busy", GOOD)

    def busy(_: Container, name: str, __: int) -> tuple[bytes, str]:
        raise PassingError(f"{name}: busy", code="ServerBusy")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(Container, "read_start", busy)
        assert pipeline.run().done == 1
    assert pipeline.names(pipeline.storage.error) == []
    assert pipeline.run().done == 1


def test_nonsense_in_a_share_stops_no_snapshot(pipeline: InlinePipeline) -> None:
    metadata = {"held": "many", "wanted": "nan", "at": "inf"}
    pipeline.storage.work.write("shares/snapshot-x", b"", metadata=metadata)
    pipeline.drop("good.txt", b"hello\n")
    assert pipeline.run().done == 1
