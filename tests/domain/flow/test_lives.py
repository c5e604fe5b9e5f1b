"""Lives of a snapshot in which one thing goes wrong, to the end."""

from typing import Any

import pytest

from domain.contracts import Answer, Fault, SnapshotSettings, to_wire
from domain.flow.flow import Flow
from domain.flow.pacing import QuotaGauge
from domain.flow.state import Call
from domain.flow.steps import cancel as cancel_step
from domain.flow.steps import poll as poll_step
from tests.domain.flow import world as world_module
from tests.domain.flow.history import BEGIN, History, check_end
from tests.domain.flow.world import Mood, World

pytestmark = pytest.mark.lives

FOREVER = 10**9  # looks
SETTINGS = SnapshotSettings(micro_batch_size=2, max_active_batches=20)


def history(
    mood: Mood, *, files: int = 3, most_shards: int = 2, settings: SnapshotSettings = SETTINGS, seed: int = 1
) -> History:
    return History(World(mood, files=files, most_shards=most_shards, seed=seed), settings)


def lived(
    mood: Mood, *, files: int = 3, most_shards: int = 2, settings: SnapshotSettings = SETTINGS
) -> History:
    told = history(mood, files=files, most_shards=most_shards, settings=settings)
    told.live()
    check_end(told)
    return told


@pytest.mark.parametrize("lasting", [0.0, 1.0])
@pytest.mark.parametrize(
    "broken",
    ["prepare_file", "submit_batch", "poll_batches", "collect_batch", "write_outputs", "archive_input"],
)
def test_no_step_that_fails_for_ever_keeps_a_snapshot_alive(
    broken: str, lasting: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cancel_step, "PATIENCE_POLLS", 3)
    monkeypatch.setattr(poll_step, "PATIENCE_POLLS", 3)
    told = history(Mood(lasting=lasting), files=2)
    fault = to_wire(Answer(fault=told.world._fault()))
    carried_out = told.world.answer
    monkeypatch.setattr(
        told.world, "answer", lambda call, now: fault if call.activity == broken else carried_out(call, now)
    )
    told.live()
    report = told.report()
    if broken == "poll_batches":
        assert report.done == 2  # with outcomes that say what went wrong
    else:
        assert report.held == 2


def test_small_shards_of_one_deployment_are_sent_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world_module, "MODELS", ("gpt-a",))
    settings = SnapshotSettings(micro_batch_size=4, max_active_batches=20)
    told = history(Mood(storm_rounds=FOREVER, direct=1.0), files=40, most_shards=1, settings=settings)
    sent: list[int] = []
    check = told.check_under_way

    def counted(flow: Flow) -> None:
        check(flow)
        sent.append(len(flow.calls_of("send_slice")))

    monkeypatch.setattr(told, "check_under_way", counted)
    told.live()
    check_end(told)
    assert max(sent) == 4


@pytest.mark.parametrize(
    "mood", [Mood(storm_rounds=FOREVER, quota=1.0), Mood(storm_rounds=FOREVER, misconfigured=1.0)]
)
def test_a_deployment_that_takes_nothing_until_the_deadline_sets_its_files_aside(mood: Mood) -> None:
    told = lived(mood)
    assert told.report().held == 3
    assert told.now - BEGIN == pytest.approx(SETTINGS.deadline_seconds, rel=0.05)


def test_a_shard_whose_batches_fail_for_quota_again_and_again_is_set_aside_at_last() -> None:
    """Where the service takes a batch first and fails it for quota minutes later, no submission is ever refused."""
    mood = Mood(storm_rounds=FOREVER, again=1.0, ends=("failed",))
    told = lived(mood, files=1, most_shards=1)
    assert told.report().held == 1
    assert told.now - BEGIN == pytest.approx(SETTINGS.deadline_seconds, rel=0.2)


def test_a_queue_that_moves_is_waited_for_however_long_it_is() -> None:
    settings = SnapshotSettings(deadline_seconds=6 * 3600.0)
    told = lived(Mood(room=1, longest_hours=3), files=24, most_shards=1, settings=settings)
    assert told.now - BEGIN > 2 * settings.deadline_seconds
    assert told.report().done == 24


