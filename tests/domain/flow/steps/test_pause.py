"""What becomes of a shard whose deployment takes nothing for now."""

import pytest

from domain.contracts import Pause
from domain.flow.state import ShardStep
from domain.flow.steps.pause import pause
from tests.domain.flow.stories import NOW, SETTINGS, flow_of, shard_in, waiting

FULL = Pause(model="gpt", kind="quota", message="Full.")
DEADLINE = SETTINGS.deadline_seconds


def test_a_shard_goes_to_the_end_of_the_queue_and_its_deployment_is_paused() -> None:
    flow = flow_of(waiting(0), waiting(1), waiting(2))
    pause(flow, shard_in(flow, 1), FULL, NOW)
    assert [s.shard.shard for s in flow.shards] == ["0000", "0002", "0001"]
    assert flow.pauses.messages() == ["Full."]
    assert flow.pauses.over_at("gpt") > NOW


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
