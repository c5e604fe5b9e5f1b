"""When a blob function is called, by scans and by events."""

import json
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.conftest import Containers
from tests.genuine.hosts import Hosts, TaskHub
from tests.local.functions_host.running_host import RunningHost

BLOBS = Path(__file__).resolve().parents[1] / "local" / "functions_host" / "apps" / "blobs"
POISON_THRESHOLD = 5
# The trigger's own queue is asked once a minute after a lull.
pytestmark = pytest.mark.timeout(600)

Calls: TypeAlias = Callable[[str], Counter[str]]


@pytest.fixture
def record(tmp_path: Path) -> Path:
    path = tmp_path / "record.jsonl"
    path.touch()
    return path


@pytest.fixture
def calls(record: Path) -> Calls:
    """How often a function was called, by the names of blobs."""

    def count(function: str) -> Counter[str]:
        called = [json.loads(line) for line in record.read_text().splitlines()]
        return Counter(name for by, _, name in called if by == function)

    return count


def start(hosts: Hosts, containers: Containers, record: Path, hub: TaskHub | None = None) -> RunningHost:
    settings = {"INPUT_CONTAINER": containers.input, "RECORD": str(record)}
    return hosts.start(BLOBS, hub=hub, DATA=containers.connection_string, **settings)


def upload(containers: Containers, name: str, content: bytes = b"x") -> str:
    """Write a blob; gives its ETag, as events have it."""
    blob = containers.service.get_blob_client(containers.input, name)
    return str(blob.upload_blob(content, overwrite=True)["etag"]).strip('"')


def post_event(host: RunningHost, containers: Containers, name: str, etag: str | None, **changes: Any) -> int:
    url = containers.service.get_blob_client(containers.input, name).url
    data = {"api": "PutBlob", "url": url, "blobType": "BlockBlob", "contentLength": 1}
    event = {
        "id": uuid.uuid4().hex,
        "topic": "/subscriptions/1",
        "subject": f"/blobServices/default/containers/{containers.input}/blobs/{name}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "eventTime": "2026-01-01T00:00:00Z",
        "data": data | ({} if etag is None else {"eTag": etag}),
        "dataVersion": "",
        "metadataVersion": "1",
    }
    answer = host.post(
        "/runtime/webhooks/blobs?functionName=Host.Functions.evented",
        json=[event | changes],
        headers={"aeg-event-type": "Notification"},
    )
    return answer.status_code


def test_a_scan_calls_once_for_each_version_and_gives_up_what_keeps_failing(
    hosts: Hosts, containers: Containers, record: Path, calls: Calls
) -> None:
    upload(containers, "in/before.txt")
    upload(containers, "in/bad.txt")
    upload(containers, "elsewhere.txt")
    host = start(hosts, containers, record)
    host.wait_for(
        lambda: calls("scanned")["in/before.txt"] and calls("scanned")["in/bad.txt"] == POISON_THRESHOLD
    )
    upload(containers, "in/deep/er.txt")
    upload(containers, "in/before.txt", b"new")
    host.wait_for(lambda: calls("scanned")["in/deep/er.txt"] and calls("scanned")["in/before.txt"] == 2)
    containers.service.get_blob_client(containers.input, "in/deep/er.txt").set_blob_metadata({"seen": "yes"})
    host.wait_for(lambda: calls("scanned")["in/deep/er.txt"] == 2)

    assert calls("scanned") == {"in/before.txt": 2, "in/deep/er.txt": 2, "in/bad.txt": POISON_THRESHOLD}
    assert calls("evented") == {}


def test_an_event_calls_each_time_it_comes_for_the_version_that_is_there(
    hosts: Hosts, containers: Containers, record: Path, calls: Calls
) -> None:
    host = start(hosts, containers, record)
    names = ("plain.txt", "in/scanned as well.txt", "{odd} %25 ä.txt", "deleted.txt", "last.txt")
    etags = {name: upload(containers, name) for name in names}
    outdated = upload(containers, "changed.txt")
    upload(containers, "changed.txt", b"new")
    # None of these calls it: gone, another version, an ETag in quotes, none.
    assert post_event(host, containers, "gone.txt", "0x1") == 202
    assert post_event(host, containers, "changed.txt", outdated) == 202
    assert post_event(host, containers, "plain.txt", f'"{etags["plain.txt"]}"') == 202
    assert post_event(host, containers, "plain.txt", None) == 202
    for name in names[:3]:
        assert post_event(host, containers, name, etags[name]) == 202
    assert post_event(host, containers, "plain.txt", etags["plain.txt"]) == 202
    # What kind of event it is does not matter.
    kind = "Microsoft.Storage.BlobDeleted"
    assert post_event(host, containers, "deleted.txt", etags["deleted.txt"], eventType=kind) == 202
    host.wait_for(lambda: calls("evented").total() == 5)
    assert post_event(host, containers, "last.txt", etags["last.txt"]) == 202
    host.wait_for(lambda: calls("evented")["last.txt"])

    assert calls("evented") == {
        "plain.txt": 2,
        "in/scanned as well.txt": 1,
        "{odd} %25 ä.txt": 1,
        "deleted.txt": 1,
        "last.txt": 1,
    }


@pytest.mark.minutes
def test_what_was_seen_is_not_seen_again_after_a_kill(
    hosts: Hosts, containers: Containers, record: Path, calls: Calls
) -> None:
    hub = hosts.hub()
    upload(containers, "in/first.txt")
    first = start(hosts, containers, record, hub)
    first.wait_for(lambda: calls("scanned")["in/first.txt"])
    # A blob whose call has just ended may be called again: its receipt comes after that. The one before it has its own.
    upload(containers, "in/another.txt")
    first.wait_for(lambda: calls("scanned")["in/another.txt"])
    first.kill()
    upload(containers, "in/second.txt")
    second = start(hosts, containers, record, hub)
    second.wait_for(lambda: calls("scanned")["in/second.txt"])

    assert (calls("scanned")["in/first.txt"], calls("scanned")["in/second.txt"]) == (1, 1)
