"""Calls that are complete are sent as they are; all others, as any HTTP session sends them."""

import io
from typing import Any

import pytest
import requests

from adapters.storage.account import Storage
from adapters.storage.session import StorageSession
from domain.errors import NotFoundError

NAME = "ä b/c+d%20~'(1).json"


@pytest.fixture
def usual(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The calls that went the usual way, where the environment says nothing about proxies."""
    monkeypatch.setattr(storage.session, "trust_env", False)
    made: list[str] = []
    request = requests.Session.request

    def noted(self: requests.Session, method: str, url: str, **options: Any) -> requests.Response:
        made.append(method)
        return request(self, method, url, **options)

    monkeypatch.setattr(requests.Session, "request", noted)
    return made


def test_what_is_complete_is_sent_as_it_is(storage: Storage, usual: list[str]) -> None:
    work = storage.work
    for content in (b"", b'{"a": 1}'):
        work.write(NAME, content, metadata={"told": "a%20b"})
        assert work.read(NAME)[0] == content
    work.copy_from(work, NAME, f"{NAME}.copy", metadata={})
    assert [entry.name for entry in work.list("ä b/")] == [NAME, f"{NAME}.copy"]
    work.delete(NAME)
    with pytest.raises(NotFoundError):
        work.entry(NAME)
    work.delete_all([f"{NAME}.copy"])
    assert list(work.list("ä b/")) == []
    assert "PUT" not in usual
    assert "GET" not in usual


@pytest.mark.parametrize(
    ("proxies", "options"),
    [
        ({}, {"data": io.BytesIO(b"content")}),
        ({}, {"data": b"no length is told"}),
        ({}, {"files": {"name": b"content"}}),
        ({}, {"proxies": {"http": "http://127.0.0.1:9"}}),
        ({"http": "http://127.0.0.1:9"}, {}),
    ],
)
def test_all_others_go_the_usual_way(
    usual: list[str], proxies: dict[str, str], options: dict[str, Any]
) -> None:
    with StorageSession() as session:
        session.trust_env, session.proxies = False, proxies
        with pytest.raises(requests.exceptions.ConnectionError):
            session.request("PUT", "http://127.0.0.1:9/x", headers={}, timeout=1, **options)
    assert usual == ["PUT"]
