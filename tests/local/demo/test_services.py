"""The demo's children: noticed when they end, stopped with all they started, on free ports."""

import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path

import pytest

from local.azurite import Azurite
from local.demo import services
from local.demo.errors import DemoError
from local.demo.storage import CONTAINERS

SLEEPING_PARENT = """
import subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(grandchild.pid, flush=True)
time.sleep(600)
"""
DEMO = """
import sys, time
from pathlib import Path
from local.demo.services import _child
with _child("sleeper", [sys.executable, "-c", "import time; time.sleep(600)"], Path(sys.argv[1]), {}) as child:
    print(child.process.pid, flush=True)
    time.sleep(600)
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def wait_until(condition: object, *, what: str) -> None:
    assert callable(condition)
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"  # ended; whoever inherited it has not looked yet


@pytest.fixture
def answering_port() -> Iterator[int]:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"state": "Running"}'
            self.send_response(200 if self.path == "/status" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_child_that_ends_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with services._child("host", python("print('no such setting'); raise SystemExit(3)"), log, {}) as child:
        child.process.wait()
        with pytest.raises(DemoError, match=r"host ended with exit code 3[\s\S]*no such setting"):
            child.check()


def test_a_child_that_ends_before_it_answers_is_not_waited_for(tmp_path: Path) -> None:
    with (
        services._child("host", python("raise SystemExit(1)"), tmp_path / "log", {}) as child,
        pytest.raises(DemoError, match="exit code 1"),
    ):
        services._wait_until_answers(child, services._any_free(), "/status")


def test_a_child_is_ready_when_it_answers_as_expected(tmp_path: Path, answering_port: int) -> None:
    with services._child("host", python("import time; time.sleep(600)"), tmp_path / "log", {}) as child:
        services._wait_until_answers(child, answering_port, "/status", state="Running")


def test_a_child_that_never_answers_is_given_up(
    tmp_path: Path, answering_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "START_SECONDS", 0.3)
    with (
        services._child("host", python("import time; time.sleep(600)"), tmp_path / "log", {}) as child,
        pytest.raises(DemoError, match="did not answer"),
    ):
        services._wait_until_answers(child, answering_port, "/status", state="Stopped")


def test_an_answer_other_than_200_is_an_error(answering_port: int) -> None:
    with pytest.raises(HTTPException, match="404"):
        services.get_json(answering_port, "/elsewhere")


def test_what_a_child_started_ends_with_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with services._child("host", python(SLEEPING_PARENT), log, {}):
        wait_until(log.read_text, what="the grandchild did not start")
        grandchild = int(log.read_text())
        assert not is_gone(grandchild)
    wait_until(lambda: is_gone(grandchild), what="the grandchild outlived its parent")


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="the system has no setpriv")
def test_a_child_ends_when_the_demo_is_killed(tmp_path: Path) -> None:
    demo = subprocess.Popen([*python(DEMO), str(tmp_path / "log")], stdout=subprocess.PIPE, text=True)
    assert demo.stdout is not None
    child = int(demo.stdout.readline())
    demo.kill()
    demo.communicate()
    wait_until(lambda: is_gone(child), what="the child outlived the demo")


def test_a_taken_port_is_replaced() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert services._free(taken.getsockname()[1]) == 0


def test_func_is_used_when_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    func = tmp_path / "func"
    func.write_text("#!/bin/sh\n")
    func.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    kind, command = services._host_command(7071, tmp_path)
    assert (kind, command) == ("func start", [str(func), "start", "--port", "7071"])


def test_the_app_gets_the_addresses_of_what_was_started() -> None:
    azurite = Azurite(blob_port=1, queue_port=2, table_port=3)
    settings = services.app_settings(azurite, 8901)
    assert settings["DATA"] == azurite.connection_string
    assert settings["AzureWebJobsStorage"] == azurite.host_connection_string
    assert settings["AZURE_OPENAI_ENDPOINT"] == "http://127.0.0.1:8901"
    assert {settings[f"{name}_CONTAINER"] for name in ("INPUT", "PROCESSED", "ERROR", "WORK")} == set(
        CONTAINERS
    )
