"""A pool: one thing to the flow, and to people the files that it is made of."""

import msgspec
import pytest

from domain.contracts import ListedFile, Settled, to_wire
from domain.flow.flow import Flow
from domain.flow.state import FileEnd, FileStep
from domain.service.outcomes import Tally
from tests.domain.flow.stories import (
    NOW,
    SETTINGS,
    answer,
    begun,
    file_at,
    flow_of,
    opened,
    pool_at,
    waiting,
)

OTHER = ListedFile(key="other", path="in/other.csv", size=1)
BUDGET = msgspec.structs.replace(SETTINGS, max_cost=2.5)


def members(*numbers: int) -> list[ListedFile]:
    return [ListedFile(key=f"m{number}", path=f"in/m{number}.csv", size=1) for number in numbers]


def files_of(flow: Flow) -> int:
    """The input files that a flow has told about, wherever they are."""
    return flow.totals.files + sum(file.count for file in flow.files) + len(flow.backlog)


def waits_for_its_turn(flow: Flow) -> list[str]:
    return [listed.key for listed in flow.backlog]


# --- those that leave it ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [FileStep.PREPARE, FileStep.WRITE])
@pytest.mark.parametrize(("stay", "alone"), [(5, 0), (3, 2), (3, 1), (0, 5), (2, 0)])
def test_a_file_that_leaves_its_pool_goes_on_alone_and_the_rest_was_at_its_end(
    step: FileStep, stay: int, alone: int
) -> None:
    flow = flow_of(pool_at(step, members=5))
    flow.totals.gone = 1
    (call,) = begun(flow)
    flow.backlog = [OTHER]
    before = files_of(flow)
    answer(flow, call, NOW, members=stay, alone=to_wire(members(*range(alone))))
    assert waits_for_its_turn(flow) == ["other", *(f"m{number}" for number in range(alone))]
    assert (flow.file("k").count, flow.totals.gone) == (stay, 1 + 5 - stay - alone)
    assert files_of(flow) == before
    # All pages are read, so none of them can come again.
    assert flow.early == []


def test_one_that_left_before_and_is_told_again_is_neither_begun_nor_counted_again() -> None:
    """What is told of a pool is told again by each of its steps."""
    flow = flow_of(pool_at(FileStep.WRITE, members=3), file_at(FileStep.RUN, key="m1"), waiting(0, key="m1"))
    (call,) = begun(flow, NOW, "write_outputs")
    flow.backlog = members(0)
    answer(flow, call, NOW, members=3, alone=to_wire(members(0, 1)))
    assert waits_for_its_turn(flow) == ["m0"]
    assert (flow.file("k").count, flow.totals.gone) == (3, 0)


def test_one_that_is_on_a_page_of_its_own_as_well_is_worked_on_once() -> None:
    """It may be at its end before that page is read."""
    flow = flow_of(
        pool_at(FileStep.PREPARE, key="a", members=5),
        pool_at(FileStep.PREPARE, key="b", members=5),
        files_total=12,
        pages=3,
    )
    for call, left in zip(begun(flow, NOW, "prepare_file"), members(0, 1), strict=True):
        answer(flow, call, NOW, members=4, alone=to_wire([left]))
    for call in begun(flow, NOW, "prepare_file"):
        answer(flow, call, NOW, gone=True)
    assert flow.totals.gone == 2
    pages: list[list[ListedFile]] = [[], members(0, 1, 7), members(1)]
    for number, listed in enumerate(pages):
        (page,) = flow.calls_of("list_files") or begun(flow, NOW, "list_files")
        assert page.input["page"] == number
        answer(flow, page, NOW, files=to_wire(listed))
    begun(flow)
    assert [file.key for file in flow.files] == ["a", "b", "m7"]
    assert flow.early == []


def test_what_people_want_of_those_that_leave_is_told_along_with_them() -> None:
    flow = flow_of(pool_at(FileStep.PREPARE, members=3))
    (call,) = begun(flow)
    answer(
        flow,
        call,
        NOW,
        members=1,
        alone=to_wire(members(0, 1)),
        asked={"cancel": ["m1"]},
        requests=5,
        shards=to_wire([opened(0)]),
    )
    calls = {call.key: call.input["unwanted"] for call in begun(flow, NOW, "prepare_file")}
    assert calls == {"m0": False, "m1": True}
    assert flow.file("k").step is FileStep.RUN


