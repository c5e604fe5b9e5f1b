"""Which events are news."""

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from adapters.services import Services
from domain import names
from domain.contracts import SnapshotRequest
from domain.errors import PassingError
from local.functions_host.client_binding import client_binding
from steps.intake import arrival
from steps.intake.arrival import brings_something
from steps.intake.upcoming import Upcoming
from tests.activities.conftest import MakePipeline
from tests.activities.inline_pipeline import InlinePipeline
from tests.activities.request_files import requests
from triggers import blob_arrived, sweep

PATH = "x/a.jsonl"
NO_TASK_HUB = client_binding("http://127.0.0.1:9", "Hub")


@pytest.fixture
def pipeline(make_pipeline: MakePipeline) -> InlinePipeline:
    return make_pipeline()


@pytest.fixture
def upcoming(monkeypatch: pytest.MonkeyPatch) -> Upcoming:
    """What the process knows of its snapshots: nothing yet."""
    found = Upcoming()
    for module in (arrival, sweep, blob_arrived):
        monkeypatch.setattr(module, "upcoming", found)
    return found


def dropped(pipeline: InlinePipeline) -> None:
    pipeline.drop(PATH, requests(["one"]))


def taken(pipeline: InlinePipeline) -> None:
    dropped(pipeline)
    pipeline.begin()


def finished(pipeline: InlinePipeline) -> None:
    dropped(pipeline)
    pipeline.run()


def dropped_again(pipeline: InlinePipeline) -> None:
    taken(pipeline)
    pipeline.drop(PATH, requests(["another"]))


def spec(name: str) -> Callable[[InlinePipeline], None]:
    return lambda pipeline: pipeline.drop(name, b"prompt: x")


@pytest.mark.parametrize(
    ("path", "before", "is_news"),
    [
        (PATH, dropped, True),
        (PATH, taken, False),
        (PATH, finished, False),
        (PATH, dropped_again, True),
        ("x/_batch.yaml", spec("x/_batch.yaml"), True),
        ("x/batch.yaml", spec("x/batch.yaml"), True),
        ("x/", lambda pipeline: pipeline.drop("x/", b""), False),
        ("x/b.jsonl", lambda _: None, False),
    ],
)
def test_what_is_claimed_or_gone_or_no_input_is_no_news(
    pipeline: InlinePipeline, path: str, before: Callable[[InlinePipeline], None], is_news: bool
) -> None:
    before(pipeline)
    assert brings_something(path, pipeline.services) is is_news


def test_what_a_snapshot_is_about_to_take_is_no_news_until_it_has_left_it(
    pipeline: InlinePipeline, upcoming: Upcoming
) -> None:
    dropped(pipeline)
    now = pipeline.services.clock()
    upcoming.announce("snapshot-one", now + 30.0, now)
    assert not brings_something(PATH, pipeline.services)
    upcoming.has_taken("snapshot-one", now)
    assert brings_something(PATH, pipeline.services)


@pytest.mark.parametrize("claimed", [False, True])
def test_a_sweep_leaves_to_a_snapshot_what_it_is_about_to_take(
    pipeline: InlinePipeline, upcoming: Upcoming, monkeypatch: pytest.MonkeyPatch, claimed: bool
) -> None:
    """Except for what needs another one: a file that a dead snapshot has claimed."""
    asked: list[str] = []

    async def start(_client: Any, request: SnapshotRequest) -> bool:
        asked.append(request.woken_by)
        return True

    async def is_alive(_snapshot_id: str) -> bool:
        return False

    monkeypatch.setattr(sweep, "start_snapshot", start)
    monkeypatch.setattr(sweep, "alive_in", lambda *_: is_alive)
    monkeypatch.setattr(sweep, "services", lambda: pipeline.services)
    function = sweep.sweep._function.get_user_function()

    def swept() -> int:
        context = SimpleNamespace(invocation_id="id", thread_local_storage=SimpleNamespace())
        asyncio.run(function(timer=None, client=NO_TASK_HUB, context=context))
        return len(asked)

    if claimed:
        taken(pipeline)
    else:
        dropped(pipeline)
    now = pipeline.services.clock()
    upcoming.announce("snapshot-one", now + 30.0, now)
    assert swept() == claimed
    upcoming.has_taken("snapshot-one", now)
    assert swept() == claimed + 1


class Window:
    """Events of one window, as the trigger gets them."""

    def __init__(self) -> None:
        self.looks: list[str] = []
        self.asked: list[str] = []
        self.verdict: Callable[[str], bool] = lambda _: True

    def brings_something(self, name: str, services: Services) -> bool:
        del services
        self.looks.append(name)
        return self.verdict(name)

    async def start(self, client: Any, request: SnapshotRequest) -> bool:
        del client
        self.asked.append(request.snapshot_id)
        return False

    def arrive(self, *files: str) -> None:
        function = blob_arrived.blob_arrived._function.get_user_function()
        for name in files:
            told = SimpleNamespace(blob_name=name, more="x" * 1000)
            context = SimpleNamespace(invocation_id="id", thread_local_storage=SimpleNamespace())
            asyncio.run(function(arrived=told, client=NO_TASK_HUB, context=context))
            assert vars(told) == {"blob_name": name}


@pytest.fixture
def window(pipeline: InlinePipeline, monkeypatch: pytest.MonkeyPatch) -> Iterator[Window]:
    found = Window()
    start = datetime(2026, 11, 28, tzinfo=UTC)
    monkeypatch.setattr(names, "window_start", lambda *_: start)
    monkeypatch.setattr(blob_arrived, "services", lambda: pipeline.services)
    monkeypatch.setattr(blob_arrived, "start_snapshot", found.start)
    monkeypatch.setattr(blob_arrived, "brings_something", found.brings_something)
    blob_arrived._looks.clear()
    yield found
    blob_arrived._looks.clear()


def test_events_without_news_start_nothing(window: Window) -> None:
    window.verdict = lambda name: name == "new"
    window.arrive("old", "old", "new")
    assert len(window.asked) == 1
    assert window.looks == ["old", "old", "new"]


def test_no_file_is_looked_at_while_a_snapshot_is_about_to_look(window: Window, upcoming: Upcoming) -> None:
    now = time.time()
    upcoming.announce("snapshot-one", now + 30.0, now)
    window.arrive("new")
    assert not window.looks
    assert not window.asked


def test_a_flood_of_late_events_starts_a_snapshot_instead_of_a_look_for_each(window: Window) -> None:
    window.verdict = lambda _: False
    window.arrive(*map(str, range(blob_arrived.MOST_LOOKS + 3)))
    assert len(window.looks) == blob_arrived.MOST_LOOKS
    assert len(window.asked) == 3


def test_what_could_not_be_looked_at_is_the_affair_of_its_snapshot(window: Window) -> None:
    def fails(_: str) -> bool:
        raise PassingError("Storage is away.")

    window.verdict = fails
    window.arrive("new")
    assert len(window.asked) == 1
    assert window.looks == ["new"]
