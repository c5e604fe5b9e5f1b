"""Whatever stands still is told: which files, since when, and when it is tried again."""

import time

import pytest

from domain.contracts import Pause
from domain.flow.waits import waits
from domain.service.reach import WHOLE_RESOURCE
from tests.domain.flow.stories import NOW, active, file_at, flow_of, waiting

# NOW is 14:13:20 in UTC.
SINCE, AGAIN = "14:13", "14:13"


def test_a_pause_names_the_files_that_it_stops() -> None:
    flow = flow_of(*(file_at(key=key) for key in ("a", "b", "c")))
    flow.shards = [waiting(key="a"), waiting(1, key="b", model="other"), waiting(2, key="c")]
    first = flow.file("a").path
    flow.pauses.begin(Pause(model="gpt", kind="configuration", message="No such deployment."), NOW)
    assert list(waits(flow)) == [
        f"No such deployment. {first} and 1 more: since {SINCE}, tried again at {AGAIN} UTC."
    ]


def test_one_file_is_named_alone_and_a_pause_without_files_says_only_why() -> None:
    flow = flow_of(file_at(key="a"))
    flow.shards = [waiting(key="a")]
    flow.pauses.begin(Pause(model=None, kind="configuration", message="No role.", reach=WHOLE_RESOURCE), NOW)
    flow.pauses.begin(Pause(model="other", kind="quota", message="Full."), NOW)
    path = flow.file("a").path
    assert list(waits(flow)) == [
        "Full.",
        f"No role. {path}: since {SINCE}, tried again at {AGAIN} UTC.",
    ]


def test_times_are_told_in_utc_wherever_the_app_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    flow = flow_of(waiting(key="a"))
    flow.pauses.begin(Pause(model="gpt", kind="quota", message="Full."), NOW)
    told = list(waits(flow))
    try:
        monkeypatch.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        assert list(waits(flow)) == told
    finally:
        monkeypatch.undo()
        time.tzset()


def test_an_active_batch_is_not_stopped_by_a_pause() -> None:
    flow = flow_of(file_at(key="a"))
    flow.shards = [active(key="a")]
    flow.pauses.begin(Pause(model="gpt", kind="quota", message="Full."), NOW)
    assert list(waits(flow)) == ["Full."]


def test_it_is_told_when_all_places_are_taken() -> None:
    flow = flow_of(file_at(key="a"))
    most = flow.settings.max_active_batches
    flow.shards = [active(number, key="a") for number in range(most - 1)] + [waiting(99, key="a")]
    assert list(waits(flow)) == []
    flow.shards.append(active(100, key="a"))
    assert list(waits(flow)) == [f"MAX_ACTIVE_BATCHES ({most}) are active; 1 more wait for a place."]
    flow.shards = [s for s in flow.shards if s.batch_id]
    assert list(waits(flow)) == []


def test_what_is_paused_waits_for_no_place() -> None:
    flow = flow_of(file_at(key="a"))
    most = flow.settings.max_active_batches
    flow.shards = [active(number, key="a") for number in range(most)] + [waiting(99, key="a")]
    flow.pauses.begin(Pause(model="gpt", kind="quota", message="Full."), NOW)
    assert len(list(waits(flow))) == 1
