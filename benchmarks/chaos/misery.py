"""Mixed misery: bad files of every kind among good ones. The good ones must not notice, and each bad one ends with a reason."""

import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.chaos.bad_files import PLAN, BadFile, bad_files
from benchmarks.chaos.containers import Containers
from benchmarks.chaos.watched_host import WatchedHost
from benchmarks.workload import batch_file
from local.azure_openai import running as running_service
from local.azurite import running as running_azurite

POISON = Path(__file__).with_name("poison")
ROWS = 20
MEDIAN_SECONDS = 6.0  # of a batch
WATCH_SECONDS = 0.05
LOOK_SECONDS = 1.0
LIMIT_SECONDS = 900.0
MOST_TIMES = 1.3  # the good ones' makespan, by that without the bad ones

SERVICE_SETTINGS = {
    "file_pending_seconds": 0.3,
    "validating_seconds": 0.3,
    "duration": "lognormal",
    "duration_seconds": MEDIAN_SECONDS,
    "finalizing_seconds": 0.2,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of a bad file, and when (seconds from the drop)."""

    file: BadFile
    end: str
    reason: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Misery:
    """How it went. Makespans are of the good files, in seconds."""

    good: int
    alone: float
    beside: float
    fates: Sequence[Fate]
    deaths: int
    killed_for_memory: int
    peak_mb: float

    @property
    def times(self) -> float:
        """By how much the bad files have held the good ones up."""
        return self.beside / self.alone

    @property
    def is_good(self) -> bool:
        """Whether the good files did not notice, and each bad one has an end that is told."""
        return self.times <= MOST_TIMES and all(fate.end and fate.reason for fate in self.fates)


def run(good: int, seed: int, folder: Path, tell: Callable[[str], None]) -> Misery:
    """Run the good files alone, then beside the bad ones."""
    alone = _Course(good, [], seed, folder / "alone", tell).run()
    beside = _Course(good, bad_files(), seed, folder / "beside", tell).run()
    return Misery(
        good=good,
        alone=alone.makespan,
        beside=beside.makespan,
        fates=beside.fates,
        deaths=beside.host.deaths,
        killed_for_memory=beside.host.killed_for_memory,
        peak_mb=beside.host.peak_mb,
    )


class _Course:
    """One run, with storage, a service and a host of its own."""

    def __init__(
        self, good: int, bad: Sequence[BadFile], seed: int, folder: Path, tell: Callable[[str], None]
    ) -> None:
        self._good, self._bad, self._seed, self._folder, self._tell = good, bad, seed, folder, tell
        self._ends: dict[str, Fate] = {}
        self.makespan = 0.0
        self.host: WatchedHost
        self._containers: Containers
        self._began = self._next_look = 0.0

    @property
    def fates(self) -> list[Fate]:
        """What became of each bad file; one that has not come to an end has none."""
        return [
            self._ends.get(file.path, Fate(file=file, end="", reason="", seconds=LIMIT_SECONDS))
            for file in self._bad
        ]

    def run(self) -> "_Course":
        """Drop everything at once; wait for the good ones, then for the ends of the bad ones."""
        self._folder.mkdir(parents=True)
        with ExitStack() as stack:
            storage = stack.enter_context(running_azurite(log=self._folder / "azurite.log"))
            service = stack.enter_context(running_service(plan=PLAN, seed=self._seed, **SERVICE_SETTINGS))
            self._containers = stack.enter_context(Containers(storage.connection_string))
            self._containers.create()
            settings = {
                "DATA": storage.connection_string,
                "AzureWebJobsStorage": storage.host_connection_string,
                "AZURE_OPENAI_ENDPOINT": service.url,
                "AZURE_OPENAI_API_KEY": service.key,
                "POLL_MIN_SECONDS": "1",
                "POLL_MAX_SECONDS": "2",
                "SNAPSHOT_WINDOW_SECONDS": "2",
                "SWEEP_SCHEDULE": "*/5 * * * * *",
                "PYTHON_THREADPOOL_THREAD_COUNT": "24",  # as deployed
                "PYTHONPATH": os.pathsep.join([str(POISON), *filter(None, [os.environ.get("PYTHONPATH")])]),
            }
            self.host = WatchedHost("host", self._folder, settings)
            stack.callback(self.host.stop)
            self._drop()
            self.host.start()
            self._began = time.monotonic()
            self._watch_until(lambda: self._done() >= self._good)
            self.makespan = time.monotonic() - self._began
            self._watch_until(lambda: len(self._ends) == len(self._bad))
        return self

    def _drop(self) -> None:
        """The bad ones first: they are taken first."""
        for file in self._bad:
            for path, content in file.drops.items():
                self._containers.drop(path, content)
        for number in range(self._good):
            content = batch_file(f"good-{number}", requests=ROWS, seed=number)
            self._containers.drop(f"good/{number:04d}.jsonl", content)

    def _watch_until(self, is_over: Callable[[], bool]) -> None:
        while time.monotonic() - self._began < LIMIT_SECONDS:
            self.host.keep_alive()
            if time.monotonic() >= self._next_look:
                self._look()
                if is_over():
                    return
                self._next_look = time.monotonic() + LOOK_SECONDS
            time.sleep(WATCH_SECONDS)

    def _look(self) -> None:
        seconds = time.monotonic() - self._began
        told = self._told()
        for file in self._bad:
            if file.path not in self._ends and file.path in told:
                end, reason = told[file.path]
                self._ends[file.path] = Fate(file=file, end=end, reason=reason, seconds=seconds)
        self._tell(
            f"{seconds:4.0f} s  {self._done()} of {self._good} good, {len(self._ends)} of {len(self._bad)} bad, "
            f"{self.host.deaths} deaths"
        )

    def _done(self) -> int:
        return sum(name.endswith("_metadata.json") for name in self._containers.names("processed", "good/"))

    def _told(self) -> dict[str, tuple[str, str]]:
        """Give what became of the bad files, by path: what `GET /api/files` says, or the metadata."""
        told = {
            file["file"]: (end, str(file["reason"]))
            for end in ("waiting", "held")
            for file in self._files().get(end, [])
        }
        for room in ("processed", "error"):
            for name in self._containers.names(room):
                if name.endswith("_metadata.json") and not name.startswith("good/"):
                    document = json.loads(self._containers.content(room, name))
                    counts = f"{document['outcomes'].get('ok', 0)} of {document['requests']} rows answered"
                    told[document["file"]] = (document["status"], document.get("reason") or counts)
        return told

    def _files(self) -> dict[str, list[dict[str, Any]]]:
        if self.host.origin is None:
            return {}
        connection = HTTPConnection(urlsplit(self.host.origin).netloc, timeout=5)
        try:
            connection.request("GET", "/api/files")
            answer = connection.getresponse()
            return dict(json.load(answer)) if answer.status == 200 else {}
        except (OSError, HTTPException):
            return {}
        finally:
            connection.close()
