"""A host process that is the genuine Durable engine, with the face of the embedded one."""

import os
import subprocess
from dataclasses import dataclass

import requests

from local.genuine_engine import DURABLE, GenuineEngine, free_port
from tests.local.functions_host.running_host import RunningHost

STORAGE_PROVIDER = f"{DURABLE}storageProvider__"
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
        port = free_port()
        self.origin = f"http://127.0.0.1:{port}"
        command = self.engine.command(self.app, port=port, host_id=self.host_id, log=self.state / "log.txt")
        self._process = subprocess.Popen(
            [*command, *self.arguments],
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
