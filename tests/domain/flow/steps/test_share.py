"""When a snapshot asks how many batches it may have, and for how many."""

from typing import Any

import msgspec
import pytest

from domain.contracts import Fault, Pause
from domain.flow.flow import Flow
from domain.flow.pacing import MAX_OTHER_TRIES
from domain.flow.sharing import STALE_LEAST_SECONDS, Allowance
from domain.flow.state import FileState, FileStep, ShardState
from domain.flow.steps.share import share_at_poll, use_of_places
from tests.domain.flow.stories import (
    NEVER,
    NOW,
    SETTINGS,
    active,
    answer,
    begun,
    ended,
    fail,
    file_at,
    flow_of,
    live,
    waiting,
    woken,
)

ACTIVITY = "share_limit"
QUOTA = Pause(model="gpt", kind="quota", message="Full.")


def agreed(*items: FileState | ShardState, places: int, at: float = NOW, **state: Any) -> Flow:
    """A flow that looks again only if it has to; no look at batches is due."""
    flow = flow_of(*items, **state)
    flow.allowance = Allowance(places=places, looked_at=at, next_at=NOW)
    flow.poll.next_at = NOW + 10**6
    return flow


def unwanted(s: ShardState) -> ShardState:
    s.unwanted = True
    return s


# --- what is counted -------------------------------------------------------------------------------------------------


def test_places_are_held_by_batches_and_by_what_is_on_its_way_to_one() -> None:
    flow = flow_of(active(0), ended(1), waiting(2), waiting(3, begun=True), live(4))
    assert use_of_places(flow, NOW) == (2, 1)
    assert len(begun(flow, NOW, "submit_batch")) == 2
    assert use_of_places(flow, NOW) == (3, 0)


def test_once_all_pages_are_read_only_what_is_on_them_would_like_a_place() -> None:
    """Files of an earlier snapshot's pool may be counted twice in what was taken."""
    flow = flow_of(file_at(), files_total=9, pages=2, next_page=2)
    assert use_of_places(flow, NOW) == (0, 1)


def test_a_shard_whose_deployment_is_paused_holds_no_place_but_would_like_one() -> None:
    flow = flow_of(waiting(0, begun=True), waiting(1, begun=True, model="other"))
    until = flow.pauses.begin(QUOTA, NOW).until
    assert use_of_places(flow, NOW) == (1, 1)
    assert use_of_places(flow, until) == (2, 0)


def test_every_file_that_is_not_prepared_would_like_one_place() -> None:
    flow = flow_of(file_at(key="a"), file_at(FileStep.WRITE, key="b"), active(0), files_total=9, pages=1)
    flow.totals.done, flow.totals.gone = 2, 1
    # One is prepared now, three are not admitted yet.
    assert use_of_places(flow, NOW) == (1, 1 + 3)
    flow.files_total = 1
    assert use_of_places(flow, NOW) == (1, 1)


# --- when ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "places", "asks"),
    [
        pytest.param([waiting(0)], 0, True, id="no room"),
        pytest.param([waiting(0), active(1)], 1, True, id="no room beside what is alive"),
        pytest.param([waiting(0), active(1)], 2, False, id="room"),
        pytest.param([active(0)], 1, False, id="nothing is wanted"),
        pytest.param([active(0)], 5, False, id="a poll will give it back"),
        pytest.param([active(0)], 0, False, id="more than was agreed on, from a dead snapshot"),
        pytest.param([waiting(0, begun=True)], 0, True, id="its own place was given back"),
        pytest.param([waiting(0, begun=True)], 1, False, id="it has its place"),
        pytest.param([active(0), unwanted(waiting(1, begun=True))], 0, False, id="it is only looked for"),
        pytest.param([live(0)], 3, True, id="live calls alone need no place"),
        pytest.param([live(0)], 1, True, id="live calls alone need not even one"),
        pytest.param([live(0)], 0, False, id="live calls alone have none"),
        pytest.param([live(0), active(1)], 3, False, id="live calls beside a batch"),
        pytest.param([ended(0)], 3, False, id="only collecting is left"),
    ],
)
def test_it_asks_where_there_is_no_room_or_room_that_no_poll_gives_back(
    items: list[ShardState], places: int, asks: bool
) -> None:
    flow = agreed(*(msgspec.structs.replace(item) for item in items), places=places)
    assert len(begun(flow, NOW, ACTIVITY)) == asks


