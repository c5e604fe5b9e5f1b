"""The state of a snapshot's work: what there is, what a fault changes, who is admitted, and what it comes to."""

import msgspec
import pytest

from domain.contracts import Fault, ListedFile, Pause, SnapshotReport, TakenFiles
from domain.flow.flow import RECENT_FILES, WAITING_SHARDS, Flow
from domain.flow.pacing import MAX_OTHER_TRIES
from domain.flow.state import Call, FileState, FileStep, ShardState, ShardStep
from domain.records import SpecBlob
from domain.service.outcomes import Tally
from tests.domain.flow.stories import (
    NEVER,
    NO,
    NOW,
    SETTINGS,
    active,
    begun,
    ended,
    file_at,
    flow_of,
    live,
    shard_in,
    waiting,
)

SHARED = msgspec.structs.replace(SETTINGS, files_per_call=4, bytes_per_call=400_000)

# --- what there is ---------------------------------------------------------------------------------------------------


def listed(count: int) -> list[ListedFile]:
    return [ListedFile(key=f"new{number}", path=f"new/{number}.csv", size=1) for number in range(count)]


@pytest.mark.parametrize("pooled", [False, True])
def test_it_begins_with_what_the_snapshot_took(pooled: bool) -> None:
    flow = Flow.of("snapshot-9", TakenFiles(files=7, pages=2, settings=SETTINGS, pooled=pooled))
    assert flow == Flow(snapshot_id="snapshot-9", settings=SETTINGS, files_total=7, pages=2, pooled=pooled)


def test_it_is_finished_when_nothing_is_left_of_any_kind() -> None:
    assert flow_of(pages=2, next_page=2).finished
    assert flow_of(pages=2, next_page=3).finished
    for flow in (
        flow_of(pages=2, next_page=1),
        flow_of(backlog=listed(1)),
        flow_of(file_at()),
        flow_of(shards=[waiting()]),
        flow_of(in_flight=[Call("poll_batches", {})]),
    ):
        assert not flow.finished


def test_files_shards_and_calls_are_found_by_what_they_are() -> None:
    flow = flow_of(waiting(0, key="a"), active(1, key="a"), active(1, key="b"), waiting(2, key="b"))
    flow.in_flight = [Call("one", {}, "a"), Call("two", {}, "b", "0001"), Call("one", {}, "b", "0002")]
    assert flow.file("b").path == "in/b.csv"
    assert flow.shard_of(flow.in_flight[1]) is flow.shards[2]
    assert flow.shards_in(ShardStep.ACTIVE) == flow.shards[1:3]
    assert flow.calls_of("one") == [flow.in_flight[0], flow.in_flight[2]]
    assert flow.busy() == {("a", ""), ("b", "0001"), ("b", "0002")}
    # A call about one of a file's shards is none about the file as a whole.
    assert [flow.is_busy(key) for key in "abc"] == [True, False, False]


@pytest.mark.parametrize(
    ("shard", "at"),
    [
        (active(submitted_at=NOW), NOW + SETTINGS.deadline_seconds),
        # An adopted one whose age is not known.
        (active(submitted_at=0.0), SETTINGS.deadline_seconds),
        (live(), float("inf")),
        (msgspec.structs.replace(live(), submitted_at=1.0), 1.0 + SETTINGS.deadline_seconds),
    ],
)
def test_the_deadline_counts_from_the_beginning_of_a_shard(shard: ShardState, at: float) -> None:
    flow = flow_of(shard)
    assert flow.overdue_at(shard) == at
    assert flow.is_overdue(shard, at)
    assert at == float("inf") or not flow.is_overdue(shard, at - 1)


# --- faults ----------------------------------------------------------------------------------------------------------


def test_a_fault_counts_and_is_waited_out_longer_each_time() -> None:
    flow, waits = flow_of(file_at()), []
    file = flow.file("k")
    for _ in range(5):
        assert flow.delay(file, NO, NOW)
        waits.append(file.not_before - NOW)
    assert (file.tries, waits) == (5, [2.0, 2.0, 4.0, 8.0, 16.0])


def test_a_file_that_has_had_its_chances_is_set_aside_with_the_reason() -> None:
    flow = flow_of(file_at())
    file = flow.file("k")
    for _ in range(MAX_OTHER_TRIES - 1):
        flow.delay_or_hold(file, NEVER, NOW)
        assert file.step is FileStep.PREPARE
    flow.delay_or_hold(file, NEVER, NOW)
    assert (file.step, file.hold_reason, file.needs_version) == (FileStep.HOLD, "mishap: Never.", False)


