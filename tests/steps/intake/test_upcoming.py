"""For what a snapshot is about to take no other one is started, unless it does not take it."""

from hypothesis import given
from hypothesis import strategies as st

from steps.intake.upcoming import INEXACT_SECONDS, PATIENCE_SECONDS, Upcoming

SETTLED = 1_790_000_000.0
ONE = "snapshot-one"


def announced() -> Upcoming:
    found = Upcoming()
    found.announce(ONE, SETTLED, SETTLED - 30.0)
    return found


def test_until_it_looks_it_takes_whatever_is_there() -> None:
    upcoming = announced()
    assert upcoming.will_look(SETTLED - 1)
    assert upcoming.takes(SETTLED - 1, SETTLED - 1)
    assert not upcoming.will_look(SETTLED)


def test_afterwards_it_takes_what_was_there_before_it_looked() -> None:
    upcoming = announced()
    assert upcoming.takes(SETTLED - INEXACT_SECONDS, SETTLED + 10)
    assert not upcoming.takes(SETTLED, SETTLED + 10)
    # It has waited for its turn meanwhile.
    upcoming.looks(ONE, SETTLED + 20)
    assert upcoming.takes(SETTLED, SETTLED + 21)
    assert not upcoming.takes(SETTLED + 20, SETTLED + 21)


def test_what_it_has_left_is_for_others() -> None:
    upcoming = announced()
    upcoming.looks(ONE, SETTLED + 1)
    upcoming.has_taken(ONE, SETTLED + 3)
    assert not upcoming.will_look(SETTLED + 3)
    assert not upcoming.takes(SETTLED - 10, SETTLED + 3)
    # What was seen before it had taken it is taken now, but for what came too late for it.
    assert upcoming.takes(SETTLED - 10, SETTLED + 2)
    assert not upcoming.takes(SETTLED + 2, SETTLED + 2)


def test_one_that_has_taken_sooner_than_was_announced_looks_no_more() -> None:
    upcoming = announced()
    upcoming.has_taken(ONE, SETTLED - 5)
    assert not upcoming.will_look(SETTLED - 4)
    assert not upcoming.takes(SETTLED - 10, SETTLED - 4)


def test_one_that_does_not_take_is_not_waited_for_for_ever() -> None:
    upcoming = announced()
    assert not upcoming.takes(SETTLED - 10, SETTLED + PATIENCE_SECONDS)
    upcoming.looks(ONE, SETTLED + 50)
    assert not upcoming.takes(SETTLED - 10, SETTLED + PATIENCE_SECONDS)


def test_what_others_have_started_is_not_known() -> None:
    upcoming = Upcoming()
    upcoming.looks(ONE, SETTLED)
    upcoming.has_taken(ONE, SETTLED)
    assert not upcoming.takes(SETTLED - 10, SETTLED - 5)


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=20))
def test_those_whose_time_is_over_are_forgotten(starts: list[float]) -> None:
    upcoming, now = Upcoming(), SETTLED
    for number, later in enumerate(starts):
        now += later
        upcoming.announce(f"snapshot-{number}", now + 30, now)
        assert len(upcoming._snapshots) <= sum(now - at < 150 + 1e-3 for at in _moments(starts[: number + 1]))


def _moments(gaps: list[float]) -> list[float]:
    moments, now = [], SETTLED
    for gap in gaps:
        now += gap
        moments.append(now)
    return moments
