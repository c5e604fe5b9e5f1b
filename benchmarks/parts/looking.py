"""What a look costs: calls to storage, bytes and time of a page of a hundred files, among ten and among ten thousand."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from urllib.parse import urlsplit

from benchmarks.figures import Bench, Figure, Part, at_most
from benchmarks.parts.calls import ours
from benchmarks.rig import Rig, running
from domain import names
from domain.results.finished import FinishedFile, OutputNames, to_line

FILES, QUICK_FILES = (10, 10_000), (4, 200)
APPENDED = 1_000  # lines in one append: how a list was written is nothing to its reader
PAGE = 100
MOST_CALLS, MOST_SECONDS = 2, 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one call took."""

    seconds: float
    storage_calls: int
    bytes: int
    etag: str


def run(bench: Bench) -> list[Figure]:
    """Look at snapshots that have ended, of few files and of many."""
    found: list[Figure] = []
    settings = {"CONTINUOUS_MODE": "false"}
    with running(bench.folder / "looking", settings=settings, count_storage=True) as rig:
        for files in QUICK_FILES if bench.quick else FILES:
            bench.tell(f"{files:,} files")
            found += _figures(files, rig)
    return found


def _figures(files: int, rig: Rig) -> list[Figure]:
    snapshot_id = _ended_snapshot(files, rig)
    path = f"/api/snapshots/{snapshot_id}/files?limit={PAGE}"
    first = _look(path, rig)
    after = files - PAGE // 2 if files > PAGE else 0
    later = _look(f"{path}&after=d{after}", rig)
    search = _look(f"{path}&path={files - 1:05}.", rig)
    same = _look(path, rig, etag=first.etag)
    name = f"{files:,} files"
    return [
        Figure(
            name=f"{name}: calls to storage for the first page",
            unit="",
            value=first.storage_calls,
            budget=at_most(MOST_CALLS + 1),
            note="besides, whether there is a report: the task hub knows nothing of this snapshot",
        ),
        Figure(
            name=f"{name}: time to the first page",
            unit="s",
            value=first.seconds,
            budget=at_most(MOST_SECONDS),
        ),
        Figure(name=f"{name}: size of a page", unit="kB", value=first.bytes / 1000),
        Figure(
            name=f"{name}: calls to storage for the last page",
            unit="",
            value=later.storage_calls,
            budget=at_most(MOST_CALLS),
        ),
        Figure(
            name=f"{name}: time to find one by its path",
            unit="s",
            value=search.seconds,
            budget=at_most(MOST_SECONDS),
        ),
        Figure(name=f"{name}: bytes of a look that finds nothing new", unit="B", value=same.bytes),
    ]


def _ended_snapshot(files: int, rig: Rig) -> str:
    """Leave what a snapshot leaves behind."""
    snapshot_id = names.requested_snapshot_id(datetime.now(UTC))
    work = rig.storage.get_container_client("work")
    blob = work.get_blob_client(names.finished_files(snapshot_id))
    blob.create_append_blob()
    for start in range(0, files, APPENDED):
        lines = [_line(number) for number in range(start, min(start + APPENDED, files))]
        blob.append_block(b"".join(lines))
    report = {"snapshot_id": snapshot_id, "files": files, "done": files}
    work.upload_blob(names.report(snapshot_id), json.dumps(report).encode())
    return snapshot_id


def _line(number: int) -> bytes:
    folder = f"tickets/{number:05}.csv_20261124T031800.000Z"
    outputs = OutputNames(
        results=f"{folder}/{number:05}_output.jsonl",
        errors=f"{folder}/{number:05}_error.jsonl",
        metadata=f"{folder}/{number:05}_metadata.json",
        input=f"{folder}/{number:05}.csv",
    )
    file = FinishedFile(
        key=f"{number:020x}",
        path=f"tickets/{number:05}.csv",
        state="done",
        at=1.8e9 + number,
        requests=1000,
        outcomes={"ok": 993, "failed": 7},
        error_codes={"content_filter": 7},
        input_tokens=120_000,
        output_tokens=50_000,
        cost=0.12,
        batch_count=1,
        batches=[f"batch_{number:032x}"],
        outputs=outputs,
    )
    return to_line(file)


def _look(path: str, rig: Rig, *, etag: str = "") -> Look:
    before, began = ours(rig.storage_calls()), time.monotonic()
    connection = HTTPConnection(urlsplit(rig.host.origin).netloc, timeout=60)
    try:
        connection.request("GET", path, headers={"If-None-Match": etag} if etag else {})
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    return Look(
        seconds=time.monotonic() - began,
        storage_calls=ours(rig.storage_calls()) - before,
        bytes=len(content),
        etag=answer.headers.get("ETag", ""),
    )


PART = Part(
    name="looking",
    title="Looking",
    method=(
        f"A snapshot that has ended, as it lies in the work container, is looked at over HTTP, {PAGE} files a page, by an app that has not "
        "read anything of it. Calls to storage are counted in the emulator's access log. While no one looks nothing is called."
    ),
    run=run,
)
