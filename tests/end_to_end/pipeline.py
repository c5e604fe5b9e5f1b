"""A running pipeline as its users see it: files go in, results, errors and metadata come out."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.chaos.balance import Aftermath, balance
from benchmarks.chaos.containers import Containers, Version
from local.azure_openai import RunningService
from local.azurite import Azurite
from tests.local.functions_host.running_host import RunningHost

APP = Path(__file__).resolve().parents[2]
SIMULATOR_SETTINGS: dict[str, Any] = {
    "file_pending_seconds": 0.1,
    "validating_seconds": 0.1,
    "duration_seconds": 0.3,
    "finalizing_seconds": 0.1,
    "cancelling_seconds": 0.1,
}
LIMIT_SECONDS = 120  # generous: it only decides how long a broken test takes


def app_settings(
    azurite: Azurite, service: RunningService, containers: Containers, changes: dict[str, str]
) -> dict[str, str]:
    """Give app settings under which nothing waits long."""
    settings = {
        "DATA": azurite.connection_string,
        "AzureWebJobsStorage": azurite.host_connection_string,
        "AZURE_OPENAI_ENDPOINT": service.url,
        "AZURE_OPENAI_API_KEY": service.key,
        "AZURE_OPENAI_DEPLOYMENT": "gpt",
        "POLL_MIN_SECONDS": "0.2",
        "POLL_MAX_SECONDS": "0.4",
        "SNAPSHOT_WINDOW_SECONDS": "0.5",
        "PYTHON_THREADPOOL_THREAD_COUNT": "24",  # as deployed
        "SWEEP_SCHEDULE": "*/2 * * * * *",
    }
    return settings | containers.settings | {name.upper(): value for name, value in changes.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What came out of one version of one file."""

    metadata: dict[str, Any]
    results: list[dict[str, Any]]
    errors: list[dict[str, Any]]

    @property
    def answered(self) -> list[str]:
        """The custom_ids of the results, in their order."""
        return [record["custom_id"] for record in self.results]

    @property
    def failed(self) -> dict[str, tuple[str, str]]:
        """The custom_ids of the errors, each with outcome and code."""
        return {record["custom_id"]: (record["outcome"], record["code"]) for record in self.errors}


class Pipeline:
    """Containers, the simulated service and the hosts that work on them."""

    limit_seconds: float = LIMIT_SECONDS

    def __init__(self, containers: Containers, service: RunningService, hosts: list[RunningHost]) -> None:
        self.containers, self.service, self.hosts = containers, service, hosts
        self.dropped: dict[Version, bytes] = {}

    @property
    def host(self) -> RunningHost:
        return self.hosts[0]

    def drop(self, path: str, content: bytes) -> Version:
        version = self.containers.drop(path, content)
        self.dropped[version] = content
        return version

    def wait_until(self, condition: Callable[[], Any]) -> None:
        """Wait for a condition; fails with what is left and what the hosts said when it never comes true."""
        deadline = time.monotonic() + self.limit_seconds
        while not condition():
            if time.monotonic() > deadline:
                logs = "\n".join(host.log[-3000:] for host in self.hosts)
                left = {"input": self.containers.waiting(), "work": self.containers.notes()}
                raise AssertionError(f"Not within {self.limit_seconds:g} s. {left}\n{logs}")
            time.sleep(0.05)

    def wait_until_taken(self, version: Version) -> None:
        self.wait_until(lambda: version in self.containers.worked_on())

    def wait_until_finished(self) -> None:
        """Wait until no file is left anywhere."""
        self.wait_until(lambda: not self.containers.waiting() and not self.containers.notes())
        self.wait_until(lambda: not any(self.service.counters()["files"].values()))

    def deliveries(self, path: str) -> list[Delivery]:
        """Give what came out of a path, in the order of the snapshots; each delivery once."""
        # Folders of results begin with the path. All of a container would be read again for each file of a test.
        processed, errors = (self.containers.read(name, prefix=f"{path}_") for name in ("processed", "error"))
        documents = {
            document["snapshot"] + document["etag"]: document
            for name, content in [*processed.items(), *errors.items()]
            if name.endswith("_metadata.json") and (document := json.loads(content))["file"] == path
        }
        return [
            Delivery(
                metadata=document,
                results=_records(processed.get(document["results"] or "", b"")),
                errors=_records(errors.get(document["errors"] or "", b"")),
            )
            for _, document in sorted(documents.items())
        ]

    def delivery(self, path: str) -> Delivery:
        """Give what came out of a path that was dropped once."""
        (only,) = self.deliveries(path)
        return only

    def wrongs(self) -> dict[str, list[str]]:
        """Draw the balance over everything that was dropped so far: what is not as promised."""
        sheet = balance(
            Aftermath(
                dropped=self.dropped,
                processed=self.containers.read("processed"),
                errors=self.containers.read("error"),
                left_in_input=sorted(self.containers.waiting()),
                left_in_work=self.containers.notes(),
                batches=self.service.batches(),
                counters=self.service.counters(),
            )
        )
        return {name: found for name, found in sheet.wrong.items() if found}

    def snapshots(self) -> list[dict[str, Any]]:
        """Give the snapshots as the HTTP endpoint lists them."""
        return list(self.host.get("/api/snapshots").json()["snapshots"])


def requests(name: str, rows: int, *, model: str | None = "gpt") -> bytes:
    """Write a file of `rows` good requests `<name>/0`, `<name>/1`, …"""
    return b"".join(request(f"{name}/{row}", model=model) for row in range(rows))


def request(custom_id: str, *, model: str | None = "gpt", **changes: Any) -> bytes:
    """Write one request line."""
    body = {"messages": [{"role": "user", "content": f"Say {custom_id}."}]} | (
        {"model": model} if model else {}
    )
    line = {"custom_id": custom_id, "method": "POST", "url": "/chat/completions", "body": body} | changes
    return json.dumps(line).encode() + b"\n"


def _records(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines() if line]
