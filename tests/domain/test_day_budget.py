"""Which files of a day fit: whoever reads the list, in whatever pieces, comes to the same answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.day_budget import DayBudget, DayLine, to_line

LIMIT = 10.0

lines = st.lists(
    st.builds(
        DayLine,
        key=st.sampled_from("abcdefgh"),
        cost=st.floats(0.001, 12),
        approved=st.sampled_from([False, False, False, True]),
    ),
    max_size=20,
)


@given(lines=lines, cut=st.integers(0, 20))
def test_all_readers_agree_and_what_was_let_through_stays_so(lines: list[DayLine], cut: int) -> None:
    told = [to_line(line) for line in lines]
    whole, in_pieces = DayBudget(LIMIT), DayBudget(LIMIT)
    whole.read(told)
    in_pieces.read(told[:cut])
    before = {line.key for line in lines if in_pieces.lets_through(line.key)}
    in_pieces.read(told[cut:])
    assert in_pieces.spent == whole.spent
    assert all(in_pieces.lets_through(key) for key in before)
    assert [whole.lets_through(k) for k in "abcdefgh"] == [in_pieces.lets_through(k) for k in "abcdefgh"]


@given(lines=lines)
def test_without_a_persons_word_no_more_is_let_through_than_the_budget(lines: list[DayLine]) -> None:
    budget = DayBudget(LIMIT)
    budget.read(to_line(line) for line in lines if not line.approved)
    assert budget.spent <= LIMIT


def test_a_file_counts_once_and_one_that_does_not_fit_takes_nothing_away() -> None:
    budget = DayBudget(LIMIT)
    budget.read(
        [to_line(DayLine(key=key, cost=cost)) for key, cost in (("a", 6), ("a", 6), ("b", 5), ("c", 4))]
    )
    assert (budget.spent, [budget.lets_through(key) for key in "abc"]) == (10.0, [True, False, True])
    budget.read([to_line(DayLine(key="b", cost=5, approved=True))])
    assert (budget.spent, budget.lets_through("b")) == (15.0, True)


@pytest.mark.parametrize("line", [b"", b"nonsense", b"[]", b'{"key": 1, "cost": 2}', b"\xff"])
def test_what_is_no_line_is_passed_over(line: bytes) -> None:
    budget = DayBudget(LIMIT)
    budget.read([line, to_line(DayLine(key="a", cost=1))])
    assert budget.spent == 1.0
