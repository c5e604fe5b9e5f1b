"""Blob functions against Azurite: scans, events, receipts, retries, poison."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import requests
from azure.core.exceptions import ResourceNotFoundError

from local.azurite import Azurite
from local.functions_host.cli import STATE_FILE
from tests.conftest import Containers
from tests.local.functions_host.conftest import MakeHost
from tests.local.functions_host.running_host import RunningHost

Calls: TypeAlias = Callable[[], list[tuple[str, str]]]


@pytest.fixture
def blobs(make_host: MakeHost, containers: Containers, tmp_path: Path) -> Iterator[RunningHost]:
    """A host whose blob functions watch the test's input container; not started yet."""
    host = make_host(
        "blobs",
        *("--blob-poll-seconds", "0.05"),
        DATA=containers.connection_string,
        INPUT_CONTAINER=containers.input,
        RECORD=str(tmp_path / "record.jsonl"),
    )
    (tmp_path / "record.jsonl").touch()
    yield host
    if host.is_running:
        host.kill()


@pytest.fixture(scope="module")
def webhook(make_host: MakeHost, azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> RunningHost:
    """A running host whose blob functions are never called."""
    record = tmp_path_factory.mktemp("webhook") / "record.jsonl"
    return make_host(
        "blobs", DATA=azurite.connection_string, INPUT_CONTAINER="nowhere", RECORD=str(record)
    ).start()


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    """The calls so far: function and blob name."""

    def read() -> list[tuple[str, str]]:
        lines = (tmp_path / "record.jsonl").read_text().splitlines()
        return [(function, name) for function, _, name in map(json.loads, lines)]

    return read


def upload(containers: Containers, name: str, content: bytes = b"x") -> None:
    containers.service.get_blob_client(containers.input, name).upload_blob(content, overwrite=True)


def event(containers: Containers, name: str, **changes: Any) -> dict[str, Any]:
    """Write a blob, and tell of it as Event Grid does."""
    upload(containers, name)
    blob = containers.service.get_blob_client(containers.input, name)
    etag = str(blob.get_blob_properties().etag).strip('"')
    return {
        "eventType": "Microsoft.Storage.BlobCreated",
        "subject": name,
        "data": {"url": blob.url, "blobType": "BlockBlob", "eTag": etag} | changes,
    }


def post_events(
    host: RunningHost, *events: dict[str, Any], function: str = "evented", kind: str = "Notification"
) -> requests.Response:
    return host.post(
        f"/runtime/webhooks/blobs?functionName=Host.Functions.{function}",
        json=list(events),
        headers={"aeg-event-type": kind},
    )


def rows(host: RunningHost, table: str) -> list[Any]:
    with closing(sqlite3.connect(host.state / STATE_FILE)) as connection:
        return connection.execute(f"SELECT * FROM {table}").fetchall()


def test_a_blob_calls_its_function_once_for_each_content(
    blobs: RunningHost, containers: Containers, calls: Calls
) -> None:
    upload(containers, "in/before.txt")
    blobs.start()
    blobs.wait_for(lambda: len(calls()) == 1)
    upload(containers, "in/deep/er.txt")
    upload(containers, "elsewhere.txt")
    blobs.wait_for(lambda: len(calls()) == 2)
    upload(containers, "in/before.txt", b"new content")
    blobs.wait_for(lambda: len(calls()) == 3)

    assert calls() == [
        ("scanned", "in/before.txt"),
        ("scanned", "in/deep/er.txt"),
        ("scanned", "in/before.txt"),
    ]


def test_receipts_survive_a_kill(blobs: RunningHost, containers: Containers, calls: Calls) -> None:
    upload(containers, "in/a.txt")
    blobs.start()
    blobs.wait_for(calls)
    blobs.kill()
    blobs.start()
    upload(containers, "in/b.txt")
    blobs.wait_for(lambda: ("scanned", "in/b.txt") in calls())

    assert calls().count(("scanned", "in/a.txt")) == 1


def test_hundreds_of_blobs_are_each_handled_once(
    blobs: RunningHost, containers: Containers, calls: Calls
) -> None:
    names = {f"in/{number:03}" for number in range(400)}
    for name in names:
        upload(containers, name)
    blobs.start()
    blobs.wait_for(lambda: len(calls()) >= 400)

    assert sorted(calls()) == sorted(("scanned", name) for name in names)


def test_a_blob_whose_function_keeps_failing_is_given_up(
    blobs: RunningHost, containers: Containers, calls: Calls
) -> None:
    upload(containers, "in/bad.txt")
    upload(containers, "in/good.txt")
    blobs.start()
    blobs.wait_for(lambda: "given up" in blobs.log)
    blobs.stop()

    assert calls().count(("scanned", "in/bad.txt")) == 5
    assert calls().count(("scanned", "in/good.txt")) == 1
    [(function, container, name, _, error, _)] = rows(blobs, "blob_poison")
    assert (function, container, name) == ("scanned", containers.input, "in/bad.txt")
    assert error == "ValueError: a bad blob"
    assert rows(blobs, "blob_queue") == []


def test_a_container_that_does_not_exist_yet_is_waited_for(
    blobs: RunningHost, containers: Containers, calls: Calls
) -> None:
    containers.service.delete_container(containers.input)
    blobs.start()
    blobs.wait_for(lambda: "does not exist yet" in blobs.log)
    containers.service.create_container(containers.input)
    upload(containers, "in/late.txt")
    blobs.wait_for(calls)

    assert blobs.log.count("does not exist yet") == 1


def test_storage_that_is_away_is_waited_for(make_host: MakeHost, tmp_path: Path) -> None:
    away = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;BlobEndpoint=http://127.0.0.1:9/a;"  # nobody
    host = make_host("blobs", DATA=away, INPUT_CONTAINER="input", RECORD=str(tmp_path / "record"))
    host.start()
    host.wait_for(lambda: "storage cannot be reached" in host.log)

    assert host.get("/admin/host/status").json()["state"] == "Running"
    assert host.stop() == 0


def test_every_event_calls_the_function_even_the_same_one_again(
    blobs: RunningHost, containers: Containers, calls: Calls
) -> None:
    blobs.start()
    one, two = event(containers, "any/where.txt"), event(containers, "{odd} name %25.txt")
    assert post_events(blobs, one, two).status_code == 202
    assert post_events(blobs, one).status_code == 202
    blobs.wait_for(lambda: len(calls()) == 3)

    assert sorted(calls()) == [
        ("evented", "any/where.txt"),
        ("evented", "any/where.txt"),
        ("evented", "{odd} name %25.txt"),
    ]


def test_the_webhook_answers_event_grids_handshake(webhook: RunningHost) -> None:
    handshake = {"eventType": "x", "data": {"validationCode": "abc-123"}}
    response = post_events(webhook, handshake, kind="SubscriptionValidation")

    assert (response.status_code, response.json()) == (200, {"validationResponse": "abc-123"})


@pytest.mark.parametrize("function", ["nobody", "scanned"])
def test_events_for_no_function_with_that_source_are_accepted_and_lost_as_in_azure(
    webhook: RunningHost, function: str
) -> None:
    gone = {"data": {"url": "http://127.0.0.1:10000/devstoreaccount1/nowhere/a.txt", "blobType": "BlockBlob"}}

    assert post_events(webhook, gone, function=function).status_code == 202
    assert f"events for '{function}' are lost" in webhook.log


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("no json", "Notification"),
        ("[]", "Notification"),
        ('[{"data": {}}]', "Notification"),
        ('[{"data": {"url": "nothing", "blobType": "BlockBlob"}}]', "Notification"),
        ('[{"data": {"url": "http://127.0.0.1:10000/devstoreaccount1/nowhere/a.txt"}}]', "Notification"),
        ("[{}]", "Notification"),
        ('[{"data": {}}]', ""),
    ],
)
def test_malformed_events_are_refused(webhook: RunningHost, body: str, kind: str) -> None:
    response = webhook.post(
        "/runtime/webhooks/blobs?functionName=Host.Functions.evented",
        data=body,
        headers={"aeg-event-type": kind},
    )

    assert response.status_code == 400


def test_an_event_taken_before_a_kill_calls_the_function_after_it(
    blobs: RunningHost, containers: Containers, calls: Calls
) -> None:
    blobs.start()
    post_events(blobs, event(containers, "before.txt"))
    blobs.wait_for(calls)
    blobs.stop()
    there = event(containers, "there.txt")["data"]["eTag"]
    # As if killed right after the answer.
    with closing(sqlite3.connect(blobs.state / STATE_FILE)) as connection:
        for name in ("there.txt", "gone.txt"):
            connection.execute(
                "INSERT INTO blob_queue (function, container, name, etag) VALUES (?,?,?,?)",
                ("evented", containers.input, name, there),
            )
        connection.commit()
    with pytest.raises(ResourceNotFoundError):
        containers.service.get_blob_client(containers.input, "gone.txt").get_blob_properties()
    blobs.start()
    blobs.wait_for(lambda: ("evented", "there.txt") in calls() and "gone.txt is gone" in blobs.log)

    assert ("evented", "gone.txt") not in calls()
