"""A host process that is the genuine Durable engine, with the face of the embedded one."""

import os
import socket
import subprocess
import sys
from dataclasses import dataclass

import requests

from tests.genuine.engine import GenuineEngine
from tests.local.functions_host.running_host import RunningHost

STORAGE_PROVIDER = "AzureFunctionsJobHost__extensions__durableTask__storageProvider__"
# As short as the extension allows. After a kill, messages in work come back when the visibility time-outs are over.
SHORT_WAITS = {
    f"{STORAGE_PROVIDER}maxQueuePollingInterval": "00:00:00.300",
    f"{STORAGE_PROVIDER}workItemQueueVisibilityTimeout": "00:01:00",
    f"{STORAGE_PROVIDER}controlQueueVisibilityTimeout": "00:01:00",
}


@dataclass(kw_only=True)
class GenuineHost(RunningHost):
    """One engine process; its state lies in the storage account of `AzureWebJobsStorage`, not in a folder."""

    engine: GenuineEngine
    host_id: str
    """Names receipts and queues of the blob trigger; hosts on one task hub have one."""

    def start(self) -> "GenuineHost":
        """Start the host and wait until it serves."""
        self.launch()
        self.wait_for(lambda: self._is_ready() or not self.is_running)
        assert self.is_running, self.log
        return self

    def launch(self) -> None:
        """Start the host without waiting for anything."""
        self.state.mkdir(parents=True, exist_ok=True)
        self._log_offset = len(self.log)
        port = _free_port()
        self.origin = f"http://127.0.0.1:{port}"
        options: list[str | os.PathLike[str]] = [
            "--app",
            self.app,
            "--python",
            sys.executable,
            "--bridge",
            self.engine.bridge,
        ]
        options += ["--port", str(port), "--host-id", self.host_id, "--log-file", self.state / "log.txt"]
        self._process = subprocess.Popen(
            [self.engine.program, *options, *self.arguments],
            env={**os.environ, **SHORT_WAITS, **self.environment},
            stdin=subprocess.DEVNULL,
            # The extension's own event stream, a line for each of its steps.
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def _is_ready(self) -> bool:
        try:
            return requests.get(f"{self.origin}/engine", timeout=5).ok
        except requests.ConnectionError:
            return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
