"""The host as a process: what it says, how it ends."""

import json
import shutil
import socket
from pathlib import Path

import pytest

from tests.local.functions_host.conftest import APPS, MakeHost

HEAD = "import os\nimport azure.functions as func\napp = func.FunctionApp()\n"


def write_app(folder: Path, code: str) -> Path:
    folder.mkdir()
    (folder / "function_app.py").write_text(code)
    return folder


def test_the_start_tells_functions_address_and_state(make_host: MakeHost) -> None:
    host = make_host("http").start()

    assert f"  http           hello  [GET] {host.origin}/api/hello/{{name}}\n" in host.log
    assert f"State in {host.state}\n" in host.log
    assert host.stop() == 0


def test_a_trace_has_a_line_for_every_turn(make_host: MakeHost, tmp_path: Path) -> None:
    trace = tmp_path / "new" / "turns.jsonl"
    host = make_host("basic", "--trace", str(trace), COUNTS=str(tmp_path)).start()

    host.run("fan_out", 3)
    turns = [json.loads(line) for line in trace.read_text().splitlines()]

    assert {turn["function"] for turn in turns} == {"fan_out"}
    assert turns[0]["activities"] == ["square"] * 3
    assert turns[0]["timers"] == 0
    assert turns[0]["events"] == 6  # started, the execution, three calls, the end of the turn
    assert turns[-1]["events"] == turns[0]["events"] + 3 + 2 * (len(turns) - 1) + 1
    assert all(turn["input_bytes"] > 0 and not turn["continued"] for turn in turns)


def test_a_busy_host_ends_without_waiting_and_repeats_the_work_later(
    make_host: MakeHost, tmp_path: Path
) -> None:
    app = shutil.copytree(APPS / "limits", tmp_path / "app")
    (app / "host.json").unlink()  # no time limit
    host = make_host(app, GATES=str(tmp_path)).start()
    host.begin("one_call", ["gated", "opened"], instance_id="busy")
    host.begin("one_call", ["endless", ""], instance_id="idle")
    host.wait_for(lambda: host.event_types("busy"))
    assert host.stop() == 0  # would never return if it waited for the activities
    (tmp_path / "opened").touch()
    host.start()

    assert host.outcome("busy")["output"] == "opened"
    assert (host.instance("idle") or {})["runtimeStatus"] == "Running"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def oops(:\n", ["the app cannot be loaded: SyntaxError", "def oops(:"]),
        ("import json\njson.loads('[')\n", ["JSONDecodeError", "json.loads('[')"]),
        (
            HEAD
            + '@app.timer_trigger(arg_name="t", schedule="often")\ndef tick(t: func.TimerRequest): pass\n',
            ["error: cannot load the function 'tick': 'often' needs six fields"],
        ),
    ],
)
def test_an_app_that_cannot_run_ends_the_host_with_its_reason(
    make_host: MakeHost, tmp_path: Path, code: str, words: list[str]
) -> None:
    host = make_host(write_app(tmp_path / "app", code))
    host.launch()

    assert host.process.wait() == 1
    assert all(word in host.log for word in words), host.log
    assert "importlib" not in host.log


def test_a_taken_port_is_said_plainly(make_host: MakeHost) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        host = make_host("http", "--port", str(port))
        host.launch()

        assert host.process.wait() == 1
        assert f"error: cannot listen on port {port}: Address already in use" in host.log


def test_local_settings_reach_the_app(make_host: MakeHost, tmp_path: Path) -> None:
    app = write_app(
        tmp_path / "app",
        HEAD
        + '@app.route(route="setting")\n'
        + 'def setting(req: func.HttpRequest) -> str: return os.environ["ONE"] + os.environ["TWO"] + os.getcwd()\n',
    )
    (app / "local.settings.json").write_text(json.dumps({"Values": {"ONE": "file ", "TWO": "file "}}))
    host = make_host(app, TWO="environment ").start()

    assert host.get("/api/setting").text == f"file environment {app}"


def test_a_version_that_this_app_does_not_run_fails_its_instances(
    make_host: MakeHost, tmp_path: Path
) -> None:
    app = shutil.copytree(APPS / "basic", tmp_path / "app")
    durable = {"defaultVersion": "1.9", "versionFailureStrategy": "Fail"}
    (app / "host.json").write_text(json.dumps({"version": "2.0", "extensions": {"durableTask": durable}}))
    host = make_host(app).start()

    def run(version: str) -> str:
        path = f"/runtime/webhooks/durabletask/orchestrators/not_awaiting?version={version}"
        return str(host.outcome(host.post(path).json()["id"])["output"])

    assert host.run("not_awaiting")["output"] == "None in one turn, version '1.9'"
    assert run("1.8") == "None in one turn, version '1.8'"
    assert run("1.10").startswith("VersionMismatch: ")
