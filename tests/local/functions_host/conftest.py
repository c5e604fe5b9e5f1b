"""A real host in a process of its own, and the real SDK's client talking to it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import azure.durable_functions as df
import pytest
import pytest_asyncio
import requests
from azure.durable_functions.models.utils import http_utils

from local.functions_host.client_binding import client_binding

REPOSITORY = Path(__file__).resolve().parents[3]
APPS = Path(__file__).parent / "apps"
FINAL = {"Completed", "Failed", "Terminated"}


@dataclass
class RunningHost:
    """One host process; it can be killed and started again on the same state."""

    app: Path
    state: Path
    environment: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    origin: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        path = self.state / "log.txt"
        return path.read_text() if path.exists() else ""

    def start(self) -> None:
        """Start the host and wait until it listens."""
        self.launch()
        self.wait_for(lambda: "Listening on " in self._new_log or self.process.poll() is not None)
        assert "Listening on " in self._new_log, self.log
        self.origin = self._new_log.split("Listening on ")[1].split()[0]

    def launch(self) -> None:
        """Start the host without waiting for anything."""
        self.state.mkdir(parents=True, exist_ok=True)
        self._log_offset = len(self.log)
        with (self.state / "log.txt").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "local.functions_host", "--port", "0"),
                    *("--app", self.app, "--state", self.state, *self.arguments),
                ],
                cwd=REPOSITORY,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self.environment},
                stdout=log,
                stderr=log,
            )

    @property
    def _new_log(self) -> str:
        return self.log[self._log_offset :]

    def stop(self) -> int:
        """Ask the host to end; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def wait_for(self, condition: Callable[[], Any]) -> Any:
        """Wait until `condition` gives something true, and return that."""
        while not (found := condition()):
            time.sleep(0.01)
        return found

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.origin + path, timeout=30, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return requests.post(self.origin + path, timeout=30, **options)

    def instance(self, instance_id: str) -> dict[str, Any] | None:
        response = self.get(f"/runtime/webhooks/durabletask/instances/{instance_id}")
        return response.json() if response.status_code != 404 else None

    def outcome(self, instance_id: str) -> dict[str, Any]:
        """Wait for the end of an instance and return its status."""

        def finished() -> dict[str, Any] | None:
            status = self.instance(instance_id)
            return status if status and status["runtimeStatus"] in FINAL else None

        return self.wait_for(finished)

    def run(self, name: str, argument: Any = None) -> dict[str, Any]:
        """Run an orchestration to its end, with input encoded as the SDK's client does it."""
        response = self.post(f"/runtime/webhooks/durabletask/orchestrators/{name}", json=json.dumps(argument))
        assert response.status_code == 202, response.text
        return self.outcome(response.json()["id"])


@pytest.fixture(scope="module")
def make_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., RunningHost]]:
    """Build hosts for apps; what still runs at the end of the module is killed."""
    hosts: list[RunningHost] = []

    def make(app: str | Path, *arguments: str, **environment: str) -> RunningHost:
        folder = APPS / app if isinstance(app, str) else app
        state = tmp_path_factory.mktemp("host")
        hosts.append(RunningHost(folder, state, environment, arguments))
        return hosts[-1]

    yield make
    for host in hosts:
        if host.process is not None and host.process.poll() is None:
            host.kill()


@pytest.fixture(scope="module")
def basic(make_host: Callable[..., RunningHost]) -> RunningHost:
    """A running host with the app `apps/basic`."""
    host = make_host("basic")
    host.start()
    return host


@pytest_asyncio.fixture
async def client_of() -> AsyncIterator[Callable[[RunningHost], df.DurableOrchestrationClient]]:
    """The SDK's durable client for a host."""
    yield lambda host: df.DurableOrchestrationClient(client_binding(host.origin, "TestHubName"))
    await http_utils._close_session()
    await asyncio.sleep(0)  # lets the session's connections close before the loop does
