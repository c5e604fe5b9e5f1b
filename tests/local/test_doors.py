"""Servers on this machine answer no web page of another site."""

from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from local.azure_openai import running
from local.doors import refusal
from tests.local.functions_host.running_host import RunningHost

APP = Path(__file__).parent / "functions_host" / "apps" / "http"
WELCOME = [
    ("127.0.0.1:{port}", None),
    ("localhost:{port}", None),
    ("LOCALHOST:{port}", None),
    ("[::1]:{port}", None),
    ("127.0.0.1:{port}", "http://127.0.0.1:{port}"),
    ("localhost:{port}", "http://localhost:{port}"),
]
REFUSED = [
    ("evil.example", None),
    ("evil.example:{port}", None),
    ("127.0.0.1.evil.example:{port}", None),
    ("localhost.evil.example:{port}", None),
    ("192.168.0.4:{port}", None),
    ("0.0.0.0:{port}", None),
    ("user@evil.example", None),
    ("[", None),
    ("127.0.0.1:{port}", "http://evil.example"),
    ("127.0.0.1:{port}", "https://127.0.0.1.evil.example"),
    ("127.0.0.1:{port}", "null"),
    ("127.0.0.1:{port}", ""),
    ("127.0.0.1:{port}", "http://127.0.0.1:1"),
    ("127.0.0.1:{port}", "http://localhost:{port}"),
    ("evil.example:{port}", "http://evil.example:{port}"),
]


@pytest.mark.parametrize(("host", "origin"), WELCOME)
def test_this_machine_is_answered(host: str, origin: str | None) -> None:
    assert refusal(host.format(port=80), origin and origin.format(port=80)) is None


@pytest.mark.parametrize(("host", "origin"), REFUSED)
def test_others_are_told_why_not(host: str, origin: str | None) -> None:
    assert refusal(host.format(port=80), origin and origin.format(port=80)) is not None


@pytest.mark.parametrize("origin", [None, "http://127.0.0.1"])
def test_a_request_without_a_host_is_nobodys(origin: str | None) -> None:
    assert refusal(None, origin) is not None


@pytest.fixture(scope="module", params=["functions host", "azure openai"])
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    if request.param == "azure openai":
        with running() as service:
            yield int(service.url.rpartition(":")[2])
        return
    host = RunningHost(APP, tmp_path_factory.mktemp("host")).start()
    yield int(host.origin.rpartition(":")[2])
    host.kill()


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize(("host", "origin"), [*WELCOME[:1], *REFUSED[:3], *REFUSED[8:]])
def test_each_server_looks_at_both_headers(port: int, method: str, host: str, origin: str | None) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Host": host.format(port=port)}
    if origin is not None:
        headers["Origin"] = origin.format(port=port)
    for path in ("/", "/admin/functions", "/runtime/webhooks/durabletask/instances/x", "/openai/v1/files"):
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert (answer.status == 403) == ((host, origin) not in WELCOME), path
    connection.close()
