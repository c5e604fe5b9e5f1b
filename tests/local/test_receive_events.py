"""The sample webhook answers as Event Grid wants it, and tells each thing once."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "receive_events.py"
START = "import runpy, sys; sys.path[0] = sys.argv[1]; import receive_events as r; s = r.ThreadingHTTPServer(('127.0.0.1', 0), r.Receiver); print(s.server_port, flush=True); s.serve_forever()"


@pytest.fixture
def receiver() -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-c", START, str(SAMPLE.parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, f"http://127.0.0.1:{process.stdout.readline().strip()}/finished"
        process.terminate()


def event(subject: str, **changes: Any) -> dict[str, Any]:
    whole = {
        "type": "Microsoft.Storage.BlobCreated",
        "subject": f"/blobServices/default/containers/{subject}",
        "data": {"api": "PutBlob"},
    }
    return whole | changes


def test_it_allows_to_be_called_and_tells_what_is_finished_once(
    receiver: tuple[subprocess.Popen[str], str],
) -> None:
    process, url = receiver
    asked = requests.options(url, headers={"WebHook-Request-Origin": "eventgrid.azure.net"}, timeout=10)
    assert (asked.status_code, asked.headers["WebHook-Allowed-Origin"]) == (200, "eventgrid.azure.net")
    done = event("processed/blobs/x/a.csv_1/a_metadata.json")
    others: list[Any] = [
        event("processed/blobs/x/a.csv_1/a_output.jsonl"),
        event("input/blobs/x/a_metadata.json"),
        event("error/blobs/b_metadata.json", type="Microsoft.Storage.BlobDeleted"),
        event("error/blobs/b_metadata.json", data={"api": "CreateFile"}),
        "nonsense",
        {},
    ]
    for body in (
        done,
        [done, *others],
        [event("error/blobs/c_1/c_metadata.json"), event("work/blobs/snapshots/s/report.json")],
    ):
        assert requests.post(url, json=body, timeout=10).status_code == 204
    assert requests.post(url, data=b"no json", timeout=10).status_code == 204
    process.terminate()
    assert process.stdout is not None
    assert process.stdout.read().splitlines() == [
        "finished: processed/x/a.csv_1/a_metadata.json",
        "has errors, or was rejected: error/c_1/c_metadata.json",
        "the snapshot is finished: work/snapshots/s/report.json",
    ]
