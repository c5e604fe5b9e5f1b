"""A worker that lives long gets a client for each file that comes, and keeps them all."""

import asyncio
import gc
import json
import logging
import threading
import tracemalloc
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from azurefunctions.extensions.bindings import blob

from adapters.services import services
from local.functions_host.client_binding import client_binding
from local.functions_host.worker_messages import ModelBindingData
from triggers import blob_arrived

NO_TASK_HUB = client_binding("http://127.0.0.1:9", "Hub")
KEY = "a2V5"
ACCOUNT = (
    f"AccountName=name;AccountKey={KEY};BlobEndpoint=http://127.0.0.1:9/name;DefaultEndpointsProtocol=http"
)
FILES = 100
CONTEXT = SimpleNamespace(invocation_id="id", thread_local_storage=threading.local())


def blob_client(name: str) -> Any:
    """What the binding makes of the reference that the storage extension sends."""
    told = {"Connection": "DATA", "ContainerName": "input", "BlobName": name}
    return blob.BlobClient(
        data=ModelBindingData(source="AzureStorageBlobs", content=json.dumps(told))
    ).get_sdk_type()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    found: list[str] = []

    async def start(_client: Any, request: Any, **_: Any) -> bool:
        found.append(request.snapshot_id)
        return False

    monkeypatch.setenv("DATA", ACCOUNT)
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(blob_arrived, "start_snapshot", start)
    monkeypatch.setattr(blob_arrived, "brings_something", lambda *_: True)
    services.cache_clear()
    yield found
    services.cache_clear()


def test_a_file_that_has_come_weighs_next_to_nothing(started: list[str]) -> None:
    function = blob_arrived.blob_arrived._function.get_user_function()
    kept: list[Any] = []  # as the worker's cache, by binding and file

    def arrive(name: str) -> None:
        kept.append(blob_client(name))
        asyncio.run(function(arrived=kept[-1], client=NO_TASK_HUB, context=CONTEXT))

    arrive("first")
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(FILES):
            arrive(f"file-{number}")
        gc.collect()
        weight, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert weight / FILES < 4_000  # bytes; a client in full has more than 40,000
    assert len(started) == FILES + 1


def test_a_file_that_comes_again_gets_the_same_client_and_starts_a_snapshot_all_the_same(
    started: list[str],
) -> None:
    function = blob_arrived.blob_arrived._function.get_user_function()
    kept = blob_client("a.jsonl")
    for _ in range(2):
        asyncio.run(function(arrived=kept, client=NO_TASK_HUB, context=CONTEXT))
    assert len(started) == 2


def test_nothing_is_logged_for_each_file_where_an_identity_opens_storage(
    started: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("DATA")
    monkeypatch.setenv("DATA__blobServiceUri", "https://name.blob.core.windows.net")
    monkeypatch.setenv("DATA__credential", "managedidentity")
    monkeypatch.setenv("DATA__clientId", "00000000-0000-0000-0000-000000000000")
    caplog.set_level(logging.INFO)  # the worker's own
    arrived = blob_client("a.jsonl")
    asyncio.run(
        blob_arrived.blob_arrived._function.get_user_function()(
            arrived=arrived, client=NO_TASK_HUB, context=CONTEXT
        )
    )
    assert started
    assert caplog.messages == []
