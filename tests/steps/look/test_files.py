"""Pages of a snapshot's files while it runs and after its end, and what they cost."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from adapters.services import Services
from domain import names
from domain.api.answers import Files
from domain.api.problems import ProblemError
from domain.contracts import ListedFile, SnapshotReport
from domain.flow.progress import progress
from domain.results.finished import FinishedFile, to_line
from local.azure_openai import RunningService
from local.azurite import Azurite
from local.fault_proxies import storage as storage_proxy
from steps.look import files
from steps.look.desk import Desk
from steps.look.file import file_details
from steps.look.files import PAGE_FILES, Wanted, files_of_snapshot
from steps.look.snapshots import details, snapshots
from tests.activities.inline_pipeline import InlinePipeline, settings_for
from tests.conftest import Containers
from tests.domain.flow.stories import active, flow_of

SNAPSHOT = "snapshot-20261124T031800.000Z"
MOMENT = datetime(2026, 11, 24, 3, 18, tzinfo=UTC)


class Hub:
    """A task hub that knows one snapshot."""

    def __init__(self) -> None:
        self.status = "Running"
        self.input: Any = None
        self.progress: dict[str, Any] | None = None
        self.report: dict[str, Any] | None = None
        self.asked = 0

    async def get_status(self, instance_id: str, *, show_input: bool = False) -> Any:
        self.asked += 1
        known = {
            SNAPSHOT: (None, self.report),
            names.files_instance_id(SNAPSHOT): (self.progress, None),
        }
        if instance_id not in known:
            return None
        told, output = known[instance_id]
        return SimpleNamespace(
            runtime_status=SimpleNamespace(name=self.status),
            created_time=MOMENT,
            last_updated_time=MOMENT,
            custom_status=told,
            input_=self.input if show_input else None,
            output=output,
        )

    async def terminate(self, instance_id: str, reason: str) -> None:
        raise AssertionError(f"A look ends nothing: {instance_id}, {reason}")


class World:
    """A snapshot of so many files over storage whose calls are counted."""

    def __init__(self, services: Services, proxy: storage_proxy.StorageProxy) -> None:
        self.services, self.proxy, self.hub = services, proxy, Hub()
        self.desk = Desk(services)

    def take(self, number: int) -> None:
        listed = [ListedFile(key=key(n), path=path(n), size=n) for n in range(number)]
        for page, start in enumerate(range(0, number, PAGE_FILES)):
            self.services.work.snapshots.write_page(SNAPSHOT, page, listed[start : start + PAGE_FILES])

    def finish(self, *numbers: int, **more: Any) -> None:
        lines = [
            to_line(
                FinishedFile(key=key(n), path=path(n), state="done", requests=1, outcomes={"ok": 1}, **more)
            )
            for n in numbers
        ]
        for start in range(0, len(lines), 1000):
            self.services.work.finished.add(SNAPSHOT, b"".join(lines[start : start + 1000]))

    def tell(self, *, total: int, done: int, working: list[int]) -> None:
        flow = flow_of(*(active(0, key=key(n)) for n in working), files_total=total)
        flow.totals.done = done
        self.hub.progress = progress(flow)

    def end(self) -> None:
        self.hub.status, self.hub.report = (
            "Completed",
            msgspec.to_builtins(SnapshotReport(snapshot_id=SNAPSHOT)),
        )
        self.services.work.snapshots.write_report(SNAPSHOT, {"snapshot_id": SNAPSHOT})

    def page(self, **wanted: Any) -> Files:
        return asyncio.run(files_of_snapshot(SNAPSHOT, Wanted(**wanted), self.hub, self.desk))

    def all(self, **wanted: Any) -> list[Any]:
        found: list[Any] = []
        after: str | None = None
        for _ in range(1000):
            page = self.page(**wanted, after=after)
            found += page.items
            after = page.next
            if after is None:
                return found
        raise AssertionError("it does not end")


def key(number: int) -> str:
    return f"{number:020x}"


def path(number: int) -> str:
    return f"{'even' if number % 2 == 0 else 'Odd'}/{number:05}.csv"


@pytest.fixture
def world(
    containers: Containers, azurite: Azurite, service: RunningService, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    monkeypatch.setattr("steps.look.finished.FRESH_SECONDS", 0.0)
    with storage_proxy.running(azurite) as proxy:
        settings = msgspec.structs.replace(settings_for(containers, service), data=proxy.connection_string)
        pipeline = InlinePipeline(settings)
        yield World(replace(pipeline.services, clock=MOMENT.timestamp), proxy)
        pipeline.close()


def test_each_file_of_a_running_snapshot_comes_once_in_the_order_of_taking_with_its_state(
    world: World,
) -> None:
    world.take(250)
    world.finish(0, 1, 7)
    world.tell(total=250, done=3, working=[2, 3, *range(100, 140)])  # of 42 the status shows 24
    found = world.all(limit=60)
    assert [entry.key for entry in found] == [key(n) for n in range(250)]
    states = {n: entry.state for n, entry in enumerate(found)}
    assert [states[n] for n in (0, 1, 7)] == ["done"] * 3
    assert (states[2], states[3], states[100]) == ("in_progress",) * 3
    assert (states[44], states[45], states[249]) == ("working", "waiting", "waiting")
    assert [entry.key for entry in world.all(limit=7, state="done")] == [key(n) for n in (0, 1, 7)]
    assert {entry.state for entry in world.all(limit=50, state="waiting")} == {"waiting"}
    assert key(2) in {entry.key for entry in world.all(limit=50, state="working")}
    odd = world.all(limit=50, path="oDD/")
    assert [entry.path for entry in odd] == [path(n) for n in range(1, 250, 2)]


def test_files_that_end_while_one_looks_are_missed_by_none(world: World) -> None:
    world.take(300)
    world.tell(total=300, done=0, working=[])
    seen: list[str | None] = []
    after: str | None = None
    for done in range(0, 300, 30):
        page = world.page(limit=30, after=after)
        seen += [entry.key for entry in page.items]
        after = page.next
        world.finish(*range(done, done + 20), *range(299 - done, 290 - done, -1))
        world.tell(total=300, done=done + 30, working=[])
    assert seen == [key(n) for n in range(300)]


def test_after_its_end_the_files_are_read_from_the_list(world: World) -> None:
    world.take(5)
    world.tell(total=5, done=0, working=[])
    first = world.page(limit=2)
    world.finish(4, 2)
    world.finish(0, error_codes={"content_filter": 1})
    world.end()
    assert [entry.key for entry in world.all(limit=1)] == [key(4), key(2), key(0)]
    assert [entry.key for entry in world.all(limit=1, error_code="content_filter")] == [key(0)]
    assert [entry.key for entry in world.all(limit=1, error_code="*")] == [key(0)]
    with pytest.raises(ProblemError) as refused:
        world.page(limit=2, after=first.next)
    assert (refused.value.problem.status, refused.value.problem.code) == (410, "cursor_over")


@pytest.mark.parametrize("running", [True, False])
def test_a_page_of_a_hundred_among_ten_thousand_is_two_reads(world: World, *, running: bool) -> None:
    world.take(10_000 if running else 0)
    world.finish(*range(0, 10_000, 2 if running else 1))
    world.tell(total=10_000, done=5_000, working=list(range(1, 50, 2)))
    if not running:
        world.end()
    after = ("m" if running else "d") + "5000"
    world.proxy.kinds.clear()
    page = world.page(limit=100, after=after)
    assert len(page.items) == 100
    assert world.proxy.kinds.total() <= 2, world.proxy.kinds
    world.proxy.kinds.clear()
    assert len(world.page(limit=100, after=page.next).items) == 100
    assert world.proxy.kinds.total() <= 2, world.proxy.kinds


def test_a_search_through_a_manifest_stops_early_and_goes_on(world: World) -> None:
    world.take(2_000)
    world.tell(total=2_000, done=0, working=[])
    world.proxy.kinds.clear()
    page = world.page(limit=100, path="01999")
    assert (page.items, page.next) == ([], f"m{files.MOST_PAGE_READS * PAGE_FILES}")
    assert world.proxy.kinds.total() <= files.MOST_PAGE_READS + 1
    assert [entry.path for entry in world.all(limit=100, path="01999")] == [path(1999)]


def test_what_has_ended_is_asked_for_once(world: World) -> None:
    world.finish(1, cost=0.5)
    world.end()
    for _ in range(3):
        told = asyncio.run(details(SNAPSHOT, world.hub, world.desk))
    assert world.hub.asked == 2  # the instance and its child, for one look
    assert (told.cost, told.outcomes) == (0.5, {"ok": 1})


def test_a_snapshot_whose_task_hub_is_gone_is_told_from_its_records(world: World) -> None:
    world.finish(1)
    world.end()

    class Wiped(Hub):
        async def get_status(self, instance_id: str, *, show_input: bool = False) -> Any:
            del instance_id, show_input

    page = asyncio.run(snapshots(Wiped(), world.desk, state=None, limit=20, after=None))
    assert [(found.id, found.status) for found in page.items] == [(SNAPSHOT, "Completed")]


@pytest.mark.parametrize("after", ["x", "d", "d-1", "d1.0", "z5", "m" + "9" * 12, "m\u0661"])
def test_what_is_no_cursor_is_refused(world: World, after: str) -> None:
    world.take(1)
    with pytest.raises(ProblemError, match="after"):
        world.page(after=after)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"snapshot_id": SNAPSHOT, "settled_at": 1.0, "woken_by": "sweep"}, "sweep"),
        (f'{{"snapshot_id": "{SNAPSHOT}", "woken_by": "event"}}', "event"),
        ({"snapshot_id": SNAPSHOT}, ""),  # of an earlier version
        ({"snapshot_id": SNAPSHOT, "woken_by": "comet"}, ""),
        ("nonsense", ""),
        (None, ""),
    ],
)
def test_what_started_a_snapshot_is_told(world: World, given: Any, told: str) -> None:
    world.hub.input = given
    assert asyncio.run(details(SNAPSHOT, world.hub, world.desk)).woken_by == told


def test_the_list_of_a_snapshot_that_has_ended_is_read_once(world: World) -> None:
    world.finish(1, 2)
    world.end()
    asyncio.run(details(SNAPSHOT, world.hub, world.desk))
    world.page()
    world.proxy.kinds.clear()
    for _ in range(5):
        assert len(world.page().items) == 2
        asyncio.run(details(SNAPSHOT, world.hub, world.desk))
    assert world.proxy.kinds.total() == 0


def test_one_file_is_looked_at_for_a_few_calls_and_then_for_its_own_alone(world: World) -> None:
    world.finish(1, 2)
    world.end()
    first = asyncio.run(file_details(key(1), None, world.hub, world.desk))
    world.proxy.kinds.clear()
    assert asyncio.run(file_details(key(1), None, world.hub, world.desk)) == first
    # Its claim, which it has none of; and within a second nothing else.
    assert world.proxy.kinds.total() <= 1, world.proxy.kinds
