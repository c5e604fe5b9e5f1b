"""The range in which something is expected to end: honest, or not there."""

from hypothesis import given
from hypothesis import strategies as st

from domain.expected_end import at_work_of, expected_end

SECONDS = st.floats(1, 100_000)
DURATIONS = st.lists(SECONDS, min_size=1, max_size=40)
BEGUN = st.lists(SECONDS, min_size=1, max_size=8)


def pairs(begun: list[float]) -> list[tuple[float, float]]:
    return [(start, start) for start in begun]


@given(DURATIONS, BEGUN, st.integers(0, 100), SECONDS)
def test_it_is_a_range_that_lies_after_every_beginning(
    durations: list[float], begun: list[float], waiting: int, now: float
) -> None:
    found = expected_end(durations, pairs(begun), waiting, now=now)
    if any(now > start + max(durations) for start in begun):
        assert found is None
    else:
        assert found
        assert max(begun) < found[0] <= found[1]
        assert found[1] >= now


@given(DURATIONS, BEGUN, st.integers(0, 100))
def test_what_waits_makes_it_later_and_news_alone_change_it(
    durations: list[float], begun: list[float], waiting: int
) -> None:
    now = max(begun)
    durations = [duration + now - min(begun) for duration in durations]
    found, more = (
        expected_end(durations, pairs(begun), count, now=now) for count in (waiting, waiting + len(begun))
    )
    assert found
    assert more
    assert found[0] < more[0]
    assert found[1] < more[1]
    # A moment before, when no more was known, nothing else was said.
    assert expected_end(durations, pairs(begun), waiting, now=now - 0.5) == found


@given(st.integers(1, 40), SECONDS, BEGUN)
def test_where_all_took_as_long_it_is_a_moment(count: int, duration: float, begun: list[float]) -> None:
    found = expected_end([duration] * count, pairs(begun), 0, now=min(begun))
    assert found == (max(begun) + duration, max(begun) + duration)


def test_nothing_is_said_on_a_guess() -> None:
    assert expected_end([], [(0, 0)], 3, now=1) is None
    assert expected_end([5], [], 3, now=1) is None
    assert expected_end([5, 7], [(0, 0)], 0, now=7.5) is None


def test_one_odd_piece_among_many_is_not_what_is_expected() -> None:
    assert expected_end([*[60.0] * 30, 9000.0], [(0, 0)], 0, now=0) == (60, 60)
    # It may be as odd.
    assert expected_end([*[60.0] * 30, 9000.0], [(0, 0)], 0, now=100) == (60, 9000)


@given(st.lists(st.tuples(SECONDS, SECONDS), max_size=20), st.integers(0, 5), SECONDS)
def test_what_is_at_work_began_when_there_was_room(
    told: list[tuple[float, float]], working: int, since: float
) -> None:
    spans = [(since + start, since + start + length) for start, length in told]
    found = at_work_of(spans, working, since)
    assert len(found) == (working if spans else 0)
    for not_before, not_after in found:
        assert since <= not_before <= not_after
        assert not_after == max(end for _, end in spans)
