"""An app that wants people to sign in, as App Service Authentication does it; the Azure SDK's own credential asks a stand-in for `az`."""

import json
import os
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest

from cli import azure, reach
from cli.app_api import AppApi
from cli.faults import CommandError, Ending
from cli.places import Place
from tests.cli.command import Ran, aoai

CLIENT = "00000000-1111-2222-3333-444444444444"
LOGIN = "https://login.example/authorize"
AZ = """#!/bin/sh
echo "$@" >> "{record}"
[ -f "{signed_out}" ] && echo "Please run 'az login' to setup account." >&2 && exit 1
echo '{{"accessToken": "the-token", "expiresOn": "2100-01-01 00:00:00.000000", "expires_on": 4102444800}}'
"""


class App:
    """A web server that lets in who has the token; what it answers to others can be said."""

    def __init__(self) -> None:
        self.refusal: tuple[int, dict[str, str], bytes] = (302, {"Location": LOGIN}, b"<html>")
        self.tokens: list[str | None] = []
        app = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                token = self.headers.get("Authorization")
                app.tokens.append(token)
                known = (
                    200,
                    {"Content-Type": "application/json"},
                    b'{"snapshots": [], "items": [], "next": null}',
                )
                status, headers, body = known if token == "Bearer the-token" else app.refusal
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 - as the base class calls it

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def app() -> Iterator[App]:
    made = App()
    thread = Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


@pytest.fixture
def az(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with an `az` that is signed in, and notes what it is asked; not where there is `signed-out`."""
    (tmp_path / "az").write_text(AZ.format(record=tmp_path / "asked", signed_out=tmp_path / "signed-out"))
    (tmp_path / "az").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    # No other sign-in of this machine.
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "AzureCliCredential")
    reach.signed_in.cache_clear()
    yield tmp_path
    reach.signed_in.cache_clear()


def run(app: App, *more: str) -> Ran:
    return aoai("run", "--app", app.url, *more)


def test_who_is_signed_in_is_let_in_with_a_token_for_that_app(app: App, az: Path) -> None:
    place = Place(label="x", app_url=app.url, client_id=CLIENT)
    api = AppApi(place)
    assert api.get("snapshots")["items"] == []
    assert api.get("snapshots")["items"] == []
    assert app.tokens == ["Bearer the-token"] * 2
    (asked,) = (az / "asked").read_text().splitlines()
    assert f"api://{CLIENT}" in asked


@pytest.mark.usefixtures("az")
def test_the_client_id_is_named_by_option_or_variable(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    run(app, "--client-id", CLIENT)
    monkeypatch.setenv("AOAI_BATCH_CLIENT_ID", CLIENT)
    run(app)
    assert app.tokens == ["Bearer the-token"] * 2


# What an app says to those who are not signed in.
REFUSALS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "a page to sign in": (302, {"Location": LOGIN}, b"<html>"),
    "its own page to sign in": (302, {"Location": "/.auth/login/aad"}, b""),
    "the platform's word": (401, {"WWW-Authenticate": "Bearer"}, b""),
    "a role that is missing": (403, {}, json.dumps({"detail": "This needs the role x."}).encode()),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS.keys())
@pytest.mark.parametrize("more", [(), ("--client-id", CLIENT)], ids=["without", "with"])
def test_who_is_not_let_in_is_told_why_and_what_to_do(
    app: App, az: Path, refusal: tuple[int, dict[str, str], bytes], more: tuple[str, ...]
) -> None:
    app.refusal = refusal
    (az / "az").write_text((az / "az").read_text().replace("the-token", "another"))
    ran = run(app, *more)
    assert (ran.code, ran.out) == (Ending.FAULT, "")
    assert "--client-id" in ran.err
    assert "html" not in ran.err
    assert len(ran.err.splitlines()) == 1
    if b"role" in refusal[2]:
        assert "This needs the role x." in ran.err


def test_who_is_not_signed_in_is_told_how(app: App, az: Path) -> None:
    (az / "signed-out").touch()
    ran = run(app, "--client-id", CLIENT)
    assert ran.code == Ending.FAULT
    assert f"az login --scope api://{CLIENT}/.default" in ran.err
    assert len(ran.err.splitlines()) == 1
    assert app.tokens == []


@pytest.mark.parametrize("verb", [("status",), ("results", "a.csv"), ("drop", "a.csv"), ("doctor",)])
def test_who_is_not_signed_in_is_told_at_once_whatever_is_wanted(
    az: Path, folder: Path, verb: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not after all that the SDKs try meanwhile, nor with the dozen lines of what they tried."""
    (az / "signed-out").touch()
    (folder / "a.csv").write_text("text\nx\n")
    genuine = time.sleep

    def sleep(seconds: float) -> None:
        # A child process is waited for in short naps.
        assert seconds < 1
        genuine(seconds)

    monkeypatch.setattr(time, "sleep", sleep)
    ran = aoai(*verb, "--account", "https://127.0.0.1:9/account")
    assert ran.code == Ending.FAULT
    if verb != ("doctor",):
        assert "Nobody is signed in to Azure" in ran.err
        assert "`az login`" in ran.err
        assert len(ran.err.splitlines()) == 1


def test_no_token_is_sent_in_clear_to_another_machine() -> None:
    with pytest.raises(CommandError, match="in clear"):
        AppApi(Place(label="x", app_url="http://app.example", client_id=CLIENT)).get("snapshots")


def test_an_app_that_has_moved_is_told_and_nothing_is_sent_there(app: App) -> None:
    app.refusal = (301, {"Location": f"{app.url}/other/api/snapshots"}, b"")
    ran = run(app)
    assert (ran.code, "is elsewhere" in ran.err) == (Ending.FAULT, True)
    assert len(app.tokens) == 1


def test_a_token_that_ends_while_one_watches_is_fetched_anew(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stand-in for `az` can give no token that is nearly over: the SDK would not take it."""
    given: list[str] = []

    def get_token(scope: str) -> Any:
        given.append(scope)
        return SimpleNamespace(token="the-token", expires_on=time.time() + 200)

    monkeypatch.setattr(azure, "signed_in", lambda: SimpleNamespace(get_token=get_token))
    api = AppApi(Place(label="x", app_url=app.url, client_id=CLIENT))
    for _ in range(2):
        api.get("snapshots")
    assert len(given) == 2
