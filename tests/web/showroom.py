"""A running app with files in every state, and a snapshot of ten thousand files that has ended: what the page is tried on."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from azure.storage.blob import BlobServiceClient

from benchmarks.chaos.containers import Containers
from domain import names
from domain.results.finished import FinishedFile, OutputNames, to_line
from local.azure_openai import running as running_simulator
from local.azurite import Azurite
from local.demo.storage import Account
from tests.end_to_end.pipeline import APP, SIMULATOR_SETTINGS, Pipeline, app_settings, request
from tests.end_to_end.pipeline import requests as rows
from tests.local.functions_host.running_host import RunningHost

MARKUP = "<img src=x onerror=alert(1)>"
HOSTILE = f"{MARKUP}/\u202egpj.\"';--%2e%2e {{{{7*7}}}}.jsonl"
FAILING = "tickets/open.jsonl"
SLOW, SLOW_TOO = "reports/summer.jsonl", "reports/winter.jsonl"
COSTLY = "archive/everything.jsonl"
MANY = 10_000
FEW_FAILED = 11  # every so many of the many files has failures
PRICES = {name: {"input": 0.075, "output": 0.3} for name in ("gpt", "slow")}
PLAN = {
    "rows": [
        {"custom_id": f"{MARKUP}/{row}", "effect": "error", "status": 400, "code": "content_filter"}
        for row in range(3)
    ]
    + [{"custom_id": "late/*", "effect": "error", "status": 429, "code": "too_many"}],
    "batches": [{"deployment": "slow", "duration_seconds": 3600}],
}


@dataclass(frozen=True, kw_only=True)
class Showroom:
    """The app, and the snapshot of many files."""

    pipeline: Pipeline
    many: str

    @property
    def address(self) -> str:
        return f"{self.pipeline.host.origin}/ui"

    @property
    def running(self) -> str:
        """The snapshot of a batch that does not end."""
        return self.file(SLOW, "working")["snapshot"]

    def file(self, path: str, state: str) -> dict[str, str]:
        asked = {"state": state} if state == "working" else {"state": state, "path": path}
        files = self.pipeline.host.get("/api/files", params=asked).json()["items"]
        return next(file for file in files if file["path"] == path)

    def has(self, path: str, state: str) -> bool:
        asked = {"state": state, "path": path}
        return bool(self.pipeline.host.get("/api/files", params=asked).json()["items"])

    def key(self, path: str, state: str) -> str:
        return self.file(path, state)["key"]


@contextmanager
def running(azurite: Azurite, folder: Path) -> Iterator[Showroom]:
    with ExitStack() as stack:
        service = stack.enter_context(
            running_simulator(plan=PLAN, storage_connection=azurite.connection_string, **SIMULATOR_SETTINGS)
        )
        containers = stack.enter_context(Containers(azurite.connection_string, prefix="show-"))
        containers.create()
        with BlobServiceClient.from_connection_string(azurite.connection_string) as account:
            Account(account).let_pages_write()
        stack.callback(containers.delete)
        changes = {
            "max_attempts": "1",
            "prices": json.dumps(PRICES),
            "max_tokens_per_file": "3000",
            "poll_min_seconds": "0.5",
            "poll_max_seconds": "1",
        }
        many = write_many(azurite.connection_string, containers.settings["WORK_CONTAINER"])
        host = RunningHost(
            app=APP, state=folder, environment=app_settings(azurite, service, containers, changes)
        ).start()
        stack.callback(host.stop)
        yield furnished(Showroom(pipeline=Pipeline(containers, service, [host]), many=many))


def furnished(room: Showroom) -> Showroom:
    """Drop files that come to every state, and wait until they are there."""
    pipeline = room.pipeline
    pipeline.drop(
        FAILING,
        rows("ticket", 40) + rows(MARKUP, 3) + rows("late", 2) + f"no JSON {MARKUP}\n".encode(),
    )
    pipeline.drop(HOSTILE, rows("hostile", 2))
    pipeline.drop("photos/cat.xyz", b"?")
    pipeline.drop("drafts/_batch.yaml", f"messages: {MARKUP}\nmodle: x\n".encode())
    for name in ("monday", "tuesday", "wednesday"):
        pipeline.drop(f"drafts/{name}.csv", b"text\nhello\n")
    words = {"model": "gpt", "messages": [{"role": "user", "content": "word " * 9000}]}
    pipeline.drop(COSTLY, request("costly", body=words))
    pipeline.drop(SLOW, rows("summer", 25, model="slow"))
    pipeline.drop(SLOW_TOO, rows("winter", 12, model="slow"))

    def is_furnished() -> bool:
        overview = pipeline.host.get("/api/overview").json()
        ended = {
            file["path"]
            for snapshot in overview["running"]
            for file in pipeline.host.get(f"/api/snapshots/{snapshot}/files?state=done").json()["items"]
        }
        return overview["active_batches"] == 2 and overview["files_held"] == 1 and {FAILING, HOSTILE} <= ended

    pipeline.wait_until(is_furnished)
    return room


def write_many(connection_string: str, work: str) -> str:
    """Write the records of a snapshot of many files, as the app leaves them; gives its id."""
    taken = datetime.now(UTC) - timedelta(hours=3)
    snapshot_id = names.requested_snapshot_id(taken)
    files = [one_of_many(number, taken) for number in range(MANY)]
    sums: dict[str, int] = {}
    for file in files:
        for outcome, count in file.outcomes.items():
            sums[outcome] = sums.get(outcome, 0) + count
    report = {"snapshot_id": snapshot_id, "files": MANY, "done": MANY, "tally": sums}
    with BlobServiceClient.from_connection_string(connection_string) as account:
        container = account.get_container_client(work)
        container.upload_blob(
            names.finished_files(snapshot_id), b"".join(map(to_line, files)), blob_type="AppendBlob"
        )
        container.upload_blob(names.report(snapshot_id), json.dumps(report).encode())
    return snapshot_id


def one_of_many(number: int, taken: datetime) -> FinishedFile:
    name = f"part-{number:05d}"
    folder = f"calls/2026/{name}.csv_20261124T031800.000Z"
    has_failed = number % FEW_FAILED == 0
    start = taken + timedelta(seconds=number % 600)
    return FinishedFile(
        key=f"{number:020x}",
        path=f"calls/2026/{name}.csv",
        state="done",
        at=start.timestamp(),
        size_bytes=412_000,
        requests=1000,
        outcomes={"ok": 993, "failed": 5, "invalid": 2} if has_failed else {"ok": 1000},
        error_codes={"content_filter": 5, "missing_column": 2} if has_failed else {},
        input_tokens=310_000,
        output_tokens=60_000,
        deployment="gpt",
        cost=0.04125,
        estimated_cost=0.0498,
        started_at=start.isoformat(),
        finished_at=(start + timedelta(minutes=47)).isoformat(),
        batch_count=1,
        batches=[f"batch_{number:08x}"],
        outputs=OutputNames(
            results=f"{folder}/{name}_output.jsonl",
            errors=f"{folder}/{name}_error.jsonl" if has_failed else None,
            retry=f"{folder}/{name}_retry.csv" if has_failed else None,
            metadata=f"{folder}/{name}_metadata.json",
            input=f"{folder}/{name}.csv",
        ),
    )
