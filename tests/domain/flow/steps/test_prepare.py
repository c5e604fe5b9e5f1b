"""A file becomes shards, or waits, or is set aside, or is gone."""

import msgspec
import pytest

from domain.contracts import FileWants, to_wire
from domain.flow.pacing import SHORTEST_WAIT_SECONDS
from domain.flow.state import FileStep, ShardStep
from domain.records import SpecBlob
from tests.domain.flow.stories import NOW, SETTINGS, answer, begun, ended, file_at, flow_of, opened, woken

ACTIVITY = "prepare_file"
SPEC = SpecBlob(path="_batch.yaml", etag="1")


def test_the_job_spec_travels_along() -> None:
    (call,) = begun(flow_of(file_at(fresh=True, spec=SPEC)), NOW)
    assert call.activity == ACTIVITY
    assert (call.input["snapshot_id"], call.input["key"], call.input["fresh"]) == ("snapshot-1", "k", True)
    assert call.input["spec"] == to_wire(SPEC)


@pytest.mark.parametrize(
    ("wants", "said"),
    [
        (FileWants(), ()),
        (FileWants(held=True), ("waits",)),
        (FileWants(unwanted=True), ("unwanted",)),
        # What is to end does not wait for that.
        (FileWants(held=True, unwanted=True), ("unwanted",)),
        (FileWants(approved=True, priority=4), ("approved",)),
    ],
)
@pytest.mark.parametrize("waited", [False, True])
def test_what_people_want_is_told_and_whether_the_file_was_set_aside_before(
    wants: FileWants, said: tuple[str, ...], waited: bool
) -> None:
    (call,) = begun(flow_of(file_at(wants=wants, waited=waited)), NOW, ACTIVITY)
    told = {name: call.input[name] for name in ("waits", "unwanted", "approved")}
    assert told == {name: name in said for name in told}
    assert call.input["waited"] is waited


def test_a_file_that_was_approved_meanwhile_is_prepared_again_after_the_shortest_wait() -> None:
    flow = flow_of(file_at())
    (call,) = begun(flow)
    flow.file("k").wants = FileWants(approved=True)
    answer(flow, call, NOW, held="More than MAX_TOKENS_PER_FILE.")
    assert begun(flow) == []
    assert woken(flow) == NOW + SHORTEST_WAIT_SECONDS


def test_shards_are_submitted_or_sent_and_batches_of_an_earlier_life_are_looked_at() -> None:
    flow = flow_of(file_at(), ended(9, key="other"))
    flow.poll.next_at = NOW + 900
    flow.poll.interval = 900.0
    (call,) = begun(flow, NOW, ACTIVITY)
    shards = [
        opened(0),
        opened(1, engine="direct"),
        opened(2, batch_id="batch-2", submitted_at=NOW - 9),
        opened(3, batch_id="batch-3"),
    ]
    answer(flow, call, NOW, requests=50, ended=4, shards=to_wire(shards), cost=1.5)
    file = flow.file("k")
    assert (file.step, file.requests, file.ended) == (FileStep.RUN, 50, 4)
    other, *opened_now = flow.shards
    assert other.key == "other"
    assert [(s.key, s.shard) for s in opened_now] == [("k", shard) for shard in shards]
    assert [s.step for s in opened_now] == [
        ShardStep.SUBMIT,
        ShardStep.SEND,
        ShardStep.ACTIVE,
        ShardStep.ACTIVE,
    ]
    assert [s.batch_id for s in opened_now] == [None, None, "batch-2", "batch-3"]
    assert [s.submitted_at for s in opened_now] == [0.0, 0.0, NOW - 9, 0.0]
    assert flow.totals.cost == 1.5
    assert (flow.poll.next_at, flow.poll.interval) == (NOW + 60, 60.0)


def test_without_a_batch_no_look_is_due() -> None:
    flow = flow_of(file_at())
    (call,) = begun(flow, NOW, ACTIVITY)
    answer(flow, call, NOW, requests=10, shards=to_wire([opened(0)]))
    assert flow.poll.next_at == 0.0


def test_a_file_that_is_not_ready_is_prepared_later() -> None:
    flow = flow_of(file_at())
    (call,) = begun(flow, NOW)
    answer(flow, call, NOW, wait_seconds=30.0)
    assert begun(flow, NOW + 28) == []
    assert woken(flow, NOW + 28) == NOW + 30
    assert len(begun(flow, NOW + 30)) == 1


def test_a_wait_of_no_time_is_a_wait() -> None:
    flow = flow_of(file_at())
    (call,) = begun(flow, NOW)
    answer(flow, call, NOW, wait_seconds=0.0)
    assert flow.file("k").step is FileStep.PREPARE
    assert woken(flow, NOW) == NOW + 2


def test_a_file_that_is_gone_leaves() -> None:
    flow = flow_of(file_at())
    (call,) = begun(flow, NOW)
    answer(flow, call, NOW, gone=True)
    assert (flow.totals.gone, flow.finished) == (1, True)


def test_a_file_that_needs_other_settings_is_set_aside_until_they_change() -> None:
    flow = flow_of(file_at())
    (call,) = begun(flow, NOW)
    answer(flow, call, NOW, held="No deployment is set.")
    (hold,) = begun(flow, NOW)
    assert (hold.input["reason"], hold.input["needs_settings"]) == ("No deployment is set.", True)


@pytest.mark.parametrize(("cost", "fits"), [(1.0, True), (1.25, False)])
def test_a_file_beyond_the_budget_is_set_aside_and_what_it_costs_is_not_counted(
    cost: float, fits: bool
) -> None:
    settings = msgspec.structs.replace(SETTINGS, max_cost=2.5)
    flow = flow_of(file_at(key="a"), file_at(key="b"), settings=settings)
    first, second = begun(flow, NOW, ACTIVITY)
    answer(flow, first, NOW, requests=1, cost=1.5)
    answer(flow, second, NOW, requests=1, cost=cost)
    file = flow.file("b")
    if fits:
        assert (file.step, flow.totals.cost) == (FileStep.RUN, 2.5)
        return
    assert (file.step, file.needs_settings, flow.totals.cost) == (FileStep.HOLD, True, 1.5)
    assert file.hold_reason == (
        "The file would cost about 1.25; with 1.50 for the files before it, the snapshot would exceed "
        "MAX_COST_PER_SNAPSHOT (2.5)."
    )
