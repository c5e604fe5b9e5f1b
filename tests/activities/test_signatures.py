"""A data account reached by a shared access signature: the signature is in no name, record, answer or log line."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

from adapters.services import Services
from adapters.storage.account import open_storage
from domain.errors import PipelineError
from domain.settings import Settings
from local.azure_openai import RunningService
from local.azurite import Azurite
from local.azurite.server import ACCOUNT_KEY, ACCOUNT_NAME
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import Blown, Fuse, InlinePipeline
from tests.activities.mixed_file import CONTENT, PATH, PLAN, check
from tests.activities.request_files import requests


def signed(azurite: Azurite, *, days: int = 1, port: int = 0) -> str:
    """Give a connection string with a signature; another one for each number of days."""
    signature = generate_account_sas(
        ACCOUNT_NAME,
        ACCOUNT_KEY,
        ResourceTypes(service=True, container=True, object=True),
        AccountSasPermissions(
            read=True,
            write=True,
            delete=True,
            list=True,
            add=True,
            create=True,
            update=True,
            process=True,
            tag=True,
        ),
        datetime.now(UTC) + timedelta(days=days),
    )
    url = f"http://127.0.0.1:{port or azurite.blob_port}/{ACCOUNT_NAME}"
    return f"BlobEndpoint={url};SharedAccessSignature={signature}"


def secret_of(connection: str) -> str:
    return connection.partition("sig=")[2].partition("&")[0]


def everything(pipeline: InlinePipeline) -> str:
    """Give all that lies in the account: names, metadata and contents."""
    storage = pipeline.storage
    return "\n".join(
        f"{entry.name} {entry.metadata} {container.read(entry.name)[0]!r}"
        for container in (storage.input, storage.processed, storage.error, storage.work)
        for entry in container.list(metadata=True)
    )


def test_a_signature_is_in_no_record_and_no_log_line(
    make_pipeline: MakePipeline,
    service: RunningService,
    azurite: Azurite,
    caplog: pytest.LogCaptureFixture,
) -> None:
    connection = signed(azurite)
    pipeline = make_pipeline(DATA=connection)
    service.plan(rows=PLAN)
    pipeline.drop(PATH, CONTENT)
    with caplog.at_level(logging.DEBUG):
        flow = pipeline.begin()
        pipeline.live_until(flow, "collect_batch")
        within = everything(pipeline)
        pipeline.live(flow)
    check(pipeline, service)
    for told in (within, everything(pipeline), caplog.text, repr(service.counters())):
        assert secret_of(connection) not in told
        assert "sig=" not in told


def test_a_call_that_fails_tells_no_signature(
    azurite: Azurite, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text of a connection that breaks holds the whole URL, in `requests` at least."""
    monkeypatch.setattr("adapters.storage.connection._RETRIES", {"retry_total": 0})
    connection = signed(azurite, port=9)
    settings = Settings.from_env(
        {"DATA": connection, "AZURE_OPENAI_ENDPOINT": service.url, "AZURE_OPENAI_API_KEY": service.key}
    )
    storage = open_storage(settings)
    for call in (
        storage.ready,
        lambda: list(storage.input.list()),
        lambda: storage.input.read("a"),
        lambda: storage.input.write("a", b""),
        lambda: storage.input.delete("a"),
        lambda: storage.work.copy_from(storage.input, "a", "b", metadata={}),
    ):
        with pytest.raises(PipelineError) as caught:
            call()
        assert secret_of(connection) not in str(caught.value)
        assert caught.value.__cause__ is None


def test_a_missing_container_is_told_without_the_signature(azurite: Azurite, service: RunningService) -> None:
    connection = signed(azurite)
    settings = Settings.from_env({"DATA": connection, "AZURE_OPENAI_ENDPOINT": service.url})
    assert "sig=" not in open_storage(settings).account_url


class DiesAfterUpload(Fuse):
    def passed(self, effect: str) -> None:
        super().passed(effect)
        if effect == "upload":
            raise Blown(effect)


def die_after_upload(pipeline: InlinePipeline) -> None:
    pipeline.drop(PATH, requests("ab"))
    fuse = DiesAfterUpload()
    with pytest.raises(Blown):
        pipeline.live(pipeline.begin(fuse), fuse)


def test_another_signature_changes_no_name(
    make_pipeline: MakePipeline, service: RunningService, azurite: Azurite
) -> None:
    """What was begun under one signature is found under the next: files in the service above all."""
    first, second = (make_pipeline(DATA=signed(azurite, days=days)) for days in (1, 2))
    die_after_upload(first)
    assert second.run().done == 1
    assert service.counters()["calls"]["upload"]["total"] == 1
    assert service.counters()["batches_created"] == 1


def test_files_that_an_earlier_version_made_under_the_same_signature_are_found(
    make_pipeline: MakePipeline, service: RunningService, azurite: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That version's mark depended on the signature."""
    pipeline = make_pipeline(DATA=signed(azurite))
    with monkeypatch.context() as earlier:
        earlier.setattr(Services, "file_prefix", property(lambda ours: ours.storage.former_file_prefix))
        die_after_upload(pipeline)
    assert pipeline.run().done == 1
    assert service.counters()["calls"]["upload"]["total"] == 1
    assert service.counters()["files"]["batch"] == []


def test_an_account_with_a_key_has_one_mark(make_pipeline: MakePipeline) -> None:
    pipeline = make_pipeline()
    assert pipeline.services.known_file_prefixes == (pipeline.services.file_prefix,)
