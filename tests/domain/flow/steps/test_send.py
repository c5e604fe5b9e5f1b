"""Live calls, a slice at a time: which shards share a deployment's pace, and what a slice changes."""

from typing import Any

import msgspec
import pytest

from domain.contracts import Fault, Pause, to_wire
from domain.direct.throttle import FIRST_WIDTH, Throttle
from domain.flow.flow import Flow
from domain.flow.pacing import MAX_OTHER_TRIES
from domain.flow.state import ShardStep
from domain.flow.step import SLOW_SECONDS
from domain.flow.steps.send import SMALL_SHARDS_REQUESTS
from tests.domain.flow.stories import (
    NEVER,
    NOW,
    SETTINGS,
    answer,
    begun,
    fail,
    flow_of,
    live,
    opened,
    said,
    shard_in,
    woken,
)

ACTIVITY = "send_slice"
DEADLINE = SETTINGS.deadline_seconds
WIDE = msgspec.structs.replace(SETTINGS, micro_batch_size=10)


def sent(flow: Flow, now: float = NOW) -> list[int]:
    """Begin what may begin; gives the numbers of the shards that are sent."""
    return [int(call.shard) for call in begun(flow, now, ACTIVITY)]


# --- asking ----------------------------------------------------------------------------------------------------------


def test_a_shard_is_sent_at_the_pace_of_its_deployment() -> None:
    flow = flow_of(live(0))
    flow.throttles["gpt"] = Throttle(width=3.0, refused=True, stumbles=1)
    flow.throttles["other"] = Throttle(width=9.0)
    (call,) = begun(flow, NOW, ACTIVITY)
    assert (call.key, call.shard, call.weight) == ("k", "0000", 10)
    assert call.input == {
        "snapshot_id": "snapshot-1",
        "key": "k",
        "shard": to_wire(opened(0, engine="direct")),
        "throttle": to_wire(Throttle(width=3.0, refused=True, stumbles=1)),
        "unwanted": False,
        "asked_since": 0.0,
    }
    assert sent(flow) == []


def test_a_deployment_that_was_not_met_yet_begins_slowly() -> None:
    (call,) = begun(flow_of(live(0)), NOW, ACTIVITY)
    assert call.input["throttle"] == to_wire(Throttle())


def test_small_shards_share_the_pace_those_with_the_least_left_first() -> None:
    flow = flow_of(live(0, requests=30), live(1, requests=40), live(2, requests=20), live(3, requests=50))
    shard_in(flow, 1).done = 25
    calls = begun(flow, NOW, ACTIVITY)
    assert [(int(call.shard), call.weight) for call in calls] == [(1, 15), (2, 20), (0, 30)]
    assert sum(call.input["throttle"]["width"] for call in calls) == FIRST_WIDTH


def test_each_deployment_has_its_own_pace() -> None:
    flow = flow_of(live(0), live(1, model="other"), live(2))
    calls = begun(flow, NOW, ACTIVITY)
    assert [(call.shard, call.input["throttle"]["width"]) for call in calls] == [
        ("0000", 2.0),
        ("0002", 2.0),
        ("0001", 4.0),
    ]


def test_what_is_sent_to_another_endpoint_of_the_deployment_shares_its_pace_but_not_its_pause() -> None:
    flow = flow_of(live(0), live(1), live(2), live(3))
    flow.shards[1].shard = msgspec.structs.replace(flow.shards[1].shard, url="/other")
    flow.pauses.begin(Pause(model="gpt", reach="live gpt /v1", kind="configuration", message="None."), NOW)
    assert sent(flow) == [1]
    assert flow.in_flight[0].input["throttle"]["width"] == FIRST_WIDTH


def test_a_slice_that_begins_later_has_what_is_left_of_the_pace() -> None:
    flow = flow_of(live(0))
    flow.throttles["gpt"] = Throttle(width=8.0)
    (first,) = begun(flow, NOW, ACTIVITY)
    assert first.input["throttle"]["width"] == 8.0
    flow.throttles["gpt"] = Throttle(width=12.0)
    flow.shards += [live(1), live(2)]
    assert [call.input["throttle"]["width"] for call in begun(flow, NOW, ACTIVITY)] == [2.0, 2.0]


@pytest.mark.parametrize(("width", "slices"), [(8.0, 0), (8.9, 0), (9.0, 1), (10.0, 2)])
def test_a_slice_begins_only_where_a_whole_call_is_left_for_it(width: float, slices: int) -> None:
    flow = flow_of(live(0))
    flow.throttles["gpt"] = Throttle(width=8.0)
    assert sent(flow) == [0]
    flow.throttles["gpt"].width = width
    flow.shards += [live(1), live(2)]
    assert len(sent(flow)) == slices


