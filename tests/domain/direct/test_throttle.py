"""How fast live calls go, on a clock that only the test moves."""

import heapq
import json
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.direct.throttle import WIDEST, Limits, Throttle

BEGIN = 1_790_000_000.0
MINUTE = 60.0


@dataclass
class Service:
    """A deployment that bears so many calls at once, answers after a while, and refuses the others."""

    bears: int
    latency: float
    retry_after: float | None
    began: list[tuple[float, int]] = field(default_factory=list)
    refused: int = 0
    answered: int = 0


def drive(
    throttle: Throttle, service: Service, limits: Limits, tokens: list[int], *, seconds: float
) -> float:
    """Make calls as a slice does until all are answered or the time is over; gives the time that it took."""
    now, waiting = BEGIN, list(reversed(tokens))
    flying: list[tuple[float, float, int, bool]] = []
    while (waiting or flying) and now < BEGIN + seconds:
        while waiting and throttle.may_begin(len(flying), now):
            assert throttle.room(len(flying), now, limits) >= 1
            cost = waiting.pop()
            bad = len(flying) >= service.bears
            throttle.began(now, cost, limits)
            service.began.append((now, cost))
            heapq.heappush(flying, (now + (0.01 if bad else service.latency), now, cost, bad))
        times = [flying[0][0]] if flying else []
        if waiting and len(flying) < int(throttle.width):
            times.append(now + throttle.wait(now))
        now = max(now + 1e-6, min(times))
        while flying and flying[0][0] <= now:
            _, begun, cost, bad = heapq.heappop(flying)
            if bad:
                service.refused += 1
                throttle.refuse(begun, now, service.retry_after)
                waiting.append(cost)
            else:
                service.answered += 1
                throttle.answered()
        throttle = through_json(throttle)
    return now - BEGIN


def through_json(throttle: Throttle) -> Throttle:
    """What the next slice begins with."""
    again = msgspec.convert(json.loads(json.dumps(msgspec.to_builtins(throttle), allow_nan=False)), Throttle)
    assert again == throttle
    return again


@given(
    per_minute=st.integers(1, 5000),
    calls=st.integers(1, 300),
    latency=st.sampled_from([0.05, 1.0, 20.0]),
)
def test_no_minute_sees_more_calls_than_the_limit(per_minute: int, calls: int, latency: float) -> None:
    service = Service(bears=1000, latency=latency, retry_after=None)
    drive(Throttle(), service, Limits(requests_per_minute=per_minute), [0] * calls, seconds=1e9)
    times = [time for time, _ in service.began]
    assert len(times) == calls
    for place, begin in enumerate(times):
        within = sum(begin <= time < begin + MINUTE for time in times[place : place + per_minute + 2])
        assert within <= per_minute


@given(per_minute=st.integers(100, 100_000), tokens=st.lists(st.integers(1, 2000), max_size=150))
def test_no_minute_sees_more_tokens_than_the_limit_and_one_call(per_minute: int, tokens: list[int]) -> None:
    service = Service(bears=1000, latency=1.0, retry_after=None)
    drive(Throttle(), service, Limits(tokens_per_minute=per_minute), tokens, seconds=1e9)
    assert [cost for _, cost in service.began] == tokens
    for begin, _ in service.began:
        within = [cost for time, cost in service.began if begin <= time < begin + MINUTE]
        assert sum(within[:-1]) <= per_minute


@given(
    bears=st.integers(1, 40),
    latency=st.floats(0.05, 5),
    calls=st.integers(1, 400),
    retry_after=st.none() | st.floats(0, 3),
)
def test_whatever_the_service_bears_all_calls_are_answered_and_few_are_refused(
    bears: int, latency: float, calls: int, retry_after: float | None
) -> None:
    service = Service(bears=bears, latency=latency, retry_after=retry_after)
    drive(Throttle(), service, Limits(), [0] * calls, seconds=1e7)
    assert service.answered == calls
    assert service.refused <= 2 * WIDEST + calls


