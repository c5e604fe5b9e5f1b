"""Run Azurite as a child process for as long as a `with` block lasts."""

import os
import queue
import re
import subprocess
import threading
from base64 import b64encode
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO

from local.azurite.installation import ENTRY_SCRIPT, find_node

ACCOUNT_NAME = "devstoreaccount1"
# The emulator's fixed key, published in Microsoft's documentation ("Use Azurite emulator"): public, and no secret.
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="

# A second account, for the Functions host: in Azure it has one of its own, and only two accounts show what gets mixed up.
HOST_ACCOUNT_NAME = "devstorehost1"
HOST_ACCOUNT_KEY = b64encode(b"an emulator's key, and no secret").decode()

ACCOUNTS = f"{ACCOUNT_NAME}:{ACCOUNT_KEY};{HOST_ACCOUNT_NAME}:{HOST_ACCOUNT_KEY}"

START_SECONDS = 60
STOP_SECONDS = 15
KEEP_ALIVE_SECONDS = 300  # with the default of 5 a client's idle connection may close under its next request
SERVICES = ("Blob", "Queue", "Table")
PRELOADED = ("exit_with_parent.cjs", "quick_deletes.cjs", "large_pieces.cjs")

_LISTENING = re.compile(r"Azurite (\w+) service is successfully listening at http://[\d.]+:(\d+)")


class AzuriteError(RuntimeError):
    """Azurite is not installed or does not start; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Azurite:
    """A running Azurite. The ports are those of 127.0.0.1 that its three services listen on."""

    blob_port: int
    queue_port: int
    table_port: int

    @property
    def connection_string(self) -> str:
        """What the storage SDKs take to reach the three services of the account for data, the emulator's usual one."""
        return self._connection_string(ACCOUNT_NAME, ACCOUNT_KEY)

    @property
    def host_connection_string(self) -> str:
        """What `AzureWebJobsStorage` takes: the account for the Functions host."""
        return self._connection_string(HOST_ACCOUNT_NAME, HOST_ACCOUNT_KEY)

    def _connection_string(self, account: str, key: str) -> str:
        ports = {"Blob": self.blob_port, "Queue": self.queue_port, "Table": self.table_port}
        endpoints = "".join(
            f"{service}Endpoint=http://127.0.0.1:{port}/{account};" for service, port in ports.items()
        )
        return f"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};{endpoints}"


@contextmanager
def running(
    data: Path | None = None,
    *,
    log: Path | None = None,
    blob_port: int = 0,
    queue_port: int = 0,
    table_port: int = 0,
    access_log: bool = False,
) -> Iterator[Azurite]:
    """Start Azurite, yield it when all three services listen, stop it at the end of the block.

    `data` is the folder that keeps its blobs, queues and tables; without one they live in memory and go with it.
    `log` takes what Azurite prints, with `access_log` a line per request. A port of 0 lets the system choose a free
    one. Azurite also ends when this process dies without leaving the block.

    Raises AzuriteError when it is not installed, or does not listen within START_SECONDS.
    """
    process = _start(data, blob_port, queue_port, table_port, access_log=access_log)
    output = _Output(process, log)
    try:
        ports = output.wait_for_ports()
        yield Azurite(blob_port=ports["Blob"], queue_port=ports["Queue"], table_port=ports["Table"])
    finally:
        _stop(process)
        output.wait_for_end()


def _start(
    data: Path | None, blob_port: int, queue_port: int, table_port: int, *, access_log: bool
) -> subprocess.Popen[str]:
    node = find_node()
    if node is None or not ENTRY_SCRIPT.is_file():
        raise AzuriteError("Azurite is not installed: run 'make setup'.")
    command = [
        str(node),
        *(f"--require={Path(__file__).with_name(name)}" for name in PRELOADED),
        str(ENTRY_SCRIPT),
        f"--blobPort={blob_port}",
        f"--queuePort={queue_port}",
        f"--tablePort={table_port}",
        *(f"--{service.lower()}KeepAliveTimeout={KEEP_ALIVE_SECONDS}" for service in SERVICES),
        "--skipApiVersionCheck",  # the SDKs' API versions run ahead of the emulator's
        "--disableTelemetry",
        *([] if access_log else ["--silent"]),
        *(["--inMemoryPersistence"] if data is None else [f"--location={data.resolve()}"]),
    ]
    return subprocess.Popen(
        command,
        env={**os.environ, "AZURITE_ACCOUNTS": ACCOUNTS},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # Ctrl-C is for this process, which still needs its storage while it ends
    )


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    assert process.stdin is not None
    process.stdin.close()


class _Output:
    """Reads what Azurite prints, so that its pipe never fills, and finds the ports in it."""

    def __init__(self, process: subprocess.Popen[str], log: Path | None) -> None:
        assert process.stdout is not None
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._listened_to = True  # later lines are for the log alone
        self._thread = threading.Thread(target=self._read, args=(process.stdout, log), daemon=True)
        self._thread.start()

    def _read(self, stdout: IO[str], log: Path | None) -> None:
        with stdout, Path(log or os.devnull).open("a", encoding="utf-8") as log_file:
            for line in stdout:
                log_file.write(line)
                log_file.flush()
                if self._listened_to:
                    self._lines.put(line.rstrip())
        self._lines.put(None)

    def wait_for_end(self) -> None:
        """Return when everything a stopped Azurite printed is in the log."""
        self._thread.join()

    def wait_for_ports(self) -> dict[str, int]:
        """Return the port of each service, by its name, as soon as all listen."""
        ports: dict[str, int] = {}
        seen: deque[str] = deque(maxlen=10)
        deadline = monotonic() + START_SECONDS
        while len(ports) < len(SERVICES):
            try:
                line = self._lines.get(timeout=max(0.0, deadline - monotonic()))
            except queue.Empty:
                raise AzuriteError(
                    f"Azurite did not listen within {START_SECONDS} s: {' | '.join(seen)}"
                ) from None
            if line is None:
                raise AzuriteError(f"Azurite did not start: {' | '.join(seen)}")
            seen.append(line)
            if announced := _LISTENING.match(line):
                ports[announced[1]] = int(announced[2])
        self._listened_to = False
        return ports