def test_one_large_shard_is_sent_beside_small_ones() -> None:
    large = SMALL_SHARDS_REQUESTS
    flow = flow_of(live(0, requests=large), live(1, requests=large + 1), live(2))
    assert sent(flow) == [2, 0]
    # Also while it is under way already.
    flow.shards += [live(3, requests=large), live(4)]
    answer(flow, flow.in_flight[0], NOW, done=10, ended=True, throttle=to_wire(Throttle(width=2.0)))
    assert sent(flow) == [4]


def test_no_more_slices_at_once_than_a_micro_batch_beside_the_slow_ones_of_each_deployment() -> None:
    flow = flow_of(*(live(number) for number in range(9)), live(10, model="other"))
    flow.throttles["gpt"] = Throttle(width=32.0)
    assert sent(flow) == [0, 1, 2, 10]
    flow.throttles["gpt"].width = 64.0
    assert sent(flow, NOW + 9) == []
    assert sent(flow, NOW + SLOW_SECONDS) == [3, 4, 5]


def test_a_deployment_that_can_do_nothing_yet_is_waited_for() -> None:
    flow = flow_of(live(0), live(1, model="other"))
    flow.throttles["gpt"] = Throttle(blocked_until=NOW + 100)
    assert sent(flow) == [1]
    at = flow.throttles["gpt"].next_slice_at
    assert woken(flow, NOW) == at
    assert sent(flow, at) == [0]


def test_past_the_deadline_a_shard_comes_to_its_end_whatever_the_pace() -> None:
    flow = flow_of(live(0), live(1))
    shard_in(flow, 0).submitted_at = NOW - DEADLINE + 50
    flow.throttles["gpt"] = Throttle(blocked_until=NOW + 5000)
    assert sent(flow, NOW + 48) == []
    assert woken(flow, NOW + 48) == NOW + 50
    assert sent(flow, NOW + 50) == [0]


def test_a_shard_that_waits_is_sent_in_its_time_beside_those_that_do_not() -> None:
    flow = flow_of(live(0), live(1))
    shard_in(flow, 0).not_before = NOW + 30
    flow.throttles["gpt"] = Throttle(width=8.0, blocked_until=NOW - 9)
    assert sent(flow) == [1]
    flow.throttles["gpt"].width = 16.0
    assert sent(flow, NOW + 28) == []
    assert sent(flow, NOW + 30) == [0]


def test_a_paused_deployment_is_tried_with_one_shard_when_the_pause_is_over() -> None:
    flow = flow_of(live(0), live(1), live(2, model="other"))
    until = flow.pauses.begin(
        Pause(model="gpt", reach="live gpt", kind="configuration", message="None."), NOW
    ).until
    assert sent(flow) == [2]
    assert woken(flow, NOW) == until
    assert sent(flow, until) == [0]
    flow.throttles["gpt"] = Throttle(width=32.0)
    # That one counts while it is under way.
    assert sent(flow, until) == []


@pytest.mark.parametrize(
    ("requests", "numbers"),
    [([400, 90, 10, 1], "3210"), ([501, 90, 10, 1], "321"), ([501, 10, 1], "210"), ([501], "0")],
)
def test_shards_with_little_left_are_sent_first_and_beside_a_large_one(
    requests: list[int], numbers: str
) -> None:
    flow = flow_of(*(live(number, requests=count) for number, count in enumerate(requests)), settings=WIDE)
    calls = begun(flow, NOW, "send_slice")
    assert [call.shard[-1] for call in calls] == list(numbers)
    assert sum(call.input["throttle"]["width"] for call in calls) == 4


def test_a_slice_that_ends_gives_its_share_to_the_next_while_the_others_go_on() -> None:
    flow = flow_of(*(live(number) for number in range(9)), settings=WIDE)
    first, *others = begun(flow, NOW, "send_slice")
    assert len(others) == 3
    left = {**first.input["throttle"], "width": 2.0}
    answer(flow, first, NOW, done=10, ended=True, throttle=left)
    assert flow.throttles["gpt"].width == 5
    assert [call.shard for call in begun(flow, NOW, "send_slice")] == ["0004", "0005"]


# --- answers ---------------------------------------------------------------------------------------------------------


def slice_of(flow: Flow, now: float = NOW, **done: Any) -> None:
    (call,) = begun(flow, now, ACTIVITY)
    answer(flow, call, now, **done)


