"""The demo from start to end with a stand-in for the app: what is right passes, each thing that is wrong is told."""

import io
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from rich.console import Console

from local.demo import services
from local.demo.errors import DemoError
from local.demo.run import run
from tests.cli.command import SAMPLES, aoai_process

STAND_IN = Path(__file__).with_name("stand_in_host.py")
SPEED = 1000.0

Play = Callable[[str], tuple[bool, str]]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Run the demo with an app of the given flaw; returns whether it passed, and what was written."""

    def played(flaw: str, timeout_seconds: float = 60) -> tuple[bool, str]:
        def command(port: int, state: Path) -> tuple[str, list[str]]:
            del state
            return "a stand-in", [sys.executable, str(STAND_IN), str(port), flaw]

        monkeypatch.setattr(services, "_host_command", command)
        output = io.StringIO()
        console = Console(file=output, width=120)
        passed = run(console, folder=tmp_path, keep=False, timeout_seconds=timeout_seconds, speed=SPEED)
        return passed, output.getvalue()

    return played


def test_the_samples_go_through_the_real_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)  # the embedded host, on every machine
    output = io.StringIO()
    passed = run(
        Console(file=output, width=120), folder=tmp_path, keep=False, timeout_seconds=120, speed=SPEED
    )
    text = output.getvalue()
    assert passed, text
    assert "the embedded host" in text
    assert re.search(r"Look on: http://127\.0\.0\.1:\d+/ui\n", text)
    for name in (
        "triage_output.jsonl",
        "product-descriptions_output.jsonl",
        "three-mistakes_error.jsonl",
        "products_output.jsonl",
        "products_error.jsonl",
        "reviews_output.parquet",
        "shop-signs_output.jsonl",
    ):
        assert f"── {name}" in text
    calls = ("quote samples/mistakes --prompts 0", "errors mistakes catalogue", "audit")
    assert [line for line in text.splitlines() if line.startswith("$ ")] == [
        f"$ aoai-batch {call}" for call in calls
    ]
    assert "6 of 6 files proven: 178 rows, each back once." in text
    for shown in ("endpoint: embeddings", '"row": 17', '"code": "ragged_row"', '"sentiment"', '"embeddings"'):
        assert shown in text


def test_an_app_that_loses_doubles_and_litters_does_not_pass_and_everything_is_told(play: Play) -> None:
    passed, text = play("careless")
    assert not passed
    assert text.count("did not come back") == 6
    assert text.count("2 batches were created for the same input") == 6
    assert "results came back" in text
    assert "files of purpose batch are left" in text


@pytest.mark.parametrize(
    ("flaw", "told"),
    [
        ("fails", "snapshot-1 ended as Failed: no such deployment"),
        ("dies", r"exit code 1[\s\S]*told to die"),
    ],
)
def test_an_app_that_ends_before_its_files_is_not_waited_for(play: Play, flaw: str, told: str) -> None:
    with pytest.raises(DemoError, match=told):
        play(flaw)


def test_waiting_has_an_end(play: Callable[[str, float], tuple[bool, str]]) -> None:
    with pytest.raises(DemoError, match=r"Not finished after 1 s: .*triage.jsonl waiting"):
        play("idles", 1)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment in which `func start --port N` starts the stand-in."""
    func = tmp_path / "bin" / "func"
    func.parent.mkdir()
    func.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" "$3" "$STAND_IN_FLAW"\n')
    func.chmod(0o755)
    return {**os.environ, "PATH": f"{func.parent}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}


@contextmanager
def started(folder: Path, environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "local.demo", f"--folder={folder}", f"--speed={SPEED}", *arguments]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
            process.wait(30)
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], part: str) -> str:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if part in line:
            return "".join(lines)
    pytest.fail(f"ended without {part!r}: {''.join(lines)}")


def assert_nothing_listens(folder: Path, text: str) -> None:
    host = re.search(r"http://127.0.0.1:(\d+);", text)
    azurite = re.findall(r"listening at http://127.0.0.1:(\d+)", (folder / "logs/azurite.log").read_text())
    assert host
    for port in [host[1], *azurite]:
        connection = HTTPConnection("127.0.0.1", int(port), timeout=5)
        with pytest.raises(ConnectionRefusedError):
            connection.request("GET", "/")
        connection.close()


def test_kept_the_demo_passes_takes_more_files_and_stops_on_ctrl_c(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    folder = tmp_path / ".local" / "demo"
    with started(folder, environment | {"STAND_IN_FLAW": "none"}, "--keep") as demo:
        text = read_until(demo, "Ctrl-C stops it")
        dropped = aoai_process("drop", SAMPLES / "mistakes", "--to", "mine", cwd=tmp_path)
        demo.send_signal(signal.SIGINT)

    assert "Running on func start" in text
    assert "All 85 requests and 93 rows of 6 files came back exactly once" in text
    assert "three-mistakes.jsonl  done" in text
    assert "└── three-mistakes_error.jsonl" in text
    assert '"code": "ragged_row"' in text
    assert "\x1b" not in text  # no control characters outside a terminal
    assert [record["file"] for record in dropped.records] == ["mine/mistakes/three-mistakes.jsonl"], (
        dropped.err
    )
    assert demo.returncode == 0
    assert_nothing_listens(folder, text)


def test_stopped_in_the_middle_it_stops_what_it_started(tmp_path: Path, environment: dict[str, str]) -> None:
    folder = tmp_path / "demo"
    with started(folder, environment | {"STAND_IN_FLAW": "idles"}) as demo:
        text = read_until(demo, "waiting")
        demo.terminate()
    assert demo.returncode == 130
    assert_nothing_listens(folder, text)
    assert not (folder / "running.json").exists()
