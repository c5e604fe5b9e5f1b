"""Giving people the files of a pool that are through before the others."""

from typing import Any

import msgspec
import pytest

from domain.contracts import Answer, Fault
from domain.flow.flow import Flow
from domain.flow.machine import begin_calls, end_call
from domain.flow.pacing import MAX_OTHER_TRIES
from domain.flow.progress import progress
from domain.flow.state import Call, FileStep, ShardState
from tests.domain.flow.stories import (
    NOW,
    SETTINGS,
    active,
    answer,
    begun,
    ended,
    fail,
    flow_of,
    pool_at,
    waiting,
)


def pool_of(*shards: ShardState, **state: Any) -> Flow:
    """A flow with one pool of three files, and these shards of it."""
    flow = flow_of(pool_at(FileStep.RUN, members=3, requests=9, **state))
    flow.shards = [*shards]
    return flow


@pytest.mark.parametrize("settled", [0, 2])
def test_files_are_delivered_when_a_batch_was_collected_and_others_are_open(settled: int) -> None:
    flow = pool_of(ended(0), waiting(1))
    (collect,) = begun(flow, activity="collect_batch")
    answer(flow, collect, NOW, tally={"ok": 4}, settled=settled)
    assert len(begun(flow, activity="deliver_settled")) == bool(settled)


def test_what_is_through_counts_for_people_and_once_in_the_report() -> None:
    flow = pool_of(waiting(0), settled=1)
    (deliver,) = begun(flow, activity="deliver_settled")
    answer(flow, deliver, NOW, files=2, tally={"ok": 4})
    shown = progress(flow)
    assert (shown["files_done"], shown["files_working"], flow.totals.done) == (2, 1, 0)
    assert begun(flow, activity="deliver_settled") == []


def test_what_is_collected_meanwhile_has_a_call_of_its_own_and_the_end_waits_for_the_call_under_way() -> None:
    flow = pool_of(ended(0), waiting(1), settled=1)
    calls = begin_calls(flow, NOW, most=100).begun
    (deliver,) = [call for call in calls if call.activity == "deliver_settled"]
    (collect,) = [call for call in calls if call.activity == "collect_batch"]
    assert collect.then == []
    answer(flow, collect, NOW, tally={"ok": 4}, settled=1)
    assert begun(flow, activity="deliver_settled") == []
    answer(flow, deliver, NOW, files=1)
    (again,) = begun(flow, activity="deliver_settled")
    flow.shards.clear()
    assert begun(flow, activity="write_outputs") == []
    answer(flow, again, NOW, files=2)
    assert len(begun(flow, activity="write_outputs")) == 1


def test_a_collection_that_goes_on_to_the_end_of_the_pool_is_not_joined() -> None:
    flow = pool_of(ended(0), settled=1)
    collect = Call("collect_batch", {}, "k", "0000", then=[Call("write_outputs", {}, "k")])
    flow.in_flight.append(collect)
    assert begun(flow, activity="deliver_settled") == []


@pytest.mark.parametrize(("before", "meanwhile", "calls"), [(1, 0, 1), (2, 0, 1), (1, 1, 2), (1, 3, 2)])
def test_one_call_delivers_all_that_was_through_when_it_began(
    before: int, meanwhile: int, calls: int
) -> None:
    flow, delivered = pool_of(*(ended(number) for number in range(before + meanwhile)), active(9)), 0
    flow.settings = msgspec.structs.replace(SETTINGS, micro_batch_size=9)
    collections = begun(flow, activity="collect_batch")
    for collect in collections[:before]:
        answer(flow, collect, NOW, settled=1)
    while found := begun(flow, activity="deliver_settled"):
        delivered += 1
        for collect in flow.calls_of("collect_batch"):
            answer(flow, collect, NOW, settled=1)
        answer(flow, found[0], NOW, files=delivered)
    assert delivered == calls


def test_a_fault_is_waited_out_and_counts_no_longer_once_it_has_passed() -> None:
    flow, now, waits = pool_of(active(0), settled=1), NOW, []
    for passes in (False, False, False, True, False, False, False):
        flow.file("k").settled = 1
        (deliver,) = [call for call in begun(flow, now) if call.activity == "deliver_settled"]
        if passes:
            answer(flow, deliver, now)
            continue
        fail(flow, deliver, now)
        waits.append(flow.file("k").not_before - now)
        assert [call for call in begun(flow, now) if call.activity == "deliver_settled"] == []
        now = flow.file("k").not_before
    assert waits == [2.0, 2.0, 4.0] * 2


def test_where_it_fails_for_good_the_end_of_the_pool_tells() -> None:
    flow, now, tries = pool_of(waiting(0), settled=1), NOW, 0
    for _ in range(20):
        found = [
            call for call in begin_calls(flow, now, most=100).begun if call.activity == "deliver_settled"
        ]
        if not found:
            break
        tries += 1
        end_call(flow, found[0], Answer(fault=Fault(code="no", message="No.", passing=False)), now)
        flow.in_flight = [call for call in flow.in_flight if call.activity != "submit_batch"]
        now += 3600
    assert (flow.file("k").settled, flow.file("k").step) == (0, FileStep.RUN)
    assert tries == MAX_OTHER_TRIES


def test_a_pool_that_is_to_be_set_aside_gives_up_what_is_through_first() -> None:
    flow = pool_of(settled=1, hold_reason="No.")
    (deliver,) = begun(flow, NOW)
    assert deliver.activity == "deliver_settled"
    answer(flow, deliver, NOW, files=2, tally={"ok": 5})
    (hold,) = begun(flow, NOW)
    assert hold.activity == "hold_file"
    answer(flow, hold, NOW)
    assert (flow.totals.done, flow.totals.held, flow.totals.tally.ok) == (2, 1, 5)
