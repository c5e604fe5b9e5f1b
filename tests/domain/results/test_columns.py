"""Columns of results never share a name."""

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from domain.results.columns import FIRST, LAST, result_columns
from domain.service.endpoints import Task

NAMES = st.sampled_from(
    ["file", "row", "chat", "usage", "title", "chat_row", "input_file", "label", "chat_title"]
)


def test_names_that_are_free_stay_as_they_are() -> None:
    columns = result_columns("chat", ["label"], ["title"])
    assert (columns.answered, columns.carried) == ({"label": "label"}, {"title": "title"})


def test_names_that_are_taken_get_their_origin_in_front() -> None:
    columns = result_columns("chat", ["row", "title"], ["file", "title"])
    assert columns.answered == {"row": "chat_row", "title": "title"}
    assert columns.carried == {"file": "input_file", "title": "input_title"}


@given(st.lists(NAMES), st.lists(NAMES), st.sampled_from(get_args(Task)))
def test_no_two_columns_ever_share_a_name(properties: list[str], carried: list[str], task: Task) -> None:
    columns = result_columns(task, properties, carried)
    assert set(columns.answered) == set(properties)
    assert set(columns.carried) == set(carried)
    everything = [*FIRST, task, *LAST, *columns.answered.values(), *columns.carried.values()]
    assert len(everything) == len(set(everything))
