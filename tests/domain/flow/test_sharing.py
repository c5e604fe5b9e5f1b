"""Snapshots that share the limit: never too many together, in whatever order their steps fall, and nobody starves."""

import itertools
import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.contracts import Share, ShareRequest, SnapshotSettings
from domain.flow.sharing import Allowance, Holding, agree, is_stale, places

Agreement: TypeAlias = Generator[Holding | None, list[Holding] | None, Share]

STALE_SECONDS = 3600.0
limits = st.sampled_from([1, 2, 5, 10, 100, 500])


def asking(
    name: str, *, active: int = 0, wanted: int = 0, limit: int = 100, reserve: int = 10
) -> ShareRequest:
    return ShareRequest(
        snapshot_id=name,
        active=active,
        wanted=wanted,
        limit=limit,
        reserve=reserve,
        stale_seconds=STALE_SECONDS,
    )


def note(name: str, held: int, wanted: int = 0, at: float = 0.0) -> Holding:
    return Holding(snapshot_id=name, held=held, wanted=wanted, at=at)


@dataclass
class Snapshot:
    """One that submits whatever it may as soon as it may; `steps` is an agreement under way."""

    name: str
    wanted: int
    active: int = 0
    places: int = 0
    steps: Agreement | None = None
    wish: Holding | None = None
    asked: ShareRequest | None = None

    @property
    def most(self) -> int:
        """The batches it may have alive before it asks again."""
        return max(self.active, self.places) if self.steps is None else self.active


@dataclass
class Crowd:
    limit: int
    reserve: int
    snapshots: list[Snapshot]
    agree: Callable[[ShareRequest, float], Agreement] = agree
    notes: dict[str, Holding] = field(default_factory=dict)
    now: float = 0.0

    def step(self, one: Snapshot) -> None:
        """Let one snapshot do its next thing: one call to storage, or one submission."""
        self.now += 1
        if one.steps is None:
            if one.wanted and one.active < one.places:
                one.active, one.wanted = one.active + 1, one.wanted - 1
                return
            one.asked = asking(
                one.name, active=one.active, wanted=one.wanted, limit=self.limit, reserve=self.reserve
            )
            one.steps = self.agree(one.asked, self.now)
            one.wish = next(one.steps)
            return
        try:
            if one.wish is None:
                one.wish = one.steps.send(list(self.notes.values()))
            else:
                self.notes[one.name] = one.wish
                one.wish = next(one.steps)
        except StopIteration as end:
            one.places, one.steps = end.value.places, None

    def ends(self, one: Snapshot) -> None:
        if one.active and one.steps is None:
            one.active -= 1


# Agreeing is looking, writing, looking again, stepping back, and being told: the rest of the steps are submissions.
STEPS_OF_EACH = 7
ORDERS = list(itertools.combinations(range(2 * STEPS_OF_EACH), STEPS_OF_EACH))


def orders_with_too_many(
    limit: int, agreement: Callable[[ShareRequest, float], Agreement] = agree
) -> list[tuple[int, ...]]:
    """Give the orders of the steps of two, by the places of the first one's, in which they may have too many at once."""
    found = []
    for order in ORDERS:
        both = [Snapshot(name="first", wanted=limit), Snapshot(name="second", wanted=limit)]
        crowd = Crowd(limit=limit, reserve=10, snapshots=both, agree=agreement)
        for place in range(2 * STEPS_OF_EACH):
            crowd.step(both[0] if place in order else both[1])
            if sum(one.most for one in both) > limit:
                found.append(order)
                break
    return found


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_in_no_order_of_their_steps_two_have_more_than_the_limit(limit: int) -> None:
    assert len(ORDERS) == 3432
    assert orders_with_too_many(limit) == []


def does_not_look_again(asking: ShareRequest, now: float) -> Agreement:
    """`agree`, shown the notes of its first look whenever it looks."""
    steps = agree(asking, now)
    wish = next(steps)
    seen = (yield None) or []
    while True:
        try:
            if wish is None:
                wish = steps.send(seen)
            else:
                yield wish
                wish = next(steps)
        except StopIteration as end:
            share: Share = end.value
            return share


def writes_last(asking: ShareRequest, now: float) -> Agreement:
    """`agree`, whose note is written when all is settled."""
    steps, note = agree(asking, now), None
    wish = next(steps)
    while True:
        try:
            if wish is None:
                wish = steps.send((yield None))
            else:
                note, wish = wish, next(steps)
        except StopIteration as end:
            if note:
                yield note
            share: Share = end.value
            return share


@pytest.mark.parametrize("limit", [1, 2, 100])
@pytest.mark.parametrize("broken", [does_not_look_again, writes_last])
def test_an_agreement_that_lacks_a_step_is_found_by_the_same_orders(
    broken: Callable[[ShareRequest, float], Agreement], limit: int
) -> None:
    assert orders_with_too_many(limit, broken)


@st.composite
def crowds(draw: st.DrawFn) -> Crowd:
    wishes = draw(st.lists(st.integers(0, 30), min_size=1, max_size=4))
    snapshots = [Snapshot(name=f"snapshot-{n}", wanted=wanted) for n, wanted in enumerate(wishes)]
    return Crowd(limit=draw(limits), reserve=draw(st.sampled_from([1, 10])), snapshots=snapshots)


@given(crowd=crowds(), course=st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=400))
def test_together_they_never_have_more_than_the_limit_in_whatever_order_their_steps_fall(
    crowd: Crowd, course: list[tuple[int, bool]]
) -> None:
    for number, ends in course:
        one = crowd.snapshots[number % len(crowd.snapshots)]
        crowd.step(one)
        if ends and number == 0:
            crowd.ends(one)
        assert sum(other.active for other in crowd.snapshots) <= crowd.limit


