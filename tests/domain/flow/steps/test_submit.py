"""Which shards become batches next, and what the service's answer makes of each."""

from typing import Any

import msgspec
import pytest

from domain.contracts import Fault, Pause, to_wire
from domain.flow.flow import Flow
from domain.flow.pacing import MAX_OTHER_TRIES, QuotaGauge
from domain.flow.state import ShardStep
from domain.flow.step import MOVING_BYTES, SLOW_SECONDS
from domain.tokens import quota_tokens
from tests.domain.flow.stories import (
    NEVER,
    NOW,
    SETTINGS,
    active,
    answer,
    begun,
    fail,
    flow_of,
    opened,
    said,
    shard_in,
    waiting,
    woken,
)

ACTIVITY = "submit_batch"
TOKEN = 4  # bytes, or so
WIDE = msgspec.structs.replace(SETTINGS, micro_batch_size=10)


def submitted(flow: Flow, now: float = NOW) -> list[str]:
    """Begin what may begin; gives key and number of each shard that is submitted."""
    return [f"{call.key}{int(call.shard)}" for call in begun(flow, now, ACTIVITY)]


# --- asking ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("anew", [False, True])
def test_a_shard_is_submitted_once_and_told_whether_that_was_tried_before(anew: bool) -> None:
    flow = flow_of(waiting(0, begun=anew, size=77))
    (call,) = begun(flow, NOW, ACTIVITY)
    assert (call.key, call.shard, call.weight) == ("k", "0000", 77)
    assert call.input == {
        "snapshot_id": "snapshot-1",
        "key": "k",
        "shard": to_wire(opened(0, size=77)),
        "begun": anew,
        "unwanted": False,
        "asked_since": 0.0,
    }
    assert submitted(flow) == []


def test_a_shard_that_waits_is_submitted_in_its_time_beside_those_that_do_not() -> None:
    flow = flow_of(waiting(0), waiting(1))
    shard_in(flow, 0).not_before = NOW + 30
    assert submitted(flow) == ["k1"]
    assert submitted(flow, NOW + 28) == []
    assert submitted(flow, NOW + 30) == ["k0"]


def test_a_paused_deployment_is_tried_with_one_shard_when_the_pause_is_over() -> None:
    flow = flow_of(waiting(0), waiting(1), waiting(2, model="other"))
    until = flow.pauses.begin(Pause(model="gpt", kind="quota", message="Full."), NOW).until
    assert submitted(flow) == ["k2"]
    assert woken(flow, NOW) == until
    assert submitted(flow, until) == ["k0"]
    # That one counts while it is under way.
    assert submitted(flow, until) == []
    answer(flow, flow.in_flight[-1], until, batch_id="b")
    assert submitted(flow, until) == ["k1"]


def test_as_many_shards_as_the_gate_is_wide_are_on_their_way_to_a_deployment() -> None:
    flow = flow_of(*(waiting(number) for number in range(5)), waiting(5, model="other"), settings=WIDE)
    flow.pauses.begin(Pause(model="gpt", kind="quota", message="Full."), NOW - 600)
    flow.pauses.by_model["gpt"].width = 3
    assert submitted(flow) == ["k0", "k1", "k2", "k5"]
    assert submitted(flow) == []
    answer(flow, flow.in_flight[1], NOW, wait_seconds=900.0)
    assert submitted(flow) == ["k3"]


def test_those_that_were_begun_come_first_then_each_file_in_turn_those_with_the_least_first() -> None:
    """Counted are batches, shards that were begun, and submissions under way."""
    shards = [
        *(waiting(number, key="a") for number in range(3)),
        *(waiting(number, key="b") for number in range(2)),
        waiting(0, key="c"),
        waiting(9, key="d", begun=True),
        waiting(0, key="d"),
        active(9, key="a"),
        active(8, key="a"),
    ]
    flow = flow_of(*shards, settings=WIDE)
    flow.poll.next_at = NOW + 900
    assert submitted(flow) == ["d9", "b0", "c0", "b1", "d0", "a0", "a1", "a2"]
    flow.shards += [waiting(5, key="a"), waiting(5, key="b"), waiting(5, key="c"), waiting(5, key="e")]
    flow.files += flow_of(waiting(5, key="e")).files
    assert submitted(flow, NOW + SLOW_SECONDS) == ["e5", "c5", "b5", "a5"]


@pytest.mark.parametrize(("places", "limit", "taken"), [(4, 20, 2), (9, 4, 2), (2, 20, 0), (1, 20, 0)])
def test_no_more_are_alive_than_was_agreed_on_nor_than_the_limit(places: int, limit: int, taken: int) -> None:
    settings = msgspec.structs.replace(WIDE, max_active_batches=limit)
    flow = flow_of(
        active(8), active(9), *(waiting(number) for number in range(5)), settings=settings, places=places
    )
    assert submitted(flow) == [f"k{number}" for number in range(taken)]
    # Those under way are as good as alive.
    assert submitted(flow, NOW + SLOW_SECONDS) == []


