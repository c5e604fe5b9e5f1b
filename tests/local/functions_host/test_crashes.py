"""A host that is killed at any moment loses nothing, and its successor goes on by itself."""

import random
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

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


@pytest.fixture(scope="module")
def survivor(make_host: MakeHost) -> RunningHost:
    """A host that was killed with an event just accepted and a timer just set, and started again."""
    host = make_host("basic").start()
    host.begin("two_steps", instance_id="asked")
    host.begin("sleep", 1300, instance_id="sleeper")
    host.wait_for(lambda: "TimerCreated" in host.event_types("sleeper"))
    host.raise_event("asked", "first", 1)
    host.raise_event("asked", "second", 2)
    host.kill()
    return host.start()


def test_an_event_that_was_accepted_survives_a_kill(survivor: RunningHost) -> None:
    assert survivor.outcome("asked")["output"] == [1, 2]


def test_a_timer_fires_although_the_host_that_set_it_is_gone(survivor: RunningHost) -> None:
    assert survivor.outcome("sleeper")["output"] >= 0.3


def test_a_second_host_on_the_same_state_is_refused(make_host: MakeHost, survivor: RunningHost) -> None:
    second = make_host("basic")
    second.state = survivor.state
    second.launch()

    assert second.process.wait() == 1
    assert "another host is using it" in second.log
    assert survivor.get("/admin/host/status").json()["state"] == "Running"


@pytest.fixture(scope="module")
def changed(make_host: MakeHost, tmp_path_factory: pytest.TempPathFactory) -> RunningHost:
    """A host whose orchestrators were edited while their instances were waiting."""
    app = shutil.copytree(APPS / "basic", tmp_path_factory.mktemp("changed") / "app")
    host = make_host(app).start()
    host.begin("collector", [], instance_id="untouched")
    host.begin("approval", instance_id="edited")
    host.begin("two_steps", instance_id="renamed")
    for instance_id in ("untouched", "edited", "renamed"):
        host.wait_for(lambda instance_id=instance_id: host.event_types(instance_id))  # type: ignore[misc]
    host.kill()
    code = (app / "function_app.py").read_text()
    for old, new in (
        ("    deadline = context", '    yield context.call_activity("square", 1)\n    deadline = context'),
        ("def two_steps(", "def three_steps("),
    ):
        assert code.count(old) == 1
        code = code.replace(old, new)
    (app / "function_app.py").write_text(code)
    return host.start()


def test_an_orchestrator_that_was_changed_in_flight_fails_loudly(changed: RunningHost) -> None:
    changed.raise_event("edited", "approved", 1)
    output = changed.outcome("edited")["output"]

    assert "Non-Deterministic workflow detected: decision 0 of this execution was a timer" in output
    assert "now decides for an activity square" in output


def test_an_orchestrator_that_is_gone_fails_its_instances(changed: RunningHost) -> None:
    changed.raise_event("renamed", "first", 1)

    assert "The function 'two_steps' doesn't exist" in changed.outcome("renamed")["output"]


def test_an_orchestrator_that_was_left_alone_goes_on(changed: RunningHost) -> None:
    changed.raise_event("untouched", "item", "a")

    changed.wait_for(lambda: (changed.instance("untouched") or {})["input"] == '["a"]')
