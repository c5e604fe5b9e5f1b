"""The pipeline as it runs, each part a process of its own: storage emulator, simulated service, embedded host."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self, TypeAlias
from urllib.parse import urlsplit

from azure.storage.blob import BlobServiceClient

from benchmarks.process_use import ProcessUse
from benchmarks.workload import MODEL
from local.azure_openai import RunningService
from local.azure_openai import running as running_service
from local.azurite import Azurite
from local.azurite import running as running_azurite

REPOSITORY = Path(__file__).resolve().parents[1]
CONTAINERS = ("input", "processed", "error", "work")
START_SECONDS = 60.0
STOP_SECONDS = 15.0
ANSWER_SECONDS = 300.0  # the emulator may clean up for a minute
LOOK_SECONDS = 0.2
QUICK_SERVICE: Mapping[str, Any] = {  # a service that answers at once; parts slow down what they are about
    "file_pending_seconds": 0.0,
    "validating_seconds": 0.0,
    "duration_seconds": 0.1,
    "finalizing_seconds": 0.0,
    "cancelling_seconds": 0.0,
}

_LISTENING = re.compile(r"Listening on (\S+)")
_REFUSED = re.compile(r'"PUT \S+ HTTP/1\.\d" (409|412) ')
_REQUEST = re.compile(r'"(GET|PUT|POST|HEAD|DELETE) /\w+(\S*) HTTP')


class RigError(RuntimeError):
    """Something of the rig did not do its part."""


class HostProcess:
    """The embedded host with the app; its memory can be looked at."""

    def __init__(
        self, folder: Path, settings: Mapping[str, str], module: str = "local.functions_host"
    ) -> None:
        self._folder, self._settings, self._module = folder, settings, module
        self._log = folder / "host.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.trace = folder / "turns.jsonl"
        self.origin = ""

    def start(self) -> Self:
        """Start it and wait until it listens. Raises RigError."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=REPOSITORY,
                env={**os.environ, **self._settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(lambda: self._listens() or self._process_ended(), START_SECONDS, "the host to listen")
        self.check()
        return self

    def _command(self) -> list[str]:
        state, trace = str(self._folder / "state"), str(self.trace)
        options = ["--port", "0", "--blob-poll-seconds", "1", "--state", state, "--trace", trace]
        return [sys.executable, "-m", self._module, *options]

    def check(self) -> None:
        """Raise RigError when the host has ended."""
        if self._process_ended():
            raise RigError(f"The host ended by itself:\n{self._said()[-3000:]}")

    def stop(self) -> None:
        """End it."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def use(self) -> ProcessUse:
        """What the process has used of the machine."""
        if self._process is None:
            raise RigError("The host was not started.")
        return ProcessUse(self._process.pid)

    def cpu_seconds(self) -> float:
        """Give the processor time that it and what it has started have used."""
        return sum(each.cpu_seconds() for each in (self.use, *self.use.descendants()))

    def get(self, path: str) -> Any:
        """Read a JSON answer."""
        connection = HTTPConnection(urlsplit(self.origin).netloc, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", path)
            return json.load(connection.getresponse())
        finally:
            connection.close()

    def post(self, path: str) -> Any:
        """Send an empty request; gives its JSON answer."""
        connection = HTTPConnection(urlsplit(self.origin).netloc, timeout=60)
        try:
            connection.request("POST", path)
            return json.load(connection.getresponse())
        finally:
            connection.close()

    def turns(self) -> list[dict[str, Any]]:
        """Give the trace so far; see `local.functions_host.trace`."""
        lines = self.trace.read_text(encoding="utf-8").splitlines() if self.trace.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def _listens(self) -> bool:
        found = _LISTENING.search(self._said())
        self.origin = found[1] if found else ""
        return found is not None

    def _process_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""


MakeHost: TypeAlias = Callable[[Path, Mapping[str, str]], HostProcess]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """A running pipeline, seen from outside."""

    host: HostProcess
    service: RunningService
    storage: BlobServiceClient
    access_log: Path
    settings: Mapping[str, str]  # what the app was told

    def drop(self, path: str, content: bytes | Iterable[bytes]) -> None:
        """Write an input file; a stream of pieces becomes one, without being held in memory."""
        blob = self.storage.get_blob_client("input", path)
        blob.upload_blob(content, overwrite=True, max_concurrency=1)

    def waiting(self) -> int:
        """Count the files in the input container."""
        return sum(1 for _ in self.storage.get_container_client("input").list_blob_names())

    def snapshots(self) -> list[dict[str, Any]]:
        """Give the latest snapshots as the app describes them."""
        return list(self.host.get("/api/snapshots")["snapshots"])

    def results(self) -> int:
        """Count the files whose metadata lies in the processed container."""
        names = self.storage.get_container_client("processed").list_blob_names()
        return sum(name.endswith("_metadata.json") for name in names)

    def last_result_at(self) -> float:
        """Give when the last result was there, by storage: epoch seconds, whole, and rounded up."""
        found = self.storage.get_container_client("processed").list_blobs()
        return 1.0 + max(
            blob.last_modified.timestamp() for blob in found if blob.name.endswith("_metadata.json")
        )

    def wait_until_reported(self, files: int, limit_seconds: float, tell: Callable[[str], None]) -> None:
        """Wait until the snapshots' reports say that so many files are done. Raises RigError for a bad end, or too late."""

        def all_done() -> bool:
            self.host.check()
            told = self.snapshots()
            reports = [snapshot["report"] for snapshot in told if snapshot["report"]]
            done: int = sum(report["done"] for report in reports)
            running = [snapshot["progress"] for snapshot in told if not snapshot["report"]]
            sofar = done + sum(progress.get("files_done", 0) for progress in running if progress)
            tell(f"{sofar} of {files} files done")
            if sum(report["rejected"] + report["held"] for report in reports):
                raise RigError(f"Files were rejected or set aside: {reports}")
            return done >= files

        wait_until(all_done, limit_seconds, f"{files} files", every=LOOK_SECONDS)

    def refusals(self, below: str) -> int:
        """Count the writes that storage has refused because another one was first, below a path: `/work/files/`."""
        with self.access_log.open(encoding="utf-8", errors="replace") as lines:
            return sum(below in line and _REFUSED.search(line) is not None for line in lines)

    def storage_calls(self) -> Counter[str]:
        """Count the requests to storage so far: by method and container (`GET work`)."""
        counts: Counter[str] = Counter()
        with self.access_log.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if found := _REQUEST.search(line):
                    container = found[2].strip("/").partition("/")[0].partition("?")[0]
                    counts[f"{found[1]} {container}"] += 1
        return counts


@contextmanager
def running(
    folder: Path,
    *,
    service: Mapping[str, Any] | None = None,
    settings: Mapping[str, str] | None = None,
    count_storage: bool = False,
    on_disk: bool = False,
    make_host: MakeHost = HostProcess,
) -> Iterator[Rig]:
    """Start everything in a fresh folder; `service` and `settings` change what the parts of the rig are told."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    log = folder / "azurite.log"
    with ExitStack() as stack:
        data = folder / "azurite" if on_disk else None
        azurite = stack.enter_context(running_azurite(data, log=log, access_log=count_storage))
        told = {**QUICK_SERVICE, "storage_connection": azurite.connection_string, **(service or {})}
        simulated = stack.enter_context(running_service(**told))
        storage = stack.enter_context(BlobServiceClient.from_connection_string(azurite.connection_string))
        for name in CONTAINERS:
            storage.create_container(name)
        of_app = {**app_settings(azurite, simulated), **(settings or {})}
        host = make_host(folder, of_app)
        stack.callback(host.stop)
        yield Rig(host=host.start(), service=simulated, storage=storage, access_log=log, settings=of_app)


def app_settings(azurite: Azurite, service: RunningService) -> dict[str, str]:
    """Give the app's settings, as on a laptop but for the waits, which are short."""
    return {
        "DATA": azurite.connection_string,
        "AzureWebJobsStorage": azurite.host_connection_string,
        "AZURE_OPENAI_ENDPOINT": service.url,
        "AZURE_OPENAI_API_KEY": service.key,
        "AZURE_OPENAI_DEPLOYMENT": MODEL,
        "POLL_MIN_SECONDS": "0.5",
        "POLL_MAX_SECONDS": "1",
        "SNAPSHOT_WINDOW_SECONDS": "1",
        "PYTHON_THREADPOOL_THREAD_COUNT": "24",  # as deployed
        "SWEEP_SCHEDULE": "*/5 * * * * *",
    }


def wait_until(
    condition: Callable[[], bool], limit_seconds: float, what: str, *, every: float = 0.05
) -> None:
    """Wait for a condition. Raises RigError when it does not come true in time."""
    deadline = time.monotonic() + limit_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RigError(f"Waited {limit_seconds:.0f} s for {what} in vain.")
        time.sleep(every)
