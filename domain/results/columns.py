"""Which column each thing has in the results of a table: the answer, what was parsed out of it, what is carried along."""

from collections.abc import Iterable
from typing import NamedTuple

from domain.service.endpoints import ENDPOINTS, Task

FIRST = ("file", "row")
LAST = ("custom_id", "finish_reason", "usage")
# How an answer was kept that strict readers would have refused, and what the content filter took from it.
MARKS = "marks"


class ResultColumns(NamedTuple):
    """`answered`: property of a structured answer -> column. `carried`: column of the input -> column of the results."""

    task: Task
    answered: dict[str, str]
    carried: dict[str, str]


def result_columns(
    task: Task, properties: Iterable[str], carried: Iterable[str], extra: Iterable[str] = ()
) -> ResultColumns:
    """Give every column a name of its own; one whose name is taken gets its origin in front: `chat_row`, `input_file`."""
    taken = {*FIRST, task, *LAST, *more_columns(task), *extra}
    return ResultColumns(task, _named(properties, f"{task}_", taken), _named(carried, "input_", taken))


def more_columns(task: Task) -> tuple[str, ...]:
    """Name the columns of what is more than text. A record has them where its answer has."""
    return (*ENDPOINTS[task].more, MARKS)


def _named(wanted: Iterable[str], prefix: str, taken: set[str]) -> dict[str, str]:
    named = {}
    for origin in dict.fromkeys(wanted):
        name = origin
        while name in taken:
            name = prefix + name
        taken.add(name)
        named[origin] = name
    return named