@given(crowd=crowds(), dice=st.randoms(use_true_random=False))
def test_all_wishes_are_fulfilled_as_batches_end(crowd: Crowd, dice: random.Random) -> None:
    for _ in range(20_000):
        if not any(one.wanted for one in crowd.snapshots):
            return
        one = dice.choice(crowd.snapshots)
        crowd.step(one)
        if dice.random() < 0.2:
            crowd.ends(one)
    raise AssertionError([(one.name, one.wanted, one.places) for one in crowd.snapshots])


def test_one_alone_leaves_room_for_a_newcomer_who_can_begin_at_once() -> None:
    early = places(asking("early", wanted=10_000), [])
    assert early == 90
    assert places(asking("late", wanted=3), [note("early", early, 9_910)]) == 3
    assert places(asking("late", wanted=50), [note("early", early, 9_910)]) == 10


def test_who_has_more_than_an_equal_share_refills_no_place_until_it_is_equal() -> None:
    late = note("late", 10, 90)
    for active in (90, 60, 45):
        assert places(asking("early", active=active, wanted=1000), [late]) == active
    assert places(asking("early", active=40, wanted=1000), [late]) == 45
    assert places(asking("late", active=10, wanted=90), [note("early", 60, 900)]) == 40


def test_what_others_do_not_want_is_anybodys() -> None:
    assert places(asking("large", wanted=1000), [note("small", 2), note("other", 3, 1)]) == 90 - 2 - 4


def test_equal_shares_are_whole_and_one_at_least() -> None:
    assert places(asking("fourth", wanted=100), [note(name, 22, 50) for name in "abc"]) == 90 - 3 * 22
    assert places(asking("fifth", wanted=5, limit=2), [note(name, 0, 1) for name in "abcd"]) == 1


def test_a_limit_of_one_is_one() -> None:
    assert places(asking("first", wanted=5, limit=1), []) == 1
    assert places(asking("second", wanted=5, limit=1), [note("first", 1, 4)]) == 0
    assert places(asking("second", wanted=5, limit=1), [note("first", 0)]) == 1


def test_the_dead_hold_nothing() -> None:
    told, now = asking("alive", wanted=100), 10_000.0
    dead = note("dead", 90, at=now - STALE_SECONDS - 1)
    steps = agree(told, now)
    assert next(steps) is None
    written = steps.send([dead])
    assert written == note("alive", 90, 10, at=now)
    assert is_stale(dead, told, now)
    assert not is_stale(note("silent", 90, at=now - STALE_SECONDS), told, now)


def agreed(told: ShareRequest, now: float, *looks: list[Holding]) -> tuple[list[Holding], int]:
    """Give the notes that are written, and the places agreed on, when it finds `looks` one after the other."""
    steps, shown, written = agree(told, now), iter(looks), []
    wish = next(steps)
    while True:
        try:
            if wish is None:
                wish = steps.send(next(shown))
            else:
                written.append(wish)
                wish = next(steps)
        except StopIteration as end:
            return written, end.value.places


def test_one_alone_takes_its_places_at_once_and_says_what_it_would_like_besides() -> None:
    mine = note("alone", 90, 60, at=1000.0)
    assert agreed(asking("alone", active=50, wanted=100), 1000.0, [], [mine]) == ([mine], 90)


def test_one_that_finds_another_s_note_beside_its_own_says_that_it_steps_back() -> None:
    mine, other = note("late", 1, 4, at=1000.0), note("early", 1, at=999.0)
    written, had = agreed(asking("late", wanted=5, limit=1), 1000.0, [], [mine, other])
    assert (written, had) == ([mine, note("late", 0, 5, at=1000.0)], 0)


def test_nothing_is_written_twice_while_nothing_changes() -> None:
    steps = agree(asking("alone", active=5), 1000.0)
    assert next(steps) is None
    with pytest.raises(StopIteration) as end:
        steps.send([note("alone", 5, 0, at=900.0)])
    assert end.value.value == Share(places=5)


@pytest.mark.parametrize(
    "said",
    [
        note("alone", 4, 1, at=999.0),
        note("alone", 5, 1, at=999.0),
        note("other", 5, 0, at=999.0),
        note("alone", 5, 0, at=1000.0 - STALE_SECONDS / 3),
    ],
)
def test_what_has_changed_or_is_old_is_written(said: Holding) -> None:
    assert agreed(asking("alone", active=5), 1000.0, [said]) == ([note("alone", 5, 0, at=1000.0)], 5)


def test_a_snapshot_without_room_looks_less_and_less_often() -> None:
    told, now, waits = Allowance(), 0.0, []
    for _ in range(12):
        told.agreed(0, now, SnapshotSettings(poll_min_seconds=60, poll_max_seconds=900))
        waits.append(told.next_at - now)
        now = told.next_at
    assert waits == sorted(waits)
    assert waits[-1] == 900
    told.agreed(3, now, SnapshotSettings(poll_min_seconds=60, poll_max_seconds=900))
    assert told.next_at - now == 60


def test_an_agreement_ends_a_row_of_failed_ones() -> None:
    told = Allowance(tries=3)
    told.agreed(2, 1000.0, SnapshotSettings(poll_min_seconds=60, poll_max_seconds=900))
    assert (told.places, told.looked_at, told.tries) == (2, 1000.0, 0)