def test_a_place_is_kept_for_what_was_begun() -> None:
    flow = flow_of(waiting(0), waiting(1, begun=True), waiting(2, begun=True), waiting(3), places=3)
    shard_in(flow, 1).not_before = shard_in(flow, 2).not_before = NOW + 30
    assert submitted(flow) == ["k0"]
    assert submitted(flow, NOW + 30) == ["k1", "k2"]


def test_what_was_begun_goes_first_where_not_all_have_a_place() -> None:
    flow = flow_of(waiting(0), *(waiting(number, begun=True) for number in (1, 2, 3)), places=2)
    assert submitted(flow) == ["k1", "k2"]


def test_batches_and_submissions_under_way_leave_fewer_places_for_what_was_begun() -> None:
    flow = flow_of(active(9), *(waiting(number, begun=True) for number in range(3)), places=3)
    assert submitted(flow) == ["k0", "k1"]
    assert submitted(flow) == []


def test_no_more_are_submitted_at_once_than_a_micro_batch_beside_the_slow_ones() -> None:
    flow = flow_of(*(waiting(number) for number in range(9)))
    assert submitted(flow) == ["k0", "k1", "k2"]
    assert submitted(flow, NOW + 9) == []
    assert submitted(flow, NOW + SLOW_SECONDS) == ["k3", "k4", "k5"]


def test_a_shard_that_is_too_large_for_now_takes_no_place_from_the_ones_behind_it() -> None:
    large = MOVING_BYTES // 2 + 1
    flow = flow_of(waiting(0, size=large), waiting(1, size=large), waiting(2), waiting(3), places=2)
    assert submitted(flow) == ["k0", "k2"]


def test_large_shards_are_moved_one_after_the_other() -> None:
    large = MOVING_BYTES // 2 + 1
    flow = flow_of(waiting(0, size=large), waiting(1, size=large), waiting(2))
    assert submitted(flow) == ["k0", "k2"]


# --- how full a deployment is ----------------------------------------------------------------------------------------


def filled(*sizes: int, room: int, **more: Any) -> Flow:
    """Shards of these sizes in tokens, of a deployment that has a batch and room for so many tokens."""
    flow = flow_of(
        active(99),
        *(waiting(number, size=size * TOKEN) for number, size in enumerate(sizes)),
        settings=WIDE,
        **more,
    )
    flow.gauges["gpt"] = QuotaGauge(enqueued=1000 - room, limit=1000)
    return flow


def test_tokens_are_counted_as_the_service_does() -> None:
    assert quota_tokens(100 * TOKEN) == 100


@pytest.mark.parametrize(
    ("sizes", "room", "taken"),
    [
        pytest.param([50, 50, 1], 100, ["k0", "k1"], id="as many as fit"),
        pytest.param([50, 51, 1], 100, ["k0"], id="none overtakes one that does not fit"),
        pytest.param([101], 100, [], id="not even one"),
    ],
)
def test_a_deployment_gets_what_fits_into_its_queue(sizes: list[int], room: int, taken: list[str]) -> None:
    assert submitted(filled(*sizes, room=room)) == taken


def test_what_is_under_way_counts_and_other_deployments_are_not_concerned() -> None:
    flow = filled(30, 30, 41, 1, room=100)
    flow.shards += [waiting(7, model="other", size=500 * TOKEN), waiting(8, model="other", size=900 * TOKEN)]
    assert submitted(flow) == ["k0", "k1", "k7", "k8"]
    assert submitted(flow) == []
    flow.gauges["gpt"].enqueued -= 1
    assert submitted(flow) == ["k2"]


def test_a_deployment_without_a_batch_of_ours_is_asked_whatever_the_gauge_says() -> None:
    flow = filled(500, 500, room=100)
    flow.shards = [s for s in flow.shards if s.step is ShardStep.SUBMIT] + [active(98, model="other")]
    assert submitted(flow) == ["k0"]
    assert submitted(flow) == []


# --- answers ---------------------------------------------------------------------------------------------------------


def test_a_batch_is_waited_for_and_looked_at_soon() -> None:
    flow = flow_of(waiting(0))
    flow.poll.next_at, flow.poll.interval = NOW + 900, 900.0
    flow.pauses.begin(Pause(model="gpt", kind="quota", message="Full."), NOW - 600)
    flow.pauses.by_model["gpt"].width = 2
    (call,) = begun(flow, NOW, ACTIVITY)
    answer(flow, call, NOW, batch_id="batch-7", submitted_at=NOW - 5)
    s = shard_in(flow)
    assert (s.step, s.batch_id, s.submitted_at, s.begun) == (ShardStep.ACTIVE, "batch-7", NOW - 5, True)
    assert (flow.poll.next_at, flow.poll.interval) == (NOW + 60, 60.0)
    assert said(flow.pauses) == []
    assert flow.gauges == {}


def test_the_first_look_at_a_batch_is_left_to_others_that_look_soon() -> None:
    flow = flow_of(waiting(0))
    (call,) = begun(flow, NOW, ACTIVITY)
    answer(flow, call, NOW, batch_id="batch-7", others_look=True)
    assert (flow.poll.next_at, flow.poll.interval) == (NOW + 90, 90.0)