def test_a_final_fault_is_not_waited_out_and_another_version_of_the_app_may_help() -> None:
    final = Fault(code="crash", message="It takes the worker down.", final=True)
    flow = flow_of(file_at(), waiting(key="b"))
    flow.delay_or_hold(flow.file("k"), final, NOW)
    flow.delay_or_drop(flow.shards[0], final, NOW)
    flow.settle(NOW)
    assert [(file.step, file.hold_reason, file.needs_version) for file in flow.files] == [
        (FileStep.HOLD, "crash: It takes the worker down.", True)
    ] * 2


def test_a_shard_that_has_had_its_chances_is_left_where_it_is_and_its_file_goes_once_the_others_have_ended() -> (
    None
):
    flow = flow_of(waiting(0), ended(1))
    s = shard_in(flow, 0)
    for _ in range(MAX_OTHER_TRIES):
        assert flow.shards[0] is s
        flow.delay_or_drop(s, NEVER, NOW)
    assert s.step is ShardStep.LEFT
    assert [one.shard.shard for one in flow.shards] == ["0001"]
    flow.settle(NOW)
    assert flow.file("k").step is FileStep.RUN
    flow.shards = []
    flow.settle(NOW)
    assert (flow.file("k").step, flow.file("k").hold_reason) == (FileStep.HOLD, "mishap: Never.")
    assert not flow.file("k").needs_version


@pytest.mark.parametrize("needs", ["", "needs_settings", "needs_version", "again_soon"])
def test_a_file_whose_shard_is_left_waits_for_what_that_shard_needs(needs: str) -> None:
    flow = flow_of(waiting(0))
    flow.drop(flow.shards[0], "No such deployment.", **({needs: True} if needs else {}))
    (hold,) = begun(flow)
    assert (hold.activity, hold.input["reason"], flow.shards) == ("hold_file", "No such deployment.", [])
    said = {name: hold.input[name] for name in ("needs_settings", "needs_version", "again_soon")}
    assert said == {name: name == needs for name in said}


# --- files that go on ------------------------------------------------------------------------------------------------


def test_a_file_is_written_when_its_last_shard_has_ended() -> None:
    flow = flow_of(
        ended(0, key="a"), file_at(FileStep.RUN, key="b"), file_at(key="c"), file_at(FileStep.HOLD, key="d")
    )
    flow.settle(NOW)
    assert {file.key: file.step for file in flow.files} == {
        "a": FileStep.RUN,
        "b": FileStep.WRITE,
        "c": FileStep.PREPARE,
        "d": FileStep.HOLD,
    }


def test_a_file_that_leaves_is_counted_and_shown_for_a_while() -> None:
    flow = flow_of(*(file_at(FileStep.ARCHIVE, key=f"k{number}", requests=number) for number in range(20)))
    for file in list(flow.files)[:15]:
        flow.leave(file, "rejected" if file.key == "k14" else "done")
        assert file.step is FileStep.LEFT
    assert [file.key for file in flow.files] == [f"k{number}" for number in range(15, 20)]
    assert (flow.totals.done, flow.totals.rejected) == (14, 1)
    assert [(left.path, left.state, left.requests) for left in flow.recent] == [
        (f"in/k{number}.csv", "rejected" if number == 14 else "done", number)
        for number in range(15 - RECENT_FILES, 15)
    ]


# --- files that are admitted -----------------------------------------------------------------------------------------


def admitted(*items: FileState | ShardState, micro: int = 3, most: int = 20) -> int:
    """How many files are admitted beside these, with one more than may be in the backlog."""
    settings = msgspec.structs.replace(SETTINGS, micro_batch_size=micro, max_active_batches=most)
    waiting_files = listed(700)
    flow = flow_of(*items, settings=settings, backlog=list(waiting_files))
    before = list(flow.files)
    flow.settle(NOW)
    new = flow.files[len(before) :]
    assert flow.files[: len(before)] == before
    assert [file.key for file in new] == [file.key for file in waiting_files[: len(new)]]
    assert flow.backlog == waiting_files[len(new) :]
    return len(new)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        pytest.param(SHARED.light_bytes, 2 * 3 * 4, id="small files share their activities"),
        pytest.param(SHARED.light_bytes + 1, 2 * 3, id="large ones do not"),
    ],
)
def test_two_micro_batches_are_as_many_files_as_their_activities_take(size: int, expected: int) -> None:
    backlog = [msgspec.structs.replace(file, size=size) for file in listed(50)]
    flow = flow_of(settings=SHARED, backlog=backlog)
    flow.settle(NOW)
    assert len(flow.files) == expected