def test_a_shard_goes_on_where_the_slice_left_it() -> None:
    flow = flow_of(live(0))
    s = shard_in(flow)
    s.tries = 3
    slice_of(flow, begun_at=NOW - 7, done=4)
    assert (s.step, s.done, s.tries, s.begun, s.submitted_at) == (ShardStep.SEND, 4, 0, True, NOW - 7)
    assert s.not_before == NOW
    slice_of(flow, NOW + 1, done=6)
    assert (s.done, s.submitted_at) == (6, NOW - 7)


def test_a_shard_that_another_process_sends_is_waited_for() -> None:
    flow = flow_of(live(0))
    slice_of(flow, done=4, wait_seconds=30.0)
    assert shard_in(flow).not_before == NOW + 30
    slice_of(flow, NOW + 30, done=4, wait_seconds=0.5)
    assert shard_in(flow).not_before == NOW + 32


def test_a_shard_with_nothing_left_to_send_is_collected() -> None:
    flow = flow_of(live(0))
    slice_of(flow, begun_at=NOW, done=10, ended=True)
    (collect,) = begun(flow, NOW, "collect_batch")
    assert (collect.input["status"], collect.input["overdue"]) == ("completed", False)


@pytest.mark.parametrize("over", [False, True])
def test_a_shard_older_than_the_deadline_is_collected_as_it_is(over: bool) -> None:
    flow = flow_of(live(0))
    slice_of(flow, begun_at=NOW - DEADLINE + (not over), done=4)
    s = shard_in(flow)
    assert (s.step is ShardStep.COLLECT) is over
    assert (s.status == "cancelled") is over


def test_what_a_slice_has_learned_about_the_pace_is_kept() -> None:
    flow = flow_of(live(0))
    slice_of(flow, done=1, throttle=to_wire(Throttle(width=2.0, refused=True, blocked_until=NOW - 5)))
    assert flow.throttles["gpt"] == Throttle(width=2.0, refused=True, blocked_until=NOW - 5)
    # Said as a difference, because others may have learned as well.
    (call,) = begun(flow, NOW, ACTIVITY)
    flow.throttles["gpt"].width = 10.0
    answer(flow, call, NOW, done=2, throttle=to_wire(Throttle(width=3.0)))
    assert flow.throttles["gpt"].width == 11.0
    slice_of(flow, NOW, done=3)
    assert flow.throttles["gpt"].width == 11.0


def test_a_deployment_that_takes_nothing_is_paused() -> None:
    flow = flow_of(live(0), live(1, model="other"))
    first, _ = begun(flow, NOW, ACTIVITY)
    paused = {"model": "gpt", "reach": "live gpt", "kind": "configuration", "message": "No such deployment."}
    answer(flow, first, NOW, begun_at=NOW - 3, done=2, ended=True, paused=paused)
    s = shard_in(flow)
    assert [one.shard.shard for one in flow.shards] == ["0001", "0000"]
    assert (s.step, s.done, s.submitted_at) == (ShardStep.SEND, 2, NOW - 3)
    assert said(flow.pauses) == ["No such deployment."]


@pytest.mark.parametrize(("done", "messages"), [(0, ["None."]), (1, [])])
def test_only_a_slice_that_got_somewhere_opens_the_gate(done: int, messages: list[str]) -> None:
    flow = flow_of(live(0))
    flow.pauses.begin(Pause(model="gpt", reach="live gpt", kind="configuration", message="None."), NOW - 600)
    flow.pauses.by_model["live gpt"].width = 2
    slice_of(flow, done=done)
    assert said(flow.pauses) == messages


def test_a_success_doubles_the_width_of_the_gate() -> None:
    flow = flow_of(live(0))
    flow.pauses.begin(Pause(model="gpt", reach="live gpt", kind="configuration", message="None."), NOW - 600)
    slice_of(flow, done=1)
    assert (flow.pauses.by_model["live gpt"].width, flow.pauses.by_model["live gpt"].since) == (2, NOW)


def test_a_fault_is_waited_for() -> None:
    flow = flow_of(live(0))
    (call,) = begun(flow, NOW, ACTIVITY)
    fail(flow, call, NOW, Fault(code="busy", message="", retry_after=50.0))
    assert shard_in(flow).begun is True
    assert sent(flow, NOW + 48) == []
    assert sent(flow, NOW + 50) == [0]


def test_a_shard_that_has_had_its_chances_is_left_and_its_file_set_aside() -> None:
    flow, now = flow_of(live(0)), NOW
    for _ in range(MAX_OTHER_TRIES):
        (call,) = begun(flow, now, ACTIVITY)
        fail(flow, call, now, NEVER)
        now += 3600
    assert flow.shards == []
    assert flow.file("k").hold_reason == "mishap: Never."
