"""How long to wait for what."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.contracts import Fault, Pause, SnapshotSettings
from domain.errors import NeedsOwnProcessError
from domain.flow.pacing import (
    FAULT_LONGEST_SECONDS,
    MAX_OTHER_TRIES,
    MAX_PASSING_TRIES,
    MAX_TRIES_FOR_A_TURN,
    PAUSE_FIRST_SECONDS,
    PAUSE_LONGEST_SECONDS,
    SHORTEST_WAIT_SECONDS,
    TURN_LONGEST_SECONDS,
    Pauses,
    PollClock,
    QuotaGauge,
    exhausted,
    fault_delay,
)
from tests.domain.flow.stories import said

SETTINGS = SnapshotSettings(poll_min_seconds=60.0, poll_max_seconds=900.0)
NOW = 1000.0
PASSING = Fault(code="mishap", message="No.")
GPT, OTHER = ("*", "gpt"), ("*", "other")
QUOTA = Pause(model="gpt", kind="quota", message="Full.")


def test_faults_wait_twice_as_long_each_time_up_to_a_limit() -> None:
    delays = [fault_delay(tries, PASSING) for tries in range(1, 12)]
    assert delays[:5] == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert delays[-1] == FAULT_LONGEST_SECONDS
    assert fault_delay(10_000, PASSING) == FAULT_LONGEST_SECONDS


@pytest.mark.parametrize(
    ("asked", "tries", "expected"), [(120.0, 1, 120.0), (0.5, 3, 4.0), (4000.0, 20, 4000.0)]
)
def test_the_service_is_never_asked_again_before_the_time_it_named(
    asked: float, tries: int, expected: float
) -> None:
    assert fault_delay(tries, Fault(code="x", message="y", retry_after=asked)) == expected


def test_what_passes_gets_a_day_and_what_does_not_a_minute() -> None:
    lasting = Fault(code="mishap", message="No.", passing=False)
    assert [exhausted(MAX_OTHER_TRIES - 1, lasting), exhausted(MAX_OTHER_TRIES, lasting)] == [False, True]
    assert [exhausted(MAX_PASSING_TRIES - 1, PASSING), exhausted(MAX_PASSING_TRIES, PASSING)] == [False, True]
    assert sum(fault_delay(tries, PASSING) for tries in range(1, MAX_PASSING_TRIES)) > 20 * 3600


def test_what_waits_for_its_turn_to_run_alone_looks_often_and_for_a_day() -> None:
    turn = Fault(code=NeedsOwnProcessError.code, message="Busy.", retry_after=5.0)
    delays = [fault_delay(tries, turn) for tries in range(1, MAX_TRIES_FOR_A_TURN)]
    assert delays[:4] == [5.0, 5.0, 5.0, 8.0]
    assert max(delays) == TURN_LONGEST_SECONDS
    assert 20 * 3600 < sum(delays) < 25 * 3600
    assert [exhausted(tries, turn) for tries in (MAX_TRIES_FOR_A_TURN - 1, MAX_TRIES_FOR_A_TURN)] == [
        False,
        True,
    ]
    assert exhausted(MAX_OTHER_TRIES, msgspec.structs.replace(turn, passing=False))


# --- looking at batches ----------------------------------------------------------------------------------------------


def test_looks_grow_apart_while_nothing_happens_and_come_back_after_progress() -> None:
    clock, intervals = PollClock(), []
    clock.after_submission(NOW, SETTINGS)
    for _ in range(9):
        clock.after_poll(NOW, SETTINGS, progress=False)
        intervals.append(clock.next_at - NOW)
    assert intervals[:3] == [90.0, 135.0, 202.5]
    assert intervals[-1] == SETTINGS.poll_max_seconds
    clock.after_poll(NOW, SETTINGS, progress=True)
    assert clock.next_at == NOW + SETTINGS.poll_min_seconds


def test_the_first_look_is_left_to_others_where_there_are_any() -> None:
    alone, beside = PollClock(), PollClock()
    alone.after_submission(NOW, SETTINGS)
    beside.after_submission(NOW, SETTINGS, others_look=True)
    assert (alone.next_at, beside.next_at) == (NOW + 60, NOW + 90)
    assert (alone.max_age(SETTINGS), beside.max_age(SETTINGS)) == (60, 90)
    no_longer = SnapshotSettings(poll_min_seconds=60.0, poll_max_seconds=70.0)
    beside.after_submission(NOW + 100, no_longer, others_look=True)
    assert beside.next_at == NOW + 170
    alone.after_submission(NOW + 10, SETTINGS, others_look=True)
    assert alone.next_at == NOW + 60


def test_a_new_batch_is_looked_at_soon_and_does_not_put_off_the_others() -> None:
    clock = PollClock(interval=900.0, next_at=NOW + 800)
    clock.after_submission(NOW, SETTINGS)
    assert clock.next_at == NOW + 60
    clock.after_submission(NOW + 30, SETTINGS)
    assert clock.next_at == NOW + 60


@given(interval=st.floats(1.0, 86_400.0), shortest=st.floats(1.0, 86_400.0), longest=st.floats(1.0, 86_400.0))
def test_news_of_others_are_no_older_than_the_own_wait(
    interval: float, shortest: float, longest: float
) -> None:
    settings = SnapshotSettings(poll_min_seconds=shortest, poll_max_seconds=longest)
    age = PollClock(interval=interval).max_age(settings)
    assert interval / 2 <= age <= interval
    if interval > 4 * shortest:
        assert age == interval / 2


@pytest.mark.parametrize(
    ("interval", "age"), [(60.0, 60.0), (120.0, 120.0), (180.0, 120.0), (240.0, 120.0), (300.0, 150.0)]
)
def test_news_of_others_may_be_two_of_the_shortest_waits_old_before_half_of_the_wait_is_more(
    interval: float, age: float
) -> None:
    assert PollClock(interval=interval).max_age(SETTINGS) == age


@pytest.mark.parametrize("next_at", [NOW - 10, NOW])
def test_a_look_that_is_due_waits_for_the_new_batch(next_at: float) -> None:
    clock = PollClock(interval=900.0, next_at=next_at)
    clock.after_submission(NOW, SETTINGS)
    assert clock.next_at == NOW + 60


@pytest.mark.parametrize("fault", [None, PASSING])
def test_looks_follow_each_other_no_quicker_than_the_engines_timers_can_tell(fault: Fault | None) -> None:
    clock, quick = PollClock(), SnapshotSettings(poll_min_seconds=0.25, poll_max_seconds=0.5)
    clock.after_poll(NOW, quick, progress=True, fault=fault)
    assert clock.next_at == NOW + SHORTEST_WAIT_SECONDS


def test_a_poll_that_was_told_to_wait_waits() -> None:
    clock = PollClock()
    clock.after_poll(
        NOW, SETTINGS, progress=False, fault=Fault(code="http_429", message="", retry_after=2000.0)
    )
    assert clock.next_at == NOW + 2000


# --- deployments that take nothing -----------------------------------------------------------------------------------


def test_a_pause_begins_short_and_doubles_with_each_refusal_after_it() -> None:
    pauses, now, delays = Pauses(), NOW, []
    for _ in range(9):
        pause = pauses.begin(QUOTA, now)
        delays.append(pause.until - now)
        now = pause.until
    assert delays[:3] == [PAUSE_FIRST_SECONDS, 2 * PAUSE_FIRST_SECONDS, 4 * PAUSE_FIRST_SECONDS]
    assert delays[-1] == PAUSE_LONGEST_SECONDS


@pytest.mark.parametrize(("before_its_end", "delay"), [(1.5, 5.0), (1.0, 10.0), (0.2, 10.0), (0.0, 10.0)])
def test_a_refusal_in_the_last_second_of_a_pause_is_one_after_it(before_its_end: float, delay: float) -> None:
    """What is due within a second is due, so it may be sent by then."""
    pauses = Pauses()
    until = pauses.begin(QUOTA, NOW).until
    known = pauses.begin(QUOTA, until - before_its_end)
    assert known.delay == delay
    assert known.until == (until if delay == PAUSE_FIRST_SECONDS else until - before_its_end + delay)


def test_a_queue_has_room_up_to_its_limit() -> None:
    gauge = QuotaGauge(enqueued=700, limit=1000)
    assert [gauge.has_room(tokens) for tokens in (299, 300, 301)] == [True, True, False]


def test_what_is_waited_for_is_said_until_all_may_pass() -> None:
    pauses = Pauses()
    pauses.begin(QUOTA, NOW)
    assert said(pauses) == ["Full."]
    pauses.succeeded(GPT, NOW, 2)
    assert said(pauses) == []


def test_several_refusals_of_one_round_are_one_refusal() -> None:
    pauses = Pauses()
    assert {pauses.begin(QUOTA, NOW + moment).until for moment in (0, 0.1, 2)} == {NOW + PAUSE_FIRST_SECONDS}


def test_after_a_pause_one_shard_tries_and_each_success_lets_twice_as_many_through() -> None:
    pauses = Pauses()
    until = pauses.begin(QUOTA, NOW).until
    assert pauses.width(GPT, NOW, 10) == 0
    assert pauses.width(OTHER, NOW, 10) == 10
    widths = []
    for _ in range(5):
        widths.append(pauses.width(GPT, until, 10))
        pauses.succeeded(GPT, until, 10)
    assert widths == [1, 2, 4, 8, 10]
    assert said(pauses) == []


def test_a_pause_is_as_old_as_the_last_success_in_it() -> None:
    pauses = Pauses()
    pauses.begin(QUOTA, NOW)
    pauses.succeeded(GPT, NOW + 100, 10)
    assert pauses.begin(QUOTA, NOW + 200).since == NOW + 100
    assert pauses.width(GPT, NOW + 250, 10) == 1


def test_room_that_is_made_ends_a_wait_for_quota_but_not_for_a_setting() -> None:
    pauses = Pauses()
    pauses.begin(QUOTA, NOW)
    pauses.begin(Pause(model="other", kind="configuration", message="No such deployment."), NOW)
    for reaches in (GPT, OTHER, ("*", "third")):
        pauses.room_made(reaches, NOW + 1)
    assert pauses.width(GPT, NOW + 1, 10) == 1
    assert pauses.width(OTHER, NOW + 1, 10) == 0


def test_a_missing_role_pauses_every_deployment() -> None:
    pauses = Pauses()
    pauses.begin(Pause(model=None, kind="configuration", message="No role."), NOW)
    assert pauses.width(GPT, NOW, 10) == pauses.width(OTHER, NOW, 10) == 0
    assert pauses.over_at(GPT) == pauses.over_at(OTHER) == NOW + PAUSE_FIRST_SECONDS
    pauses.succeeded(GPT, NOW + 10, 1)
    assert pauses.width(OTHER, NOW + 10, 10) == 10


steps = st.tuples(
    st.sampled_from(["refused", "succeeded", "room"]), st.sampled_from(["a", "b", None]), st.floats(0, 600)
)


@given(st.lists(steps, max_size=40), st.integers(1, 10))
def test_a_pause_never_lasts_longer_than_its_limit_and_never_lets_too_many_through(
    history: list[tuple[str, str | None, float]], widest: int
) -> None:
    pauses, now = Pauses(), NOW
    for what, model, after in history:
        now += after
        if what == "refused":
            pause = pauses.begin(Pause(model=model, kind="quota", message="Full."), now)
            assert pause.since <= now < pause.until <= now + PAUSE_LONGEST_SECONDS
        elif what == "succeeded":
            pauses.succeeded(["*", model or "a"], now, widest)
        else:
            pauses.room_made(["*", model or "a"], now)
        assert all(0 <= pauses.width(("*", name), now, widest) <= widest for name in "ab")
        assert all(pauses.over_at(("*", name)) <= now + PAUSE_LONGEST_SECONDS for name in "ab")
        assert all(
            (pauses.width(("*", name), now, widest) == 0) == (pauses.over_at(("*", name)) > now)
            for name in "ab"
        )
