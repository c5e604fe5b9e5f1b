"""The HTTP way to act: what is asked for is written down and told; what makes no sense is refused with a reason."""

import json
from collections.abc import Iterator
from typing import Any

import azure.functions as func
import pytest

from adapters.services import services
from domain import names
from domain.errors import PassingError
from tests.conftest import Containers
from tests.triggers.test_snapshots_api import called
from triggers import actions_api, files_api

NOWHERE = "0" * 20
SNAPSHOT = "snapshot-20261125T151503.090199Z"


@pytest.fixture(autouse=True)
def storage(containers: Containers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    services.cache_clear()
    monkeypatch.setenv("DATA", containers.connection_string)
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "http://127.0.0.1:9")
    for room, name in zip(("INPUT", "PROCESSED", "ERROR", "WORK"), containers.names, strict=True):
        monkeypatch.setenv(f"{room}_CONTAINER", name)
    yield services().storage
    services.cache_clear()


def call(
    function: Any, route: dict[str, str] | None = None, *, body: object = None, who: str = ""
) -> tuple[int, dict[str, Any]]:
    """Call a function as the worker does; gives status and body."""
    content = b"" if body is None else json.dumps(body).encode()
    request = func.HttpRequest(
        method="POST",
        url="http://127.0.0.1/api",
        route_params=route,
        headers={"x-ms-client-principal-name": who} if who else {},
        body=content,
    )
    return called(function, request)


def dropped(storage: Any) -> str:
    storage.input.write("a.jsonl", b"x")
    return names.file_key("a.jsonl", storage.input.entry("a.jsonl").etag)


ABOUT_FILES = {
    "cancel": actions_api.cancel_file,
    "hold": actions_api.hold_back,
    "approve": actions_api.approve_file,
    "priority": actions_api.put_first,
    "release": files_api.release_file,
    "give-up": files_api.give_up_answers,
}


@pytest.mark.parametrize("action", ABOUT_FILES)
@pytest.mark.parametrize("key", ["", "../../etc", NOWHERE, "G" * 20])
def test_a_file_that_is_not_there_is_told_as_such(action: str, key: str) -> None:
    status, told = call(ABOUT_FILES[action], {"key": key}, body={"priority": 1})
    assert (status, told["key"]) == (404, key)
    assert told["error"].startswith("No file of this key")


def test_what_is_asked_for_is_told_with_who_and_when_it_is_seen(storage: Any) -> None:
    key = dropped(storage)
    for _ in range(2):
        status, told = call(actions_api.hold_back, {"key": key}, who="änne@example.org")
        assert status == 202
        assert told | {"since": ""} == {
            "key": key,
            "file": "a.jsonl",
            "asked": "hold",
            "since": "",
            "by": "änne@example.org",
            "seen_within_seconds": None,
            "message": "Seen by the next snapshot.",
        }
    (wish,) = services().work.wishes.standing().wishes
    assert wish.by == "änne@example.org"
    assert call(files_api.release_file, {"key": key})[0] == 202
    assert call(files_api.release_file, {"key": key})[0] == 404


def test_what_makes_no_sense_is_refused_with_the_reason(storage: Any) -> None:
    key = dropped(storage)
    status, told = call(actions_api.cancel_file, {"key": key})
    assert (status, told["code"]) == (409, "conflict")
    assert "Hold it, or delete it" in told["error"]


@pytest.mark.parametrize("body", [None, {}, {"priority": "high"}, {"priority": 1.5}, {"prio": 1}, [1]])
@pytest.mark.parametrize("function", [actions_api.put_first, actions_api.put_folder_first])
def test_a_priority_is_a_whole_number(storage: Any, function: Any, body: object) -> None:
    status, told = call(function, {"key": dropped(storage)}, body=body)
    assert (status, told["code"]) == (400, "body")
    assert services().work.wishes.standing().wishes == []


@pytest.mark.parametrize("folder", ["urgent", "/urgent/", "<b>äöü</b> %2f", "a/b"])
def test_a_folder_is_kept_as_it_is_called(folder: str) -> None:
    status, told = call(actions_api.put_folder_first, body={"folder": folder, "priority": 10**9})
    assert (status, told["folder"]) == (202, folder.strip("/") + "/")
    (wish,) = services().work.wishes.standing().wishes
    assert (wish.folder, wish.priority) == (told["folder"], 1000)


def test_the_intake_is_paused_and_resumed_as_often_as_people_like() -> None:
    for function, word in ((actions_api.pause_intake, "paused"), (actions_api.resume_intake, "on")) * 2:
        for _ in range(2):
            status, told = call(function)
            assert (status, told["intake"]) == (202, word)
        assert services().work.wishes.intake_paused() is (word == "paused")


@pytest.mark.parametrize("key", ["", "../x", NOWHERE])
def test_only_what_has_ended_is_retried(key: str) -> None:
    status, told = call(actions_api.retry_file, {"key": key})
    assert (status, told["key"], told["code"]) == (404, key, "not_found")


@pytest.mark.parametrize("function", [actions_api.retry_file, actions_api.retry_snapshot])
@pytest.mark.parametrize("body", [{"codes": "429"}, {"code": ["429"]}, ["429"], {"codes": [1]}])
def test_codes_are_a_list_of_texts(function: Any, body: object) -> None:
    assert call(function, {"key": NOWHERE, "id": SNAPSHOT}, body=body)[1]["code"] == "body"


def test_a_snapshot_without_files_that_failed_has_nothing_to_retry() -> None:
    assert call(actions_api.retry_snapshot, {"id": SNAPSHOT}) == (
        202,
        {"id": SNAPSHOT, "files": [], "next": None},
    )
    assert call(actions_api.retry_snapshot, {"id": "../x"})[0] == 404


@pytest.mark.parametrize("asked", ["..", "a/b", "", "snapshot-", "snapshot-1/../x"])
def test_what_cannot_be_a_snapshot_is_none(asked: str) -> None:
    status, told = call(actions_api.cancel_snapshot, {"id": asked})
    assert (status, told["id"]) == (404, asked)


def test_a_task_hub_that_does_not_answer_is_told() -> None:
    status, told = call(actions_api.cancel_snapshot, {"id": SNAPSHOT})
    assert (status, told["code"]) == (503, "task_hub")


def test_storage_that_does_not_answer_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise PassingError("Storage is busy.", code="ServerBusy")

    monkeypatch.setattr(actions_api, "services", fail)
    for function in (actions_api.pause_intake, actions_api.resume_intake):
        assert call(function, {"key": NOWHERE})[1]["code"] == "ServerBusy"
