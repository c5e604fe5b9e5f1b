"""A real host in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import requests

REPOSITORY = Path(__file__).resolve().parents[3]
MANAGEMENT = "/runtime/webhooks/durabletask"
FINAL = {"Completed", "Failed", "Terminated"}
_T = TypeVar("_T")


@dataclass
class RunningHost:
    """One host process; it can be killed and started again on the same state."""

    app: Path
    state: Path
    environment: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    module: str = "local.functions_host"
    origin: str = ""
    _process: subprocess.Popen[bytes] | None = None
    _log_offset: int = 0

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the host was not started"
        return self._process

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """Everything this host's processes have printed."""
        path = self.state / "log.txt"
        return path.read_text() if path.exists() else ""

    @property
    def new_log(self) -> str:
        """What the latest process has printed."""
        return self.log[self._log_offset :]

    def start(self) -> "RunningHost":
        """Start the host and wait until it listens."""
        self.launch()
        self.wait_for(lambda: "Listening on " in self.new_log or not self.is_running)
        assert "Listening on " in self.new_log, self.log
        self.origin = self.new_log.split("Listening on ")[1].split()[0]
        return self

    def launch(self) -> None:
        """Start the host without waiting for anything."""
        self.state.mkdir(parents=True, exist_ok=True)
        self._log_offset = len(self.log)
        host = [sys.executable, "-m", self.module, "--port", "0"]
        with (self.state / "log.txt").open("ab") as log:
            self._process = subprocess.Popen(
                [*host, "--app", str(self.app), "--state", str(self.state), *self.arguments],
                cwd=REPOSITORY,
                env={**os.environ, **self.environment},
                stdout=log,
                stderr=log,
            )

    def stop(self) -> int:
        """Ask the host to end; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def wait_for(self, condition: Callable[[], _T | None]) -> _T:
        """Wait until `condition` gives something true, and return that."""
        while not (found := condition()):
            time.sleep(0.01)
        return found

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.origin + path, timeout=30, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return requests.post(self.origin + path, timeout=30, **options)

    def put(self, path: str, **options: Any) -> requests.Response:
        return requests.put(self.origin + path, timeout=30, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:
        return requests.delete(self.origin + path, timeout=30, **options)

    def begin(self, name: str, argument: Any = None, *, instance_id: str | None = None) -> str:
        """Start an orchestration, with input encoded as the SDK's client does it; return its id."""
        path = f"{MANAGEMENT}/orchestrators/{name}{f'/{instance_id}' if instance_id else ''}"
        response = self.post(path, json=json.dumps(argument))
        assert response.status_code == 202, response.text
        return str(response.json()["id"])

    def instance(self, instance_id: str, query: str = "") -> dict[str, Any] | None:
        """The status of an instance, or None."""
        response = self.get(f"{MANAGEMENT}/instances/{instance_id}{query}")
        return dict(response.json()) if response.status_code != 404 else None

    def outcome(self, instance_id: str) -> dict[str, Any]:
        """Wait for the end of an instance and return its status."""

        def finished() -> dict[str, Any] | None:
            status = self.instance(instance_id)
            return status if status and status["runtimeStatus"] in FINAL else None

        return self.wait_for(finished)

    def run(self, name: str, argument: Any = None) -> dict[str, Any]:
        """Run an orchestration to its end."""
        return self.outcome(self.begin(name, argument))

    def raise_event(self, instance_id: str, name: str, data: Any) -> None:
        response = self.post(f"{MANAGEMENT}/instances/{instance_id}/raiseEvent/{name}", json=data)
        assert response.status_code == 202, response.text

    def history(self, instance_id: str) -> list[dict[str, Any]]:
        """Events so far. A turn is stored whole: with an event come all decisions that it led to."""
        status = self.instance(instance_id, "?showHistory=true&showHistoryOutput=true")
        return list((status or {}).get("historyEvents") or [])

    def event_types(self, instance_id: str) -> list[str]:
        return [event["EventType"] for event in self.history(instance_id)]
