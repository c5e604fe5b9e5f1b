"""The HTTP way in tells its callers what is wrong."""

import asyncio
from collections.abc import Iterator
from typing import Any

import azure.functions as func
import msgspec
import pytest

from adapters import clients
from local.azurite.server import ACCOUNT_KEY
from local.functions_host.client_binding import client_binding
from triggers import snapshots_api

ADDRESS = "http://127.0.0.1/api/snapshots"
NO_TASK_HUB = client_binding("http://127.0.0.1:9", "Hub")  # nobody answers there, so nothing is started


@pytest.fixture(autouse=True)
def fresh_clients() -> Iterator[None]:
    """Settings are read once for each process; each test here brings its own."""
    cached = (clients.settings, clients.storage, clients.work_room)
    for client in cached:
        client.cache_clear()
    yield
    for client in cached:
        client.cache_clear()


def call(function: Any, method: str) -> tuple[int, dict[str, Any]]:
    """Call a function as the worker does, its durable client made by the SDK; gives status and body."""
    request = func.HttpRequest(method=method, url=ADDRESS, body=b"")
    answer = asyncio.run(function._function.get_user_function()(req=request, client=NO_TASK_HUB))
    return answer.status_code, msgspec.json.decode(answer.get_body())


FUNCTIONS = pytest.mark.parametrize(
    ("function", "method"), [(snapshots_api.run_snapshot, "POST"), (snapshots_api.list_snapshots, "GET")]
)


@FUNCTIONS
def test_wrong_settings_are_told_to_the_caller(
    function: Any, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STORAGE", "STORAGE__blobServiceUri", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    status, body = call(function, method)
    assert (status, body["code"]) == (500, "settings")
    assert "AZURE_OPENAI_ENDPOINT: missing" in body["error"]


@FUNCTIONS
def test_what_is_told_holds_no_secret(function: Any, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE", f"AccountName=name;AccountKey={ACCOUNT_KEY}")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "key-of-the-service")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "no address")
    status, body = call(function, method)
    assert status == 500
    assert "AZURE_OPENAI_ENDPOINT" in body["error"]
    assert ACCOUNT_KEY not in body["error"]
    assert "key-of-the-service" not in body["error"]