def refusals_of_a_queue_that_tells_how_full_it_is() -> int:
    refused = []
    for seed in range(10):
        told = history(
            Mood(token_limit=1000),
            files=30,
            most_shards=1,
            settings=SnapshotSettings(micro_batch_size=5),
            seed=seed,
        )
        carried_out = told.world.answer

        def counting(call: Call, now: float, carried_out: Any = carried_out) -> Any:
            answered = carried_out(call, now)
            refused.append(call.activity == "submit_batch" and bool(answered["ok"]["paused"]))
            return answered

        told.world.answer = counting  # type: ignore[method-assign]
        told.live()
        assert told.report().done == 30
    return sum(refused)


def test_what_a_queue_tells_spares_it_most_of_what_it_would_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    heeded = refusals_of_a_queue_that_tells_how_full_it_is()
    monkeypatch.setattr(QuotaGauge, "has_room", lambda *_: True)
    assert heeded < refusals_of_a_queue_that_tells_how_full_it_is() / 3


@pytest.mark.parametrize("broken", ["", "collect_batch", "write_outputs", "archive_input"])
def test_the_state_stays_small_however_many_files_there_are(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the orchestration's input, carried from generation to generation and read at each turn."""
    settings = SnapshotSettings(micro_batch_size=5, max_active_batches=20)
    told = history(Mood(longest_hours=0.1), files=150, most_shards=1, settings=settings)
    faulty, carried_out = to_wire(Answer(fault=Fault(code="mishap", message="No."))), told.world.answer
    monkeypatch.setattr(
        told.world, "answer", lambda call, now: faulty if call.activity == broken else carried_out(call, now)
    )
    most = 0
    while told.lives and told.world.rounds < 1000:
        told.world.rounds += 1
        told.look()
        most = max(most, *(max(len(life.flow.files), len(life.flow.shards)) for life in told.lives), 0)
    assert most <= settings.max_active_batches + 5 * settings.micro_batch_size


@pytest.mark.parametrize("stubborn", [0.0, 1.0])
def test_a_batch_that_never_ends_is_cancelled_at_the_deadline_and_collected_in_the_end(
    stubborn: float,
) -> None:
    told = lived(Mood(storm_rounds=FOREVER, endless=1.0, stubborn=stubborn), files=2)
    assert told.report().done == 2
    assert told.now - BEGIN > SETTINGS.deadline_seconds
    assert told.now - BEGIN < SETTINGS.deadline_seconds + 24 * SETTINGS.poll_max_seconds


def test_a_batch_in_a_state_nobody_knows_is_cancelled_long_before_the_deadline() -> None:
    told = lived(Mood(storm_rounds=FOREVER, odd=1.0), files=2)
    assert told.report().done == 2
    assert told.now - BEGIN < SETTINGS.deadline_seconds / 4


def test_a_batch_the_service_has_lost_is_collected_as_lost() -> None:
    told = lived(Mood(storm_rounds=FOREVER, lost=1.0), files=2)
    assert told.report().done == 2
    assert told.now - BEGIN < 3600


@pytest.mark.parametrize("asked", ["cancel", "hold", "approve", "priority"])
def test_whatever_people_ask_for_at_any_time_each_file_leaves_once(asked: str) -> None:
    """Also where pages of files, parts and several snapshots are on their way."""
    for seed in range(4):
        mood = Mood(storm_rounds=FOREVER, direct=0.3, slow=0.1, children=0.3, longest_hours=20)
        told = history(mood, files=12, seed=seed)
        told.world.asked = [(BEGIN + 600.0 * seed, asked, key) for key in sorted(told.world.files)[::2]]
        told.live()
        check_end(told)
        report = told.report()
        assert report.done + report.held == 12
        assert asked == "hold" or report.held == 0


def test_a_cancelled_file_makes_no_batch_any_more_and_is_over_long_before_its_batches_would_be() -> None:
    mood = Mood(storm_rounds=FOREVER, endless=1.0)
    told = history(mood, files=6, settings=SnapshotSettings(micro_batch_size=1, max_active_batches=2))
    told.world.asked = [(BEGIN + 100, "cancel", key) for key in told.world.files]
    told.live()
    check_end(told)
    assert told.report().done == 6
    assert told.now - BEGIN < 3 * 3600
    assert len(told.world.creations) <= 4, "batches were made of files that were to end"
