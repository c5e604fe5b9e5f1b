"""A host that is killed at any moment loses nothing, and its successor goes on by itself."""

import random
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest
import requests

from tests.local.functions_host.conftest import APPS, MakeHost
from tests.local.functions_host.running_host import MANAGEMENT, RunningHost

KILLS = 10
PIPELINES = 30


@pytest.fixture
def record(tmp_path: Path) -> Path:
    path = tmp_path / "record.txt"
    path.touch()
    return path


def start_some(host: RunningHost, waiting: list[str], count: int) -> None:
    """Start orchestrations; one whose answer got lost in a kill may be there, and is started again otherwise."""
    for instance_id in waiting[:count]:
        name, number = instance_id.split("-")
        if host.instance(instance_id) is None:
            host.begin(name, int(number), instance_id=instance_id)
        waiting.remove(instance_id)


def test_nothing_is_lost_by_kills_at_random_moments(make_host: MakeHost, record: Path) -> None:
    host = make_host("durable", RECORD=str(record))
    pipelines = [f"pipeline-{number}" for number in range(PIPELINES)]
    waiting = list(pipelines)
    dice = random.Random(20261124)
    kills = 0
    while kills < KILLS:
        host.start()
        patience = time.monotonic() + dice.uniform(0.02, 0.4)
        start_some(host, waiting, PIPELINES // KILLS + 1)
        while time.monotonic() < patience:  # the kill falls into whatever the host is doing then
            host.get("/admin/host/status")
        host.kill()
        kills += 1
    host.start()
    start_some(host, waiting, PIPELINES)

    for number, instance_id in enumerate(pipelines):
        assert host.outcome(instance_id)["output"] == [8 * number + 12, 12]
    notes = Counter(record.read_text().splitlines())
    assert {note for note in notes if note.startswith(("begin", "end"))} == {
        f"{what} {instance_id}" for what in ("begin", "end") for instance_id in pipelines
    }
    listed = host.get(f"{MANAGEMENT}/instances/?top=1000").json()
    assert Counter(status["runtimeStatus"] for status in listed) == {"Completed": 2 * PIPELINES}


def test_an_event_that_was_accepted_survives_a_kill(make_host: MakeHost, record: Path) -> None:
    host = make_host("durable", RECORD=str(record)).start()
    host.begin("approval", instance_id="asked")
    for number in range(2):
        host.raise_event("asked", ["first", "second"][number], number)
        host.kill()
        host.start()

    assert host.outcome("asked")["output"] == [0, 1]


def test_a_timer_that_came_due_without_a_host_fires_at_the_next_start(make_host: MakeHost) -> None:
    host = make_host("basic").start()
    host.begin("sleep", 300, instance_id="sleeper")
    host.wait_for(lambda: "TimerCreated" in host.event_types("sleeper"))
    host.kill()
    host.start()

    assert host.outcome("sleeper")["output"] >= 0.3


def test_an_orchestrator_that_was_changed_in_flight_fails_loudly(make_host: MakeHost, tmp_path: Path) -> None:
    app = shutil.copytree(APPS / "basic", tmp_path / "app")
    host = make_host(app).start()
    host.begin("two_steps", instance_id="in-flight")
    host.begin("approval", instance_id="timer-in-flight")
    host.raise_event("in-flight", "first", 1)
    host.wait_for(lambda: "TimerCreated" in host.event_types("timer-in-flight"))
    host.kill()
    code = (app / "function_app.py").read_text()
    assert code.count("deadline = context.create_timer(") == 1
    (app / "function_app.py").write_text(
        code.replace(
            "deadline = context.create_timer(",
            'yield context.call_activity("square", 1)\n    deadline = context.create_timer(',
        )
    )
    host.start()
    host.raise_event("timer-in-flight", "approved", 1)
    host.raise_event("in-flight", "second", 2)

    assert host.outcome("in-flight")["output"] == [1, 2]
    output = host.outcome("timer-in-flight")["output"]
    assert "Non-Deterministic workflow detected: decision 0 of this execution was a timer" in output
    assert "now decides for an activity square" in output


def test_an_orchestrator_that_is_gone_fails_its_instances(make_host: MakeHost, tmp_path: Path) -> None:
    app = shutil.copytree(APPS / "basic", tmp_path / "app")
    host = make_host(app).start()
    host.begin("two_steps", instance_id="orphan")
    host.wait_for(lambda: host.event_types("orphan"))
    host.kill()
    code = (app / "function_app.py").read_text()
    (app / "function_app.py").write_text(code.replace("def two_steps(", "def three_steps("))
    host.start()
    host.raise_event("orphan", "first", 1)

    assert "there is no orchestrator function named 'two_steps'" in host.outcome("orphan")["output"]


def test_a_second_host_on_the_same_state_is_refused(make_host: MakeHost) -> None:
    first = make_host("basic").start()
    second = make_host("basic")
    second.state = first.state
    second.launch()

    assert second.process.wait() == 1
    assert "another host is using it" in second.log
    assert requests.get(f"{first.origin}/admin/host/status", timeout=10).json()["state"] == "Running"
