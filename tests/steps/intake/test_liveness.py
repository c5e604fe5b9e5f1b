"""A snapshot is alive as long as it stirs, whatever the task hub says about it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.durable_functions.models.DurableOrchestrationStatus import DurableOrchestrationStatus

from domain.flow.progress import LONGEST_CALL_SECONDS
from domain.settings import Settings
from steps.intake.liveness import (
    LEAST_PATIENCE_SECONDS,
    MAX_REMEMBERED,
    MOST_TRUSTED_SECONDS,
    alive_in,
    patience_seconds,
    trusted_seconds,
)
from steps.recent import Recent

SNAPSHOT = "snapshot-20261127T100000.000Z"
FILES = f"{SNAPSHOT}-files"
BEGIN = 1_790_000_000.0
POLL_MAX_SECONDS = 100.0
PATIENCE = 500.0


def iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(eq=False)
class Outside:
    """What is asked of the services."""

    settings: Settings
    clock: Callable[[], float]


class Hub:
    """Statuses as the task hub tells them, at a time that is set."""

    def __init__(self) -> None:
        self.now = BEGIN
        self.statuses: dict[str, dict[str, Any]] = {}
        self.ended: list[str] = []
        self.late = Recent(MAX_REMEMBERED)
        settings = Settings(
            azure_openai_endpoint="http://127.0.0.1:9", data="x", poll_max_seconds=POLL_MAX_SECONDS
        )
        self.services: Any = Outside(settings, lambda: self.now)
        self.asked: list[str] = []

    def tells(
        self, instance_id: str, state: str = "Running", at: float = BEGIN, **custom_status: Any
    ) -> None:
        self.statuses[instance_id] = {
            "createdTime": iso(BEGIN),
            "lastUpdatedTime": iso(at),
            "runtimeStatus": state,
            "customStatus": custom_status or None,
        }

    async def get_status(self, instance_id: str) -> DurableOrchestrationStatus:
        self.asked.append(instance_id)
        return DurableOrchestrationStatus.from_json(self.statuses.get(instance_id, {}))

    async def terminate(self, instance_id: str, reason: str) -> None:
        assert reason
        self.ended.append(instance_id)

    def is_alive(self, *, after: float) -> bool:
        self.now = BEGIN + after

        async def ask() -> bool:
            return await alive_in(self, self.services, self.late)(SNAPSHOT)

        return asyncio.run(ask())


@pytest.fixture
def hub() -> Hub:
    return Hub()


def test_patience_is_several_poll_intervals_and_not_too_short() -> None:
    hub = Hub()
    assert patience_seconds(hub.services.settings) == PATIENCE
    quick = Settings(azure_openai_endpoint="http://127.0.0.1:9", data="x", poll_max_seconds=1.0)
    assert patience_seconds(quick) == LEAST_PATIENCE_SECONDS


@pytest.mark.parametrize("state", ["Completed", "Failed", "Terminated", "Canceled", None])
def test_what_has_ended_or_is_not_known_is_dead(hub: Hub, state: str | None) -> None:
    if state:
        hub.tells(SNAPSHOT, state)
    assert not hub.is_alive(after=1)
    assert hub.ended == []


def waits_for_a_timer(hub: Hub) -> None:
    hub.tells(SNAPSHOT)
    hub.tells(FILES, stirs_by=BEGIN + 50)


def waits_for_a_part(hub: Hub) -> None:
    hub.tells(SNAPSHOT)
    hub.tells(FILES, parts=["-1", "-2"])
    hub.tells(f"{FILES}-1", stirs_by=BEGIN + 10**9)
    hub.tells(f"{FILES}-2", stirs_by=BEGIN + 50)


def is_pending(hub: Hub) -> None:
    hub.tells(SNAPSHOT)
    hub.tells(FILES, "Pending")


def takes_files(hub: Hub) -> None:
    hub.tells(SNAPSHOT)


def wraps_up(hub: Hub) -> None:
    hub.tells(SNAPSHOT)
    hub.tells(FILES, "Completed", stirs_by=BEGIN + 50)


def has_parts_that_have_ended(hub: Hub) -> None:
    hub.tells(SNAPSHOT)
    hub.tells(FILES, stirs_by=BEGIN + LONGEST_CALL_SECONDS, parts=["-1"])
    hub.tells(f"{FILES}-1", "Completed")


SITUATIONS = [
    (waits_for_a_timer, 50, [SNAPSHOT, FILES]),
    (waits_for_a_part, 50, [SNAPSHOT, FILES, f"{FILES}-1", f"{FILES}-2"]),
    (is_pending, 0, [SNAPSHOT, FILES]),
    (takes_files, LONGEST_CALL_SECONDS, [SNAPSHOT]),
    (wraps_up, LONGEST_CALL_SECONDS, [SNAPSHOT]),
    (has_parts_that_have_ended, LONGEST_CALL_SECONDS, [SNAPSHOT, FILES]),
]


@pytest.mark.parametrize(("situation", "time", "ended"), SITUATIONS)
def test_what_has_not_stirred_in_its_time_and_is_seen_like_that_twice_is_ended(
    hub: Hub, situation: Callable[[Hub], None], time: float, ended: list[str]
) -> None:
    situation(hub)
    assert hub.is_alive(after=time)
    assert hub.is_alive(after=time + 10)
    # The app may have stood still: nothing is ended when it is seen late for the first time.
    assert hub.is_alive(after=time + PATIENCE)
    assert hub.ended == []
    assert not hub.is_alive(after=time + 10 + PATIENCE)
    assert hub.ended == ended


@pytest.mark.parametrize(("situation", "time", "ended"), SITUATIONS)
def test_what_stirs_is_alive_however_late(
    hub: Hub, situation: Callable[[Hub], None], time: float, ended: list[str]
) -> None:
    situation(hub)
    late = time + 10
    for _ in range(5):
        assert hub.is_alive(after=late)
        late += PATIENCE
        for instance in ended:
            if hub.statuses[instance]["runtimeStatus"] in ("Running", "Pending"):
                hub.statuses[instance]["lastUpdatedTime"] = iso(BEGIN + late)
        late += time
    assert hub.ended == []


def test_what_a_person_has_suspended_is_alive(hub: Hub) -> None:
    waits_for_a_timer(hub)
    hub.statuses[FILES]["runtimeStatus"] = "Suspended"
    for after in (100, 10_000, 1_000_000):
        assert hub.is_alive(after=after)


# --- how often it is asked -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shortest", "trusted"), [(1.0, 5.0), (60.0, 300.0), (3600.0, 300.0)])
def test_what_will_stir_is_trusted_for_some_of_its_waits(shortest: float, trusted: float) -> None:
    settings = Settings(azure_openai_endpoint="http://127.0.0.1:9", data="x", poll_min_seconds=shortest)
    assert trusted_seconds(settings) == trusted


def test_one_that_was_seen_alive_is_asked_about_minutes_later(hub: Hub) -> None:
    hub.tells(SNAPSHOT)
    hub.tells(FILES, stirs_by=BEGIN + 10_000)
    for after in (0, 100, MOST_TRUSTED_SECONDS - 1):
        assert hub.is_alive(after=after)
    assert hub.asked == [SNAPSHOT, FILES]
    hub.tells(FILES, "Failed")
    hub.tells(SNAPSHOT, "Failed")
    assert not hub.is_alive(after=MOST_TRUSTED_SECONDS)
    # What is dead is asked about each time: it may be begun again.
    hub.tells(SNAPSHOT)
    assert hub.is_alive(after=MOST_TRUSTED_SECONDS + 1)


def test_one_is_trusted_until_it_should_have_stirred_and_no_longer(hub: Hub) -> None:
    waits_for_a_timer(hub)
    assert hub.is_alive(after=0)
    hub.statuses.clear()
    assert hub.is_alive(after=49)
    assert not hub.is_alive(after=50)


def test_a_clock_that_is_set_back_makes_none_trusted_for_longer(hub: Hub) -> None:
    hub.tells(SNAPSHOT)
    hub.tells(FILES, stirs_by=BEGIN + 10_000)
    assert hub.is_alive(after=5_000)
    hub.statuses.clear()
    assert not hub.is_alive(after=0)


def test_sightings_are_bounded() -> None:
    late = Recent(MAX_REMEMBERED)
    for number in range(5000):
        late.add(("a", number), float(number))
    assert late.add(("a", 4999), 9999.0) == 4999.0
    assert late.add(("a", 0), 9999.0) == 9999.0