def test_without_limits_the_width_doubles_with_each_round_trip() -> None:
    service = Service(bears=1000, latency=1.0, retry_after=None)
    took = drive(Throttle(), service, Limits(), [0] * 1000, seconds=1e6)
    assert took == pytest.approx(3 + (1000 - 4 - 8 - 16) / WIDEST, abs=1.5)


def test_a_limit_is_used_up() -> None:
    service = Service(bears=1000, latency=0.5, retry_after=None)
    took = drive(Throttle(), service, Limits(requests_per_minute=600), [0] * 1800, seconds=1e6)
    assert took <= 3 * MINUTE * 1.05


def test_refusals_of_calls_that_were_under_way_together_count_once() -> None:
    throttle = Throttle(width=16.0)
    for _ in range(10):
        throttle.refuse(BEGIN, BEGIN + 1, 2.0)
    assert throttle.width == 8.0
    throttle.refuse(BEGIN + 1.5, BEGIN + 2, 2.0)
    assert throttle.width == 4.0


@pytest.mark.parametrize("asked", [0.2, 30.0, 86_400.0])
def test_a_time_that_the_service_names_is_kept_however_long_it_is(asked: float) -> None:
    throttle = Throttle()
    throttle.refuse(BEGIN, BEGIN, asked)
    assert throttle.wait(BEGIN) == pytest.approx(asked)
    assert not throttle.may_begin(0, BEGIN + asked * 0.99)
    assert throttle.may_begin(0, BEGIN + asked + 0.001)


def test_refusals_without_a_time_are_waited_out_longer_each_time_up_to_a_minute() -> None:
    throttle, now, waits = Throttle(), BEGIN, []
    for _ in range(10):
        throttle.refuse(now, now, None)
        waits.append(throttle.wait(now))
        now += waits[-1] + 0.001
    assert waits == pytest.approx([0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60], rel=0.01)
    throttle.answered()
    throttle.refuse(now, now, None)
    assert throttle.wait(now) == pytest.approx(0.5, rel=0.01)


def test_a_service_that_names_no_time_worth_the_name_is_not_asked_in_circles() -> None:
    throttle = Throttle()
    throttle.refuse(BEGIN, BEGIN, 0.0)
    assert throttle.wait(BEGIN) > 0


def test_few_intents_are_written_ahead_of_a_slow_pace() -> None:
    slow, fast = Limits(requests_per_minute=30), Limits(requests_per_minute=60_000)
    throttle = Throttle(width=WIDEST)
    assert throttle.room(0, BEGIN, slow) == 1
    assert throttle.room(0, BEGIN, fast) == WIDEST + WIDEST // 4
    assert throttle.room(int(WIDEST), BEGIN, fast) == 0


@given(width=st.floats(1, WIDEST), data=st.data())
def test_slices_at_the_same_time_are_together_as_wide_as_one(width: float, data: st.DataObject) -> None:
    throttle = Throttle(width=width, requests_due_at=BEGIN)
    slices = data.draw(st.integers(1, int(width)))
    shares = [throttle.shared_by(slices) for _ in range(slices)]
    assert sum(int(share.width) for share in shares) <= width
    for share in shares:
        assert throttle.learned(share, share).width == pytest.approx(width)


@pytest.mark.parametrize("slices", [1, 2, 8])
def test_refusals_narrow_slices_at_the_same_time_down_to_a_single_call(slices: int) -> None:
    throttle, now = Throttle(width=8.0), BEGIN
    for expected in (4.0, 2.0, 1.0, 1.0):
        now = max(now, throttle.blocked_until) + 1
        share = throttle.shared_by(min(slices, int(throttle.width)))
        left = [msgspec.structs.replace(share) for _ in range(min(slices, int(throttle.width)))]
        for one in left:
            one.refuse(now, now + 0.5, 2.0)
            throttle = throttle.learned(share, one)
        assert (throttle.width, throttle.refused, throttle.blocked_until) == (expected, True, now + 2.5)
