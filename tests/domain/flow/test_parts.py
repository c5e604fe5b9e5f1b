"""A flow in two parts, and their reports together."""

import msgspec
import pytest

from domain.contracts import ListedFile, Pause, SnapshotReport
from domain.flow.flow import Flow
from domain.flow.pacing import QuotaGauge
from domain.flow.parts import can_split, merged, split
from domain.flow.state import FileState, FileStep, Finished, ShardState
from domain.service.outcomes import Tally
from tests.domain.flow.stories import NOW, SETTINGS, active, begun, file_at, flow_of, waiting

LISTED = ListedFile(key="b", path="b.csv", size=1)


def stuck(*others: FileState | ShardState, **state: object) -> Flow:
    """A flow with a file that is being prepared, and others that came after that."""
    flow = flow_of(file_at(key="slow"))
    assert [call.key for call in begun(flow, NOW)] == ["slow"]
    more = flow_of(*others)
    flow.files += more.files
    flow.shards += more.shards
    flow.files_total += len(more.files)
    return msgspec.structs.replace(flow, **state)


@pytest.mark.parametrize(
    ("flow", "can"),
    [
        (stuck(), False),
        (stuck(file_at(key="other")), True),
        (stuck(backlog=[LISTED]), True),
        (stuck(pages=2, next_page=1), True),
        (stuck(pages=2, next_page=2), False),
        (flow_of(file_at()), True),
    ],
)
def test_what_no_call_is_under_way_for_may_go_on_by_itself(flow: Flow, can: bool) -> None:
    assert can_split(flow) is can


def test_two_parts_do_not_share_a_budget_while_a_cost_is_not_known() -> None:
    settings = msgspec.structs.replace(SETTINGS, max_cost=9.0)
    flow = stuck(file_at(key="other"), settings=settings)
    assert not can_split(flow)
    flow.in_flight = [msgspec.structs.replace(flow.in_flight[0], activity="write_outputs")]
    assert can_split(flow)


def test_the_rest_goes_on_as_if_nothing_had_happened_and_what_is_stuck_waits() -> None:
    flow = stuck(active(0, key="other"), file_at(FileStep.WRITE, key="third"))
    flow.poll.next_at = NOW
    begun(flow, NOW)
    flow.files_total, flow.pages, flow.next_page, flow.backlog = 9, 4, 3, [LISTED]
    flow.totals.done, flow.totals.rejected, flow.totals.held, flow.totals.gone = 1, 2, 3, 4
    flow.totals.tally.ok, flow.totals.cost = 7, 1.5
    flow.recent = [Finished(path="a.csv", state="done", requests=1)]
    flow.gauges["gpt"] = QuotaGauge(1, 2)
    flow.pauses.begin(Pause(model="gpt", kind="quota", message="Full."), NOW)
    before = msgspec.structs.replace(flow)
    calls = {call.activity for call in flow.in_flight}
    assert calls == {"prepare_file", "write_outputs", "poll_batches"}

    rest = split(flow, "-1")

    assert (rest.part, rest.in_flight, rest.files_total) == ("-1", [], 7)
    assert [file.key for file in rest.files] == ["other"]
    assert [s.key for s in rest.shards] == ["other"]
    assert (rest.pages, rest.next_page, rest.backlog) == (4, 3, [LISTED])
    assert (rest.totals.files, rest.totals.tally.ok, rest.totals.cost) == (10, 7, 1.5)
    for name in ("snapshot_id", "settings", "recent", "gauges", "pauses", "poll", "throttles", "allowance"):
        assert getattr(rest, name) == getattr(before, name)

    assert [file.key for file in flow.files] == ["slow", "third"]
    assert flow.shards == []
    assert {call.activity for call in flow.in_flight} == {"prepare_file", "write_outputs"}
    assert (flow.files_total, flow.backlog, flow.next_page, flow.pages) == (2, [], 4, 4)
    assert (flow.totals.files, flow.totals.tally, flow.totals.cost) == (0, Tally(), 0.0)
    assert flow.recent == []
    assert flow.part == ""


def test_a_shard_stays_with_its_file() -> None:
    flow = flow_of(waiting(0, key="a"), waiting(1, key="a"), waiting(2, key="b"), places=1)
    assert [call.shard for call in begun(flow, NOW)] == ["0000"]
    rest = split(flow, "-1")
    assert [s.identity for s in flow.shards] == [("a", "0000"), ("a", "0001")]
    assert [s.identity for s in rest.shards] == [("b", "0002")]


def test_the_reports_of_all_parts_are_one() -> None:
    def report(*counts: int) -> SnapshotReport:
        files, done, rejected, held, gone, ok = counts
        return SnapshotReport(
            snapshot_id="snapshot-1",
            files=files,
            done=done,
            rejected=rejected,
            held=held,
            gone=gone,
            tally=Tally(ok=ok, failed=1),
        )

    parts = [report(1, 2, 3, 4, 5, 6), report(10, 20, 30, 40, 50, 60), report(100, 200, 300, 400, 500, 600)]
    assert merged(parts) == msgspec.structs.replace(
        report(111, 222, 333, 444, 555, 666), tally=Tally(ok=666, failed=3)
    )
    assert parts[0] == report(1, 2, 3, 4, 5, 6)
    assert merged(parts[:1]) == parts[0]
