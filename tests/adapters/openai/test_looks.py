"""How often the service is looked at for many snapshots, and how old the news of each may be."""

import heapq
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.openai.looks import Looks
from domain.contracts import SnapshotSettings
from domain.errors import PassingError
from domain.flow.pacing import PollClock
from domain.service.batch_states import BatchView
from domain.settings import Settings
from steps.intake.take import snapshot_settings

SETTINGS: SnapshotSettings = snapshot_settings(
    Settings.from_env(
        {"AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com", "DATA": "UseDevelopmentStorage=true"}
    )
)


class World:
    """Batches that end at their time, on a clock that the test sets; counts the calls. Its list has pages of a hundred."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0
        self.ends_at: dict[str, float] = {}
        self.calls = 0
        self.failing: PassingError | None = None
        self.hold: threading.Event | None = None

    def clock(self) -> float:
        return self.now

    def view(self, batch_id: str) -> BatchView:
        # `created_at` is the time of the look, so that a test sees how old news are.
        ended = self.now >= self.ends_at[batch_id]
        return BatchView(
            batch_id=batch_id, status="completed" if ended else "in_progress", created_at=self.now
        )

    def batch(self, batch_id: str) -> BatchView:
        self.calls += 1
        return self.view(batch_id)

    def batches(self, *, pages: int) -> Iterator[BatchView]:
        for number, batch_id in enumerate(reversed(self.ends_at)):
            if number == 100 * pages:
                return
            if number % 100 == 0:
                self.calls += 1
                if self.hold:
                    self.hold.wait(10)
                if self.failing:
                    raise self.failing
            yield self.view(batch_id)


def look(looks: Looks, world: Any, wanted: set[str], max_age: float = 0.0) -> dict[str, BatchView]:
    found = looks.listed(wanted, max_age, world)
    return found | {batch_id: looks.directly(batch_id, world) for batch_id in wanted - found.keys()}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def looks(world: World) -> Looks:
    return Looks(world.clock)


@pytest.mark.parametrize(
    ("apart", "most"), [(0.0, 150), (20.0, 150), (60.0, 170)], ids=["sharp", "about", "any time"]
)
def test_a_file_a_minute_costs_about_a_look_a_minute(
    world: World, looks: Looks, apart: float, most: int
) -> None:
    """120 files, one a minute, each a snapshot and a batch of 100 minutes: each alone looked 13 times.

    Of these looks 120 are those of the submissions, which look for a batch of theirs first; the polls share them. As it is in life: timers are early, turns take their time, and files come so many seconds `apart` from the full minute.
    """
    start, dice = world.now, random.Random(7)
    due = sorted((start + 60.0 * number + apart * dice.random(), number) for number in range(120))
    clocks = [PollClock() for _ in due]
    late = []
    while due:
        world.now, number = heapq.heappop(due)
        batch_id, clock = f"b{number}", clocks[number]
        if batch_id not in world.ends_at:
            # A snapshot reads the list before it makes a batch, once.
            looks.saw(list(world.batches(pages=1)), world.now)
            world.ends_at[batch_id] = world.now + 6000.0
            others_look = looks.expect(batch_id, SETTINGS.poll_min_seconds)
            assert others_look == (number > 0)
            clock.after_submission(world.now, SETTINGS, others_look=others_look)
        else:
            max_age = clock.max_age(SETTINGS)
            view = look(looks, world, {batch_id}, max_age)[batch_id]
            assert view.created_at is not None
            assert world.now - view.created_at <= max_age
            if view.ended:
                late.append(world.now - world.ends_at[batch_id])
                continue
            clock.after_poll(world.now, SETTINGS, progress=False)
        fires_at = world.now + int(clock.next_at - world.now)
        heapq.heappush(due, (fires_at + dice.random(), number))
    assert world.calls <= most
    # An end that is seen by another one's look, and no sooner, is one that comes between that and the own next one.
    assert max(late) <= 1.5 * SETTINGS.poll_max_seconds


def test_it_is_told_whether_others_are_waited_for(world: World, looks: Looks) -> None:
    assert not looks.expect("one", 60.0)
    assert not looks.expect("one", 60.0)
    assert looks.expect("other", 60.0)
    world.now += 1000.0
    # Both are on another host by now, or were looked at alone.
    assert not looks.expect("third", 60.0)


def test_what_another_look_has_shown_counts_as_a_look_where_it_is_newer(world: World, looks: Looks) -> None:
    world.ends_at = {"one": world.now + 50.0, "other": world.now + 1e4}
    older = list(world.batches(pages=1))
    look(looks, world, {"one", "other"}, 0.0)
    world.calls = 0
    begun = world.now
    world.now += 60.0
    newer = list(world.batches(pages=1))
    looks.saw(newer, world.now)
    looks.saw(older, begun)
    assert look(looks, world, {"one"}, 30.0)["one"].ended
    assert world.calls == 1  # that of the other look


def test_a_batch_that_was_just_made_is_seen_by_the_look_for_another(world: World, looks: Looks) -> None:
    world.ends_at = {"older": world.now + 1e4, "newest": world.now + 1e4}
    looks.expect("newest", 60.0)
    look(looks, world, {"older"}, 0.0)
    world.now += 60.0
    assert look(looks, world, {"newest"}, 60.0).keys() == {"newest"}
    assert world.calls == 1


def test_one_that_nobody_asks_for_is_not_expected_for_ever(world: World, looks: Looks) -> None:
    world.ends_at = {"lost": world.now + 1e9, "other": world.now + 1e9}
    looks.expect("lost", 60.0)
    world.now += 1000.0
    look(looks, world, {"other"}, 0.0)
    assert looks._awaited.keys() == {"other"}


def test_a_hundred_snapshots_share_one_page(world: World, looks: Looks) -> None:
    world.ends_at = {f"b{number}": world.now + 1e4 for number in range(100)}
    for batch_id in world.ends_at:
        look(looks, world, {batch_id}, 10.0)
    world.calls = 0
    world.now += 20.0
    for batch_id in world.ends_at:
        look(looks, world, {batch_id}, 10.0)
    assert world.calls == 1


def test_those_who_ask_during_a_look_share_its_failure_and_the_next_one_looks_again(
    world: World, looks: Looks
) -> None:
    world.ends_at = {f"b{number}": world.now + 1e4 for number in range(8)}
    world.failing, world.hold = PassingError("The service is away."), threading.Event()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(look, looks, world, set(world.ends_at)) for _ in range(8)]
        world.hold.set()
        assert all(isinstance(answer.exception(), PassingError) for answer in asked)
    world.failing, world.calls = None, 0
    world.now += 0.001
    assert look(looks, world, set(world.ends_at)).keys() == world.ends_at.keys()
    assert world.calls == 1


def test_what_is_not_asked_for_any_more_widens_no_look(world: World, looks: Looks) -> None:
    world.ends_at = {f"b{number}": world.now + 1e9 for number in range(1000)}
    look(looks, world, set(world.ends_at), 30.0)
    world.now += 1000.0
    world.calls = 0
    look(looks, world, {"b999", "b998"}, 30.0)
    assert world.calls == 1


def test_a_clock_that_is_set_back_makes_nothing_young(world: World, looks: Looks) -> None:
    world.ends_at = {"b0": world.now + 1e9, "b1": world.now + 1e9}
    look(looks, world, {"b0", "b1"}, 60.0)
    world.now -= 3600.0
    look(looks, world, {"b0", "b1"}, 60.0)
    assert world.calls == 2


steps = st.lists(
    st.tuples(
        st.sets(st.integers(0, 249), min_size=1, max_size=30),  # whose news are asked for
        st.sampled_from([0.0, 1.0, 30.0, 450.0]),  # how old they may be
        st.floats(0, 500),  # what passes before
    ),
    max_size=25,
)


@given(steps=steps, lives=st.lists(st.floats(1, 3000), min_size=250, max_size=250))
def test_each_gets_all_it_asks_for_and_nothing_older_than_it_allows(
    steps: list[tuple[set[int], float, float]], lives: list[float]
) -> None:
    world = World()
    looks = Looks(world.clock)
    world.ends_at = {f"b{number}": world.now + life for number, life in enumerate(lives)}
    for numbers, max_age, passes in steps:
        world.now += passes
        wanted = {f"b{number}" for number in numbers}
        found = look(looks, world, wanted, max_age)
        assert found.keys() == wanted
        for batch_id, view in found.items():
            assert view.created_at is not None
            assert world.now - max_age <= view.created_at
            assert view.ended == (view.created_at >= world.ends_at[batch_id])
