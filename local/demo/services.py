"""Start the children of the demo, storage, batch service and Functions host, and stop all of them on every way out."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from local.azurite import Azurite
from local.azurite import running as running_azurite
from local.demo.errors import DemoError
from local.demo.storage import CONTAINERS

REPOSITORY = Path(__file__).resolve().parents[2]

SERVICE_PORT = 8900
HOST_PORT = 7071
BLOB_PORT, QUEUE_PORT, TABLE_PORT = 10000, 10001, 10002

SERVICE_KEY = "local-demo-key"
SERVICE_SPEED = 40.0  # its usual delays, some six minutes for a small batch, become about ten seconds
SERVICE_OPTIONS = ("--duration=lognormal", "--duration-sigma=0.4", f"--key={SERVICE_KEY}")

# Made up, for the samples' deployments: US dollars per million tokens.
PRICES = '{"gpt-4o-mini-batch": {"input": 0.08, "output": 0.3}, "text-embedding-3-small": {"input": 0.02}}'

START_SECONDS = 120  # `func start` downloads its extensions the first time
STOP_SECONDS = 15
LOOK_SECONDS = 0.1
TAIL_LINES = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A child process and the file with what it printed."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise DemoError, with the end of its log, when the child is gone."""
        code = self.process.poll()
        if code is not None:
            raise DemoError(
                f"The {self.name} ended with exit code {code}. The end of {self.log}:\n{tail(self.log)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything that runs, and where it is reached."""

    connection_string: str
    service_port: int
    host_port: int
    host_kind: str
    children: tuple[Child, ...]
    settings: Mapping[str, str]  # the app's

    @property
    def host_url(self) -> str:
        """The root of the Function App."""
        return f"http://127.0.0.1:{self.host_port}"

    def check(self) -> None:
        """Raise DemoError when a child is gone."""
        for child in self.children:
            child.check()


@contextmanager
def running_services(folder: Path, *, speed: float = SERVICE_SPEED) -> Iterator[Services]:
    """Start storage, batch service and host, yield them when they answer, stop them in turn.

    Their data goes below `folder`, what they print into `folder/logs`. Ports that are taken are replaced by free ones.
    The batch service is `speed` times as fast as Azure's.
    Raises DemoError when one of them does not start.
    """
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        service_port = _free(SERVICE_PORT) or _any_free()
        service_command = [
            sys.executable,
            "-m",
            "local.azure_openai",
            f"--port={service_port}",
            f"--speed={speed}",
        ]
        service_command += SERVICE_OPTIONS
        service = stack.enter_context(_child("batch service", service_command, logs / "azure_openai.log", {}))
        azurite = stack.enter_context(
            running_azurite(
                folder / "azurite",
                log=logs / "azurite.log",
                blob_port=_free(BLOB_PORT),
                queue_port=_free(QUEUE_PORT),
                table_port=_free(TABLE_PORT),
            )
        )
        _wait_until_answers(service, service_port, "/admin/counters")

        host_port = _free(HOST_PORT) or _any_free()
        host_kind, host_command = _host_command(host_port, folder / "functions_host")
        settings = app_settings(azurite, service_port)
        host = stack.enter_context(
            _child("Functions host", host_command, logs / "functions_host.log", settings)
        )
        _wait_until_answers(host, host_port, "/admin/host/status", state="Running")
        yield Services(
            connection_string=azurite.connection_string,
            service_port=service_port,
            host_port=host_port,
            host_kind=host_kind,
            children=(service, host),
            settings=settings,
        )


def app_settings(azurite: Azurite, service_port: int) -> dict[str, str]:
    """Return the settings under which the pipeline runs in the demo: quick to notice, quick to look again.

    As in Azure the host has an account of its own.
    """
    containers = {f"{name.upper()}_CONTAINER": name for name in CONTAINERS}
    return containers | {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "languageWorkers__python__defaultExecutablePath": sys.executable,
        "AzureWebJobsStorage": azurite.host_connection_string,
        "DATA": azurite.connection_string,
        "TASK_HUB": "demo",
        "AZURE_OPENAI_ENDPOINT": f"http://127.0.0.1:{service_port}",
        "AZURE_OPENAI_API_VERSION": "v1",
        "AZURE_OPENAI_API_KEY": SERVICE_KEY,
        "AZURE_OPENAI_DEPLOYMENT": "gpt-4o-mini-batch",
        "PRICES": PRICES,
        "POLL_MIN_SECONDS": "0.5",
        "POLL_MAX_SECONDS": "2",
        "SNAPSHOT_WINDOW_SECONDS": "2",
        "PYTHON_THREADPOOL_THREAD_COUNT": "24",  # as deployed
    }


def get_json(port: int, path: str) -> Any:
    """Return the JSON answer of a child; raises OSError or HTTPException when there is none with status 200."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise HTTPException(f"GET {path} answered {response.status}: {body[:200]!r}")
    return json.loads(body)


def tail(log: Path) -> str:
    """Return the last lines of a log, indented."""
    lines = (
        log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:] if log.is_file() else []
    )
    return "\n".join(f"  {line}" for line in lines)


def _host_command(port: int, state: Path) -> tuple[str, list[str]]:
    func = shutil.which("func")
    if func:
        return "func start", [func, "start", "--port", str(port)]
    return "the embedded host", [
        sys.executable,
        "-m",
        "local.functions_host",
        f"--port={port}",
        f"--state={state.resolve()}",
    ]  # fmt: skip - one command, one line


@contextmanager
def _child(name: str, command: list[str], log: Path, settings: Mapping[str, str]) -> Iterator[Child]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            _with_parent_tie(command),
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **settings},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the demo, which stops its children in turn
        )
    try:
        yield Child(name=name, process=process, log=log)
    finally:
        _stop_group(process)


def _with_parent_tie(command: list[str]) -> list[str]:
    """Let the child end with the demo even when that is killed, where the system has the tool for it."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig=TERM", *command] if setpriv else command


def _stop_group(process: subprocess.Popen[bytes]) -> None:
    """End a child, then whatever it started and left (`func` starts a worker)."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):  # nothing left is the usual case
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _wait_until_answers(child: Child, port: int, path: str, **expected: str) -> None:
    """Return when the child answers GET `path` with the expected fields; raises DemoError when it ends, or takes long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        child.check()
        try:
            answer = get_json(port, path)
        except (OSError, HTTPException):
            answer = None
        if answer is not None and all(answer.get(name) == value for name, value in expected.items()):
            return
        time.sleep(LOOK_SECONDS)
    raise DemoError(
        f"The {child.name} did not answer within {START_SECONDS} s. The end of {child.log}:\n{tail(child.log)}"
    )


def _free(port: int) -> int:
    """Return the port if nothing listens on it, else 0, which lets the system choose."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port


def _any_free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
