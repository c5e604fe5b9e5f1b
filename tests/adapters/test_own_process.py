"""A step in a process of its own: its answer comes home, and its death is told."""

import logging
import socket
import subprocess
import sys
from contextvars import copy_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from azure_functions_runtime.bindings import context

from adapters import own_process
from adapters.own_process import OwnProcess, OwnProcessError
from adapters.threads import log_as
from benchmarks.rig import wait_until
from domain.settings import Settings
from local.functions_host.worker_log import Owner, current_owner

WORK = {"snapshot_id": "s", "key": "k"}


def told(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(own_process, "COMMAND", (sys.executable, "-c", code))


def test_a_step_is_carried_out_with_the_services_of_the_environment(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA", settings.data or "")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", settings.azure_openai_endpoint)
    for room in ("INPUT", "PROCESSED", "ERROR", "WORK"):
        monkeypatch.setenv(f"{room}_CONTAINER", getattr(settings, f"{room.lower()}_container"))
    with OwnProcess() as process:
        # A file without a claim.
        assert process.run("prepare_file", WORK)["ok"]["gone"] is True


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", r"signal 9\."),
        ("import os; os.abort()", r"signal 6\."),
        ("import sys; sys.exit(3)", r"exit code 3\."),
        ("import sys; sys.stdin.buffer.close(); sys.exit(3)", r"exit code 3\."),
    ],
)
def test_its_death_is_told(code: str, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, code)
    with OwnProcess() as process, pytest.raises(OwnProcessError, match=how):
        process.run("prepare_file", WORK)


class _DeadAtOnce(subprocess.Popen[bytes]):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.wait()


def test_its_death_is_told_before_it_was_given_its_work(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, "import sys; sys.exit(3)")
    monkeypatch.setattr("adapters.own_process.subprocess.Popen", _DeadAtOnce)
    with OwnProcess() as process, pytest.raises(OwnProcessError, match="exit code 3"):
        process.run("prepare_file", WORK)


def test_it_is_ended_when_it_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    told(monkeypatch, "import time; time.sleep(600)")
    with OwnProcess() as process, pytest.raises(OwnProcessError, match="longer than"):
        process.run("prepare_file", WORK, limit_seconds=0.3)


def run_as_invocation(process: OwnProcess) -> object:
    log_as(SimpleNamespace(invocation_id="id", thread_local_storage=context._invocation_id_local))
    return process.run("prepare_file", WORK)


def test_an_answer_larger_than_a_pipe_comes_home_and_what_is_said_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told(
        monkeypatch,
        "import sys; sys.stdin.readline(); print('a word', file=sys.stderr); "
        "print(repr('x' * 300_000).replace(chr(39), chr(34)))",
    )
    owners: list[Owner] = []

    def see(_record: logging.LogRecord) -> bool:
        owners.append(current_owner(loop_thread=None))
        return True

    monkeypatch.setattr(own_process.log, "filters", [see])
    with OwnProcess() as process, caplog.at_level(logging.WARNING):
        assert copy_context().run(run_as_invocation, process) == "x" * 300_000
    assert "a word" in caplog.text
    assert owners == [Owner("id", "id")]


PARENT = """
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-m", "steps.own_process", "prepare_file"], stdin=subprocess.PIPE)
child.stdin.write(b'{"snapshot_id": "s", "key": "k"}\\n')
child.stdin.flush()
print(child.pid, flush=True)
sys.stdin.readline()
os.kill(os.getpid(), 9)
"""


def test_it_ends_with_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        account = f"http://127.0.0.1:{silent.getsockname()[1]}/a"
        monkeypatch.setenv("DATA", f"AccountName=a;AccountKey=a2V5;BlobEndpoint={account}")
        monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", account)
        with subprocess.Popen(
            [sys.executable, "-c", PARENT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=own_process.ROOT,
        ) as parent:
            assert parent.stdout
            child = int(parent.stdout.readline())
            # It is at work, and waits for storage.
            with silent.accept()[0]:
                parent.communicate(b"\n")
                wait_until(lambda: not _is_running(child), 60, "the end of the process")


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