def test_it_asks_again_at_the_time_that_was_agreed_and_once_at_a_time() -> None:
    flow = agreed(waiting(0), places=0)
    flow.allowance.next_at = NOW + 60
    assert begun(flow, NOW + 58) == []
    assert woken(flow, NOW + 58) == NOW + 60
    (call,) = begun(flow, NOW + 60)
    assert begun(flow, NOW + 600) == []
    answer(flow, call, NOW + 60, places=0)
    # Without more room later each time.
    assert woken(flow, NOW + 60) == NOW + 150
    assert flow.allowance.looked_at == NOW + 60


def test_it_does_not_ask_while_a_look_at_the_batches_asks() -> None:
    flow = agreed(active(0), waiting(1), places=1)
    flow.poll.next_at = NOW
    (look,) = begun(flow, NOW)
    assert (look.activity, look.input["share"]["wanted"]) == ("poll_batches", 1)
    assert begun(flow, NOW + 600) == []


def test_it_asks_beside_a_look_that_does_not_ask() -> None:
    flow = agreed(active(0), places=1)
    flow.poll.next_at = NOW
    (look,) = begun(flow, NOW)
    assert look.input["share"] is None
    flow.shards.append(waiting(1))
    assert [call.activity for call in begun(flow, NOW)] == [ACTIVITY]


# --- what ------------------------------------------------------------------------------------------------------------


def test_it_tells_what_it_has_and_would_like() -> None:
    settings = msgspec.structs.replace(SETTINGS, poll_max_seconds=9000.0)
    flow = agreed(active(0), waiting(1), waiting(2), places=1, part="-1", settings=settings)
    (call,) = begun(flow, NOW)
    assert (call.key, call.shard) == ("", "")
    assert call.input == {
        "snapshot_id": "snapshot-1-1",
        "active": 1,
        "wanted": 2,
        "limit": 20,
        "reserve": 3,
        "stale_seconds": 3 * 9000.0,
        "asked_since": 0.0,
    }


def test_a_note_lasts_for_an_hour_at_least() -> None:
    (call,) = begun(agreed(waiting(0), places=0), NOW)
    assert call.input["stale_seconds"] == 3 * STALE_LEAST_SECONDS


@pytest.mark.parametrize(
    ("items", "places", "at", "asks"),
    [
        pytest.param([active(0)], 1, NOW, False, id="all is well"),
        pytest.param([active(0), waiting(1)], 1, NOW, True, id="more is wanted"),
        pytest.param([active(0)], 2, NOW, True, id="a place is given back"),
        pytest.param([active(0)], 1, NOW - STALE_LEAST_SECONDS, False, id="the note is young"),
        pytest.param([active(0)], 1, NOW - STALE_LEAST_SECONDS - 1, True, id="the note grows old"),
    ],
)
def test_a_look_at_the_batches_asks_where_something_has_changed(
    items: list[ShardState], places: int, at: float, asks: bool
) -> None:
    flow = agreed(*(msgspec.structs.replace(item) for item in items), places=places, at=at)
    asking = share_at_poll(flow, NOW)
    assert (asking is not None) is asks
    if asking:
        assert (asking.active, asking.wanted) == (1, len(items) - 1)


def test_a_look_at_the_batches_does_not_ask_while_it_is_asked_for_by_itself() -> None:
    flow = agreed(active(0), waiting(1), places=1)
    assert [call.activity for call in begun(flow, NOW)] == [ACTIVITY]
    assert share_at_poll(flow, NOW) is None


# --- answers ---------------------------------------------------------------------------------------------------------


def test_an_answer_is_gone_by() -> None:
    flow = agreed(waiting(0), waiting(1), places=0)
    (call,) = begun(flow, NOW)
    answer(flow, call, NOW, places=1)
    assert (flow.allowance.places, flow.allowance.looked_at, flow.allowance.next_at) == (1, NOW, NOW + 60)
    assert [call.shard for call in begun(flow, NOW)] == ["0000"]


def test_while_nothing_can_be_agreed_on_nothing_new_begins() -> None:
    flow = agreed(active(0), waiting(1), places=1)
    flow.allowance.tries = 2
    (call,) = begun(flow, NOW)
    flow.allowance.places = 5
    fail(flow, call, NOW, Fault(code="busy", message="", retry_after=50.0))
    assert (flow.allowance.places, flow.allowance.tries) == (1, 3)
    assert woken(flow, NOW) == NOW + 50
    assert flow.calls_of("submit_batch") == []


def test_in_the_end_it_goes_on_without_the_others() -> None:
    flow, now = agreed(waiting(0), places=0), NOW
    for _ in range(MAX_OTHER_TRIES):
        assert flow.allowance.places == 0
        (call,) = begun(flow, now)
        fail(flow, call, now, NEVER)
        now += 3600
    assert flow.allowance.places == SETTINGS.max_active_batches