def test_a_batch_of_unknown_age_is_as_old_as_the_answer() -> None:
    flow = flow_of(waiting(0))
    (call,) = begun(flow, NOW, ACTIVITY)
    answer(flow, call, NOW + 7, batch_id="batch-7")
    assert shard_in(flow).submitted_at == NOW + 7


def test_a_success_widens_the_gate_of_its_deployment() -> None:
    flow = flow_of(waiting(0), settings=WIDE)
    flow.pauses.begin(Pause(model="gpt", kind="quota", message="Full."), NOW - 600)
    (call,) = begun(flow, NOW, ACTIVITY)
    answer(flow, call, NOW, batch_id="batch-7")
    assert (flow.pauses.by_model["gpt"].width, flow.pauses.by_model["gpt"].since) == (2, NOW)


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ({"enqueued_tokens": 300, "enqueued_limit": 1000}, (300, 1000)),
        ({"enqueued_tokens": 0, "enqueued_limit": 1000}, (0, 1000)),
        ({"enqueued_tokens": 300, "enqueued_limit": 0}, None),
        ({"enqueued_tokens": 300}, None),
        ({"enqueued_limit": 1000}, None),
    ],
)
def test_how_full_the_queue_is_is_noted_where_it_is_told(
    told: dict[str, int], known: tuple[int, int] | None
) -> None:
    flow = flow_of(waiting(0))
    (call,) = begun(flow, NOW, ACTIVITY)
    answer(flow, call, NOW, batch_id="b", submitted_at=NOW - 5, **told)
    gauge = flow.gauges.get("gpt")
    assert (gauge and (gauge.enqueued, gauge.limit)) == known
    assert gauge is None or gauge.at == NOW - 5


@pytest.mark.parametrize(("begun_at", "enqueued"), [(NOW - 6, 300), (NOW - 5, 300), (NOW - 4, 700)])
def test_answers_that_overtake_each_other_leave_what_the_later_batch_was_told(
    begun_at: float, enqueued: int
) -> None:
    flow = flow_of(waiting(0))
    flow.gauges["gpt"] = QuotaGauge(enqueued=700, limit=1000, at=begun_at)
    (call,) = begun(flow, NOW, ACTIVITY)
    answer(flow, call, NOW, batch_id="b", submitted_at=NOW - 5, enqueued_tokens=300, enqueued_limit=1000)
    assert flow.gauges["gpt"].enqueued == enqueued


def test_a_shard_that_is_refused_is_collected_with_the_reason() -> None:
    flow = flow_of(waiting(0))
    (call,) = begun(flow, NOW, ACTIVITY)
    refused = {"code": "too_large", "message": "No.", "passing": False}
    answer(flow, call, NOW, refused=refused)
    assert shard_in(flow).begun
    (collect,) = begun(flow, NOW, "collect_batch")
    assert collect.input["status"] == "refused"
    assert collect.input["refused"] == refused | {"retry_after": None, "final": False}


def test_a_full_deployment_is_paused_and_the_shard_goes_to_the_end_of_the_queue() -> None:
    flow = flow_of(waiting(0), waiting(1))
    first, second = begun(flow, NOW, ACTIVITY)
    answer(flow, first, NOW, paused={"model": "gpt", "kind": "quota", "message": "Full."})
    assert [s.shard.shard for s in flow.shards] == ["0001", "0000"]
    assert shard_in(flow, 0).begun
    assert said(flow.pauses) == ["Full."]
    answer(flow, second, NOW, batch_id="b")
    assert shard_in(flow, 1).step is ShardStep.ACTIVE


@pytest.mark.parametrize(("seconds", "waits"), [(30.0, 30), (0.0, 2), (None, 2)])
def test_a_shard_that_is_not_ready_is_submitted_later(seconds: float | None, waits: float) -> None:
    flow = flow_of(waiting(0))
    (call,) = begun(flow, NOW, ACTIVITY)
    answer(flow, call, NOW, wait_seconds=seconds)
    assert (shard_in(flow).begun, shard_in(flow).not_before) == (True, NOW + waits)
    assert submitted(flow, NOW + waits - 1.5) == []
    assert submitted(flow, NOW + waits) == ["k0"]


def test_a_fault_is_waited_for_and_the_next_try_knows_of_this_one() -> None:
    flow = flow_of(waiting(0))
    (call,) = begun(flow, NOW, ACTIVITY)
    fail(flow, call, NOW, Fault(code="busy", message="", retry_after=50.0))
    assert woken(flow, NOW) == NOW + 50
    (call,) = begun(flow, NOW + 50, ACTIVITY)
    assert call.input["begun"] is True


def test_a_shard_that_has_had_its_chances_is_left_and_its_file_set_aside() -> None:
    flow, now = flow_of(waiting(0)), NOW
    for _ in range(MAX_OTHER_TRIES):
        (call,) = begun(flow, now, ACTIVITY)
        fail(flow, call, now, NEVER)
        now += 3600
    assert flow.shards == []
    assert flow.file("k").hold_reason == "mishap: Never."
