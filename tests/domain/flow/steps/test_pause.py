"""What becomes of a shard whose deployment takes nothing for now."""

import msgspec
import pytest

from domain.contracts import Pause
from domain.flow.pacing import PAUSE_FIRST_SECONDS, SHORTEST_WAIT_SECONDS
from domain.flow.state import Call, ShardStep
from domain.flow.steps import pause as pausing
from domain.flow.steps.pause import UNCERTAIN_SECONDS, pause
from domain.service.regrouping import PauseKind
from tests.domain.flow.stories import GPT, NOW, SETTINGS, active, flow_of, said, shard_in, waiting

FULL = Pause(model="gpt", kind="quota", message="Full.")
DEADLINE = SETTINGS.deadline_seconds


def test_a_shard_goes_to_the_end_of_the_queue_and_its_deployment_is_paused() -> None:
    flow = flow_of(waiting(0), waiting(1), waiting(2))
    pause(flow, shard_in(flow, 1), FULL, NOW)
    assert [s.shard.shard for s in flow.shards] == ["0000", "0002", "0001"]
    assert said(flow.pauses) == ["Full."]
    assert flow.pauses.over_at(GPT) > NOW


@pytest.mark.parametrize("after", [DEADLINE - 1, DEADLINE])
def test_a_pause_that_lasts_beyond_the_deadline_sets_the_file_aside(after: float) -> None:
    flow = flow_of(waiting(0), waiting(1))
    pause(flow, shard_in(flow, 0), FULL, NOW)
    s = shard_in(flow, 1)
    pause(flow, s, FULL, NOW + after)
    assert (s.step is ShardStep.LEFT) is (after == DEADLINE)
    assert flow.file("k").hold_reason == ("Full." if after == DEADLINE else None)


def test_a_shard_whose_batches_fail_again_and_again_has_waited_since_the_first() -> None:
    flow = flow_of(waiting(0), waiting(1))
    first, second = flow.shards
    first.failing_since, second.failing_since = NOW - DEADLINE + 1, NOW - DEADLINE
    for s in (first, second):
        pause(flow, s, FULL, NOW)
    assert [s.step for s in (first, second)] == [ShardStep.SUBMIT, ShardStep.LEFT]


def test_a_shard_that_is_refused_although_nothing_that_is_paused_holds_it_waits_by_itself() -> None:
    flow = flow_of(waiting(0))
    # A pause of its own is just over.
    flow.pauses.begin(FULL, NOW - PAUSE_FIRST_SECONDS)
    pause(flow, shard_in(flow), Pause(model="other", kind="quota", message="Full."), NOW)
    assert shard_in(flow).not_before == NOW + PAUSE_FIRST_SECONDS
    flow = flow_of(waiting(0))
    pause(flow, shard_in(flow), FULL, NOW)
    assert shard_in(flow).not_before == 0.0


@pytest.mark.parametrize("before_its_end", [2.5, 2.0, 1.3, 0.5])
def test_a_shard_that_is_refused_just_before_the_end_of_a_pause_does_not_begin_again_at_once(
    before_its_end: float,
) -> None:
    flow = flow_of(waiting(0))
    refused_at = flow.pauses.begin(FULL, NOW).until - before_its_end
    pause(flow, shard_in(flow), FULL, refused_at)
    due_at = max(shard_in(flow).not_before, flow.pauses.over_at(GPT))
    assert due_at >= refused_at + SHORTEST_WAIT_SECONDS


@pytest.mark.parametrize("kind", ["configuration", "quota"])
def test_of_many_shards_that_wait_for_a_person_the_first_stay_and_the_files_of_the_others_are_set_aside(
    kind: PauseKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not counted: what another refusal stops, what is under way, and what had a batch."""
    monkeypatch.setattr(pausing, "MOST_MISCONFIGURED", 2)
    alike = [waiting(number, key=f"k{number}") for number in range(5)]
    others = [
        waiting(0, key="other", model="other"),
        active(0, key="active"),
        waiting(0, key="busy"),
        waiting(0, key="failing"),
    ]
    others[-1].failing_since = NOW
    flow = flow_of(*others, *alike)
    flow.in_flight = [Call("submit_batch", {}, "busy", "0000")]
    pause(flow, alike[0], Pause(model="gpt", kind=kind, message="No such deployment."), NOW)
    held = {file.key: file.needs_settings for file in flow.files if file.hold_reason == "No such deployment."}
    assert held == ({"k3": True, "k4": True, "k0": True} if kind == "configuration" else {})
    left = [s.key for s in flow.shards]
    stay = ["k1", "k2"] if kind == "configuration" else ["k1", "k2", "k3", "k4", "k0"]
    assert left == ["other", "active", "busy", "failing", *stay]


@pytest.mark.parametrize(
    ("why", "are_held"),
    [
        (Pause(model="gpt", kind="configuration", message="No."), True),
        (Pause(model="gpt", kind="configuration", message="No.", reach="gpt"), True),
        (Pause(model="gpt", kind="configuration", message="No.", reach="gpt /v1"), True),
        (Pause(model=None, kind="configuration", message="No.", reach="*"), False),
        (Pause(model=None, kind="configuration", message="No."), False),
        (FULL, False),
    ],
)
@pytest.mark.parametrize("failing_since", [0.0, NOW])
@pytest.mark.parametrize("certain", [True, False])
def test_files_whose_deployment_a_person_has_to_set_right_are_set_aside_after_a_while(
    why: Pause, are_held: bool, failing_since: float, certain: bool
) -> None:
    """Those that the same refusals stop, and the one that was refused; what others wait for, and what runs, goes on."""
    why = msgspec.structs.replace(why, certain=certain)
    patience = SETTINGS.misconfigured_seconds if certain else UNCERTAIN_SECONDS
    s = waiting(0, key="k0")
    s.failing_since = failing_since
    others = [waiting(0, key="k1"), waiting(0, key="other", model="other"), active(0, key="active")]
    flow = flow_of(s, *others)
    pause(flow, s, why, NOW)
    pause(flow, s, why, NOW + patience - 1)
    assert s in flow.shards
    pause(flow, s, why, NOW + patience)
    held = {file.key for file in flow.files if file.hold_reason == why.message}
    assert held == ({"k0", "k1"} if are_held else set())
    assert all(flow.file(key).needs_settings and flow.file(key).again_soon for key in held)