def several(kind: str, count: int, *, files: int | None = None) -> list[ShardState]:
    make = {"waiting": waiting, "active": active, "live": live, "ended": ended}[kind]
    return [make(number, key=f"{kind}{number % (files or count)}") for number in range(count)]


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        pytest.param([], 6, id="two micro-batches are ahead of the submissions"),
        pytest.param(
            [file_at(key=f"k{number}") for number in range(4)], 2, id="those being prepared are ahead"
        ),
        pytest.param(several("waiting", 4), 2, id="files with shards to submit are ahead"),
        pytest.param(several("waiting", 40, files=4), 2, id="whatever the number of their shards"),
        pytest.param([*several("waiting", 2), file_at(), file_at(key="l")], 2, id="both count"),
        pytest.param(several("waiting", 9), 0, id="never less than none"),
        pytest.param(several("active", 17), 6, id="while there are places"),
        pytest.param(several("active", 19), 4, id="fewer when they run out"),
        pytest.param(several("live", 19), 4, id="live calls count as batches do"),
        pytest.param([*several("active", 10), *several("live", 9)], 4, id="together"),
        pytest.param([*several("active", 19), *several("waiting", 2)], 2, id="and with what is ahead"),
        pytest.param(several("active", 23), 0, id="none beyond a micro-batch more than the places"),
        pytest.param(several("ended", 20), 6, id="what is collected takes no place"),
        pytest.param(several("ended", 33), 2, id="but it is not left to pile up"),
        pytest.param([file_at(FileStep.WRITE, key=f"k{n}") for n in range(36)], 0, id="nor is anything else"),
    ],
)
def test_files_are_admitted_while_there_is_room_ahead_of_the_submissions(
    items: list[FileState | ShardState], expected: int
) -> None:
    assert admitted(*(msgspec.structs.replace(item) for item in items)) == expected


@pytest.mark.parametrize(
    ("shards", "expected"), [(WAITING_SHARDS - 2, 2), (WAITING_SHARDS, 0), (WAITING_SHARDS + 9, 0)]
)
def test_no_file_is_admitted_while_hundreds_of_shards_wait(shards: int, expected: int) -> None:
    assert admitted(*several("waiting", shards, files=1), micro=10, most=500) == expected


def test_what_is_paused_is_ahead_of_nothing() -> None:
    """It must not keep those behind it from going to other deployments."""
    shards = [waiting(number, key=f"k{number}", model="full") for number in range(8)]
    flow = flow_of(*shards, waiting(0, key="other"), backlog=listed(50))
    until = flow.pauses.begin(Pause(model="full", kind="quota", message="Full."), NOW).until
    flow.settle(until)
    assert len(flow.files) == 9
    flow.settle(until - 1)
    assert len(flow.files) == 9 + 5
    # Nor do the files of paused shards count among those that pile up.
    full = flow_of(*several("ended", 33), *shards, backlog=listed(50))
    full.pauses = flow.pauses
    full.settle(until - 1)
    assert len(full.files) == 33 + 8 + 2


def test_a_file_is_admitted_as_it_was_listed() -> None:
    spec = SpecBlob(path="_batch.yaml", etag="1")
    one = ListedFile(key="a", path="in/a.csv", size=77, fresh=True, spec=spec, waited=True)
    flow = flow_of(backlog=[one])
    flow.settle(NOW)
    assert flow.files == [FileState(key="a", path="in/a.csv", size=77, fresh=True, spec=spec, waited=True)]


# --- the end ---------------------------------------------------------------------------------------------------------


def test_the_report_sums_up() -> None:
    flow = flow_of(files_total=15)
    flow.totals.done, flow.totals.rejected, flow.totals.held, flow.totals.gone = 1, 2, 4, 8
    flow.totals.tally.ok = 16
    assert flow.report() == SnapshotReport(
        snapshot_id="snapshot-1", files=15, done=1, rejected=2, held=4, gone=8, tally=Tally(ok=16)
    )