def test_a_pool_that_waits_keeps_its_files() -> None:
    flow = flow_of(pool_at(FileStep.PREPARE, members=3))
    (call,) = begun(flow)
    answer(flow, call, NOW, wait_seconds=9.0)
    assert (flow.file("k").count, flow.totals.gone) == (3, 0)
    (call,) = begun(flow, NOW + 9)
    answer(flow, call, NOW + 9, gone=True)
    assert (flow.totals.gone, flow.finished) == (3, True)


# --- what is asked ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [FileStep.PREPARE, FileStep.WRITE, FileStep.ARCHIVE, FileStep.HOLD])
def test_every_step_is_told_whether_a_file_is_a_pool(step: FileStep) -> None:
    flow = flow_of(pool_at(step, key="a", members=1), file_at(step, key="b"))
    assert [call.input["pooled"] for call in begun(flow)] == [True, False]


def test_its_files_that_are_through_are_delivered_as_those_of_a_pool() -> None:
    flow = flow_of(pool_at(FileStep.RUN, members=2, settled=1), waiting(0))
    (call,) = begun(flow, NOW, "deliver_settled")
    assert call.input["pooled"] is True


@pytest.mark.parametrize("pooled", [True, False])
def test_the_list_that_is_read_is_that_with_the_pools_where_the_snapshot_made_them(pooled: bool) -> None:
    (call,) = begun(flow_of(pages=1, pooled=pooled))
    assert call.input.get("pooled", False) is pooled


def test_a_pool_is_told_what_the_budget_has_left_and_a_file_is_not() -> None:
    """A pool beyond it is taken apart, so that each of its files has its own chance."""
    for settings, left in ((BUDGET, 1.0), (SETTINGS, None)):
        flow = flow_of(pool_at(FileStep.PREPARE, key="a", members=2), file_at(key="b"), settings=settings)
        flow.totals.cost = 1.5
        assert [call.input["most_cost"] for call in begun(flow)] == [left, None]


def test_a_pool_is_listed_as_one_even_if_one_file_is_left_in_it() -> None:
    one, single = (
        msgspec.structs.replace(OTHER, key=key, members=count) for key, count in (("a", 1), ("b", 0))
    )
    several = msgspec.structs.replace(OTHER, key="c", members=7)
    flow = flow_of(backlog=[one, single, several])
    flow.settle(NOW)
    assert [(file.pooled, file.count) for file in flow.files] == [(True, 1), (False, 1), (True, 7)]


# --- what it comes to ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "end", "done", "answered"),
    [
        # Its outputs tell about all of its files.
        (FileStep.ARCHIVE, "done", 5, 0),
        (FileStep.HOLD, "held", 2, 4),
        # Another snapshot has brought the others to their end, and counts those.
        (FileStep.WRITE, "gone", 2, 4),
    ],
)
def test_what_was_through_before_the_others_is_counted_once_however_the_pool_ends(
    step: FileStep, end: FileEnd, done: int, answered: int
) -> None:
    flow = flow_of(pool_at(step, members=5, delivered=Settled(files=2, tally=Tally(ok=4))))
    (call,) = begun(flow)
    answer(flow, call, NOW, **({"gone": True} if end == "gone" else {}))
    report = flow.report()
    assert (report.done, report.tally.ok) == (done, answered)
    assert getattr(report, end) == (5 if end == "done" else 3)
    assert flow.totals.files == 5


def test_a_pool_that_gives_up_what_is_through_first_holds_up_no_other_file() -> None:
    flow = flow_of(
        pool_at(FileStep.RUN, key="a", members=2, settled=1, hold_reason="No."),
        file_at(FileStep.RUN, key="b"),
    )
    assert [(call.activity, call.key) for call in begun(flow)] == [
        ("write_outputs", "b"),
        ("deliver_settled", "a"),
    ]
