"""The HTTP way in tells its callers what is wrong."""

import asyncio
import inspect
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import msgspec
import pytest

from adapters.services import services
from local.azurite.server import ACCOUNT_KEY
from local.functions_host.client_binding import client_binding
from tests.conftest import Containers
from triggers import files_api, snapshots_api

ADDRESS = "http://127.0.0.1/api/snapshots"
NO_TASK_HUB = client_binding("http://127.0.0.1:9", "Hub")  # nobody answers there, so nothing is started


@pytest.fixture(autouse=True)
def fresh_services() -> Iterator[None]:
    """Settings are read once for each process; each test here brings its own."""
    services.cache_clear()
    yield
    services.cache_clear()


CONTEXT = SimpleNamespace(invocation_id="id", thread_local_storage=threading.local())


def answer(
    function: Any, method: str, url: str = ADDRESS, route: dict[str, str] | None = None
) -> func.HttpResponse:
    """Call a function as the worker does, its durable client made by the SDK."""
    return respond(function, func.HttpRequest(method=method, url=url, route_params=route, body=b""))


def respond(function: Any, request: func.HttpRequest) -> func.HttpResponse:
    call_it = function._function.get_user_function()
    given = {"req": request, "client": NO_TASK_HUB, "context": CONTEXT}
    wanted = {name: value for name, value in given.items() if name in inspect.signature(call_it).parameters}
    response: func.HttpResponse = asyncio.run(call_it(**wanted))
    return response


def called(function: Any, request: func.HttpRequest) -> tuple[int, dict[str, Any]]:
    """Call a function with a request of any kind; gives status and body."""
    response = respond(function, request)
    return response.status_code, msgspec.json.decode(response.get_body())


def call(function: Any, method: str, route: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """Call a function; gives status and body."""
    response = answer(function, method, route=route)
    return response.status_code, msgspec.json.decode(response.get_body())


FUNCTIONS = pytest.mark.parametrize(
    ("function", "method"), [(snapshots_api.run_snapshot, "POST"), (snapshots_api.list_snapshots, "GET")]
)


@FUNCTIONS
def test_wrong_settings_are_told_to_the_caller(
    function: Any, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATA", "DATA__blobServiceUri", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    status, body = call(function, method)
    assert (status, body["code"]) == (500, "settings")
    assert "AZURE_OPENAI_ENDPOINT: missing" in body["error"]


@FUNCTIONS
def test_what_is_told_holds_no_secret(function: Any, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA", f"AccountName=name;AccountKey={ACCOUNT_KEY}")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "key-of-the-service")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "no address")
    status, body = call(function, method)
    assert status == 500
    assert "AZURE_OPENAI_ENDPOINT" in body["error"]
    assert ACCOUNT_KEY not in body["error"]
    assert "key-of-the-service" not in body["error"]


@pytest.mark.parametrize(
    ("own", "expected"),
    [("", "/api/snapshots"), ("app.example.net", "https://app.example.net/api/snapshots")],
)
def test_the_address_of_a_snapshot_is_none_that_a_caller_made_up(
    own: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def started(*_: Any) -> bool:
        return True

    monkeypatch.setenv("WEBSITE_HOSTNAME", own)
    monkeypatch.setattr(snapshots_api, "services", lambda: SimpleNamespace(storage=None))
    monkeypatch.setattr(snapshots_api, "start_snapshot", started)
    response = answer(snapshots_api.run_snapshot, "POST", "https://evil.example/api/snapshots?code=key")
    body = msgspec.json.decode(response.get_body())
    assert body["status_url"] == response.headers["Location"] == f"{expected}/{body['id']}"


@pytest.mark.parametrize("query", ["", "/", "?code=key-of-the-function", "/?code=key-of-the-function&a=/b"])
def test_the_address_of_a_snapshot_leads_to_it_and_holds_no_key(
    query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host passes on the address as it was called, `?code=…` with it."""

    async def started(*_: Any) -> bool:
        return True

    monkeypatch.setattr(snapshots_api, "services", lambda: SimpleNamespace(storage=None))
    monkeypatch.setattr(snapshots_api, "start_snapshot", started)
    response = answer(snapshots_api.run_snapshot, "POST", ADDRESS + query)
    body = msgspec.json.decode(response.get_body())
    assert body["status_url"] == response.headers["Location"] == f"{ADDRESS}/{body['id']}"


@pytest.mark.parametrize("asked", ["?", "..", "%2e%2e", "a?b#c", "a/b", "", "snapshot-", "snapshot-1/../x"])
def test_what_cannot_be_a_snapshot_is_none_and_nobody_is_asked(asked: str) -> None:
    """The SDK puts an id into an address as it is; nobody answers there, which would be an error."""
    status, body = call(snapshots_api.get_snapshot, "GET", {"id": asked})
    assert (status, body["id"]) == (404, asked)


def test_a_task_hub_that_does_not_answer_is_told_to_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots_api, "services", lambda: SimpleNamespace(storage=None))
    asked = {"id": "snapshot-20261125T151503.090199Z"}
    for function, method in ((snapshots_api.get_snapshot, "GET"), (snapshots_api.run_snapshot, "POST")):
        status, body = call(function, method, asked)
        assert (status, body["code"]) == (503, "task_hub")
        assert body["error"] == body["detail"] == "The task hub does not answer."


@pytest.mark.parametrize("function", [files_api.release_file, files_api.give_up_answers])
@pytest.mark.parametrize("key", ["", "../../etc", "0" * 20, "G" * 20])
def test_only_the_key_of_a_file_that_is_set_aside_can_be_released_or_given_up(
    function: Any, key: str, containers: Containers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA", containers.connection_string)
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "http://127.0.0.1:9")
    for room, name in zip(("INPUT", "PROCESSED", "ERROR", "WORK"), containers.names, strict=True):
        monkeypatch.setenv(f"{room}_CONTAINER", name)
    status, body = call(function, "POST", {"key": key})
    assert (status, body["key"]) == (404, key)
