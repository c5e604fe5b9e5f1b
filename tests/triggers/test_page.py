"""The operator page as the app serves it: its own files alone, under a strict policy, and not where it is switched off."""

import asyncio
import importlib
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

from adapters.services import services
from triggers import access, page

CONTEXT = SimpleNamespace(invocation_id="id", thread_local_storage=threading.local())


def get(path: str, **headers: str) -> func.HttpResponse:
    request = func.HttpRequest(
        method="GET",
        url=f"http://127.0.0.1/ui/{path}",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        route_params={"path": path},
        body=b"",
    )
    call_it = page.get_page._function.get_user_function()
    response: func.HttpResponse = asyncio.run(call_it(req=request, context=CONTEXT))
    return response


@pytest.fixture
def page_mode(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    def set_to(mode: str) -> None:
        monkeypatch.setenv("OPERATOR_PAGE", mode)
        importlib.reload(access)
        importlib.reload(page)

    yield set_to
    monkeypatch.undo()
    importlib.reload(access)
    importlib.reload(page)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("", "text/html"),
        ("index.html", "text/html"),
        ("app.js", "text/javascript"),
        ("app.css", "text/css"),
        ("vendor/lit-html.js", "text/javascript"),
        ("vendor/LICENSE-lit.txt", "text/plain"),
    ],
)
def test_a_file_of_the_page_comes_with_its_type_and_a_strict_policy(path: str, kind: str) -> None:
    answer = get(path)
    assert (answer.status_code, answer.mimetype) == (200, kind)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    again = get(path, If_None_Match=answer.headers["ETag"])
    assert (again.status_code, again.get_body()) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "../function_app.py",
        "..%2ffunction_app.py",
        "/etc/passwd",
        "vendor",
        "vendor/../../host.json",
        "<script>",
        "x",
    ],
)
def test_nothing_else_is_served(path: str) -> None:
    answer = get(path)
    assert (answer.status_code, answer.mimetype) == (404, "text/plain")
    assert path.encode() not in answer.get_body() or path == "x"


def connections(path: str = "") -> str:
    policy = str(get(path).headers["Content-Security-Policy"])
    return policy.partition("connect-src ")[2].partition(";")[0]


@pytest.mark.parametrize(
    ("name", "value", "origin"),
    [
        (
            "DATA",
            "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=Zm9v;BlobEndpoint=http://127.0.0.1:10000/a;",
            " http://127.0.0.1:10000",
        ),
        (
            "DATA",
            "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=Zm9v;EndpointSuffix=core.windows.net",
            " https://a.blob.core.windows.net",
        ),
        ("DATA__blobServiceUri", "https://a.blob.core.windows.net/", " https://a.blob.core.windows.net"),
        ("DATA", "BlobEndpoint=https://a;script-src *;SharedAccessSignature=sig", ""),
        ("DATA", "BlobEndpoint=https://a b/;SharedAccessSignature=sig=secret", ""),
        ("DATA", "nonsense", ""),
        ("DATA", "", ""),
    ],
)
def test_the_page_alone_may_reach_the_storage_and_nothing_else_elsewhere(
    page_mode: Any, monkeypatch: pytest.MonkeyPatch, name: str, value: str, origin: str
) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.delenv("DATA", raising=False)
    monkeypatch.setenv(name, value)
    services.cache_clear()
    try:
        assert connections() == connections("index.html") == f"'self'{origin}"
        assert connections("app.js") == "'self'"
        assert "secret" not in str(get("").headers)
        page_mode("readonly")
        assert connections() == "'self'"
    finally:
        services.cache_clear()


def test_it_can_be_switched_off(page_mode: Any) -> None:
    page_mode("readonly")
    assert get("").status_code == 200
    page_mode("off")
    assert get("").status_code == 404
