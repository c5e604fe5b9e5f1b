"""Whatever the service, or anything in its place, answers to whichever call: no row is lost, and none is paid twice."""

import pytest

from local.azure_openai import RunningService
from local.azurite import Azurite
from local.fault_proxies.service import CUT, FAULTS
from tests.activities.service_walk import EVERY_CALL, JOBS, Cell, World, cells, table

SLOW = {"hang"}  # each call takes its time-out
OTHERS = ("import", "cancel_batch", "live")  # in jobs of their own
SOME = ("200 html", "200 {}", "302", "404 html", "409 html", "409 own", "429 own", "503 empty", "reset")


@pytest.fixture
def world(azurite: Azurite, service: RunningService) -> World:
    return World(azurite, service)


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - SLOW))
def test_every_call_of_a_job_may_be_spoilt_after_its_effect(world: World, fault: str) -> None:
    balance = world.walk(Cell(EVERY_CALL, fault, after=True))
    assert balance.even, balance
    assert balance.told == ""
    assert balance.struck >= (1 if fault in CUT else 8)


@pytest.mark.parametrize("fault", SOME)
def test_every_call_of_a_job_may_be_spoilt_before_its_effect(world: World, fault: str) -> None:
    balance = world.walk(Cell(EVERY_CALL, fault, after=False))
    assert balance.even, balance
    assert balance.told == ""
    assert balance.struck >= 8


@pytest.mark.parametrize("cell", [c for c in cells(OTHERS) if c.fault in SOME], ids=str)
def test_calls_of_other_jobs_may_be_spoilt(world: World, cell: Cell) -> None:
    balance = world.walk(cell)
    assert balance.even, balance
    assert balance.struck
    assert balance.doubtful == 0 or cell.operation == "live"


def test_a_row_that_is_lost_or_paid_twice_shows_in_the_balance(world: World, service: RunningService) -> None:
    cell = Cell("upload", "reset", after=False)
    fair = world.walk(cell)
    assert fair.even
    assert not fair._replace(lost=1).even
    assert not fair._replace(paid_twice=1).even
    assert "| `upload` | 1 | 0 | 2 | 0 | 0 |" in table({cell: fair})


def test_the_walk_takes_every_call_with_every_fault() -> None:
    walked = {(cell.operation, cell.fault) for cell in cells()}
    assert {operation for operation, _ in walked} == set(JOBS)
    assert {fault for _, fault in walked} == set(FAULTS)
