"""Which calls share an activity, and what becomes of each of them."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.contracts import (
    Answer,
    CallGroup,
    CollectedShard,
    Fault,
    GroupAnswer,
    ListedFile,
    OpenShard,
    Pause,
    SnapshotSettings,
    Submitted,
    WrittenOutputs,
    from_wire,
    to_wire,
)
from domain.flow.grouping import AT_ONCE, GROUP_ACTIVITY, Groups, goes_on, stops_others
from domain.flow.machine import answers_of, asked_of, begin_calls, end_group
from domain.flow.state import Call, FileState, FileStep, ShardState
from tests.domain.flow.stories import (
    NOW,
    SETTINGS,
    active,
    answer,
    begun,
    ended,
    fail,
    file_at,
    flow_of,
    live,
    opened,
    pool_at,
    waiting,
)

SHARED = msgspec.structs.replace(SETTINGS, files_per_call=4, bytes_per_call=400_000)
DONE = to_wire(Answer(ok={}))


@given(
    calls=st.lists(st.tuples(st.sampled_from(["prepare_file", "write_outputs"]), st.booleans()), max_size=60),
    per_call=st.integers(1, 7),
    most=st.integers(0, 20),
)
def test_every_call_that_is_taken_is_in_one_group_of_its_kind(
    calls: list[tuple[str, bool]], per_call: int, most: int
) -> None:
    groups = Groups(SnapshotSettings(files_per_call=per_call), most)
    asked = [Call(activity, {}, f"k{n}", light=light) for n, (activity, light) in enumerate(calls)]
    taken = [call for call in asked if groups.add(call)]
    found = groups.all()

    assert sorted(call.key for group in found for call in group) == sorted(call.key for call in taken)
    assert len(found) <= most
    for group in found:
        assert 1 <= len(group) <= per_call
        assert len({call.activity for call in group}) == 1
        assert len(group) == 1 or all(call.light for call in group)


@pytest.mark.parametrize(("calls", "sizes"), [(3, [3]), (8, [4, 4]), (40, [10] * AT_ONCE), (200, [20] * 10)])
def test_a_few_go_together_and_many_at_the_same_time(calls: int, sizes: list[int]) -> None:
    groups = Groups(SnapshotSettings(files_per_call=20), 30)
    assert all(groups.add(Call("prepare_file", {}, f"k{n}", light=True)) for n in range(calls))
    assert [len(group) for group in groups.all()] == sizes


@pytest.mark.parametrize(
    ("most", "sizes"), [(1, [10]), (2, [10, 10]), (3, [5, 5, 10]), (4, [5, 5, 5, 5]), (9, [5, 5, 5, 5])]
)
def test_calls_are_spread_as_far_as_there_are_activities_left(most: int, sizes: list[int]) -> None:
    groups = Groups(SnapshotSettings(files_per_call=20), most)
    for activity in ("prepare_file", "write_outputs"):
        for number in range(10):
            groups.add(Call(activity, {}, f"k{number}", light=True))
    assert [len(group) for group in groups.all()] == sizes


def test_where_nothing_is_said_each_call_has_its_activity() -> None:
    """Snapshots that were begun before go on as they began."""
    flow = flow_of(*(file_at(key=f"k{n}") for n in range(3)))
    assert [asked_of(flow, group)[0] for group in begin_calls(flow, NOW, most=9).groups] == [
        "prepare_file"
    ] * 3


def test_a_large_file_and_one_that_has_failed_go_alone() -> None:
    flow = flow_of(
        file_at(key="large", size=100_001),
        file_at(key="tried", tries=1),
        file_at(key="k0", size=100_000),
        *(file_at(key=f"k{n}") for n in (1, 2)),
        settings=SHARED,
    )  # fmt: skip
    groups = begin_calls(flow, NOW, most=9).groups
    assert [sorted(call.key for call in group) for group in groups] == [
        ["large"],
        ["tried"],
        ["k0", "k1", "k2"],
    ]
    activity, wire = asked_of(flow, groups[-1])
    assert activity == GROUP_ACTIVITY
    asked = from_wire(wire, CallGroup)
    assert asked.seconds == SHARED.seconds_per_call
    assert [[call.activity for call in chain] for chain in asked.calls] == [["prepare_file"]] * 3
    assert [call.input for (call,) in asked.calls] == [call.input for call in groups[-1]]


SMALL: dict[str, FileState | ShardState] = {
    "prepare_file": file_at(FileStep.PREPARE),
    "write_outputs": file_at(FileStep.WRITE),
    "archive_input": file_at(FileStep.ARCHIVE),
    "hold_file": file_at(FileStep.HOLD),
    "deliver_settled": pool_at(FileStep.RUN, members=2, settled=1),
    "collect_batch": ended(0),
    "submit_batch": waiting(0),
    "cancel_batch": active(0, submitted_at=1.0),
}


@pytest.mark.parametrize("activity", SMALL)
def test_whatever_is_done_about_a_small_file_shares_an_activity_unless_it_has_failed(activity: str) -> None:
    one = SMALL[activity]
    flow = flow_of(one, *([live(0)] if activity == "deliver_settled" else []), settings=SHARED)
    (call,) = begun(flow, NOW, activity)
    assert call.light
    fail(flow, call)
    (again,) = begun(flow, NOW + 9, activity)
    assert (again.light, again.then) == (False, [])


def test_a_cancellation_moves_nothing_and_always_shares_an_activity() -> None:
    settings = msgspec.structs.replace(SHARED, bytes_per_call=0)
    (call,) = begun(flow_of(active(0, submitted_at=1.0), settings=settings), NOW, "cancel_batch")
    assert call.light


@pytest.mark.parametrize(
    ("small", "large", "begins"),
    [
        (50, 0, "s" * 12),
        # One that is not small takes a place as a whole.
        (0, 50, "l" * 3),
        (50, 1, "l" + "s" * 8),
        (50, 2, "ll" + "s" * 4),
        (50, 3, "lll"),
    ],
)
def test_there_is_room_for_a_micro_batch_of_activities(small: int, large: int, begins: str) -> None:
    flow = flow_of(
        *(file_at(key=f"l{n}", size=100_001) for n in range(large)),
        *(file_at(key=f"s{n}") for n in range(small)),
        settings=SHARED,
    )
    assert "".join(call.key[0] for call in begin_calls(flow, NOW, most=99).begun) == begins


def test_a_large_file_holds_up_no_small_one_where_there_is_no_whole_place_left() -> None:
    flow = flow_of(
        *(file_at(key=f"s{n}") for n in range(9)),
        file_at(key="l", size=100_001),
        file_at(key="t"),
        settings=SHARED,
    )
    assert sorted(call.key[0] for call in begin_calls(flow, NOW, most=99).begun) == [*"sssssssss", "t"]


def wire(*answers: list[Answer]) -> Any:
    return to_wire(Answer(ok=to_wire(GroupAnswer(answers=list(answers)))))


def ok(answer: object) -> Answer:
    return Answer(ok=to_wire(answer))


def test_a_small_file_is_delivered_along_with_its_last_shard() -> None:
    flow = flow_of(ended(0), settings=SHARED)
    (group,) = begin_calls(flow, NOW, most=9).groups
    asked = from_wire(asked_of(flow, group)[1], CallGroup)
    assert [call.activity for call in asked.calls[0]] == ["collect_batch", "write_outputs", "archive_input"]
    end_group(
        flow, group, answers_of(group, wire([ok(CollectedShard()), ok(WrittenOutputs()), Answer()])), NOW
    )
    assert flow.finished
    assert flow.totals.done == 1


@pytest.mark.parametrize(
    ("told", "step"),
    [
        ([ok(CollectedShard(children=[opened(1, attempt=2)]))], FileStep.RUN),
        ([ok(CollectedShard()), Answer(fault=Fault(code="storage", message="No."))], FileStep.WRITE),
        (
            [ok(CollectedShard()), ok(WrittenOutputs()), Answer(fault=Fault(code="a", message="b"))],
            FileStep.ARCHIVE,
        ),
    ],
)
def test_a_chain_that_breaks_off_goes_on_from_there(told: list[Answer], step: FileStep) -> None:
    flow = flow_of(ended(0), settings=SHARED)
    (group,) = begin_calls(flow, NOW, most=9).groups
    end_group(flow, group, answers_of(group, wire(told)), NOW)
    assert flow.file("k").step is step
    assert flow.in_flight == []


def test_a_file_with_another_open_shard_is_not_delivered_yet() -> None:
    flow = flow_of(ended(0), ended(1), settings=SHARED)
    assert [call.then for call in begin_calls(flow, NOW, most=9).begun] == [[], []]


def test_a_file_that_is_to_be_set_aside_is_not_delivered_along_with_its_last_shard() -> None:
    """What was dropped of it would be missing."""
    flow = flow_of(ended(0), waiting(1), settings=SHARED)
    flow.drop(flow.shards[1], "No such deployment.")
    (collect,) = begun(flow)
    assert (collect.activity, collect.then) == ("collect_batch", [])
    answer(flow, collect)
    assert [call.activity for call in begun(flow)] == ["hold_file"]


def test_a_pool_is_not_delivered_along_with_its_last_shard_while_a_call_about_it_is_under_way() -> None:
    flow = flow_of(pool_at(FileStep.RUN, members=2, settled=1), ended(0), settings=SHARED)
    calls = {call.activity: call for call in begun(flow)}
    assert sorted(calls) == ["collect_batch", "deliver_settled"]
    assert calls["collect_batch"].then == []


def test_a_large_file_is_archived_by_a_call_of_its_own() -> None:
    flow = flow_of(file_at(FileStep.WRITE, size=100_001), settings=SHARED)
    (write,) = begun(flow)
    assert write.then == []


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([[ok(CollectedShard())]], id="too few"),
        pytest.param([[ok(CollectedShard())], [], []], id="too many"),
        pytest.param(
            [[ok(CollectedShard()), ok(WrittenOutputs()), Answer(), Answer()], []], id="too many of one"
        ),
    ],
)
def test_answers_that_are_not_those_to_what_was_asked_are_a_defect_that_shows(
    answers: list[list[Answer]],
) -> None:
    flow = flow_of(ended(0, key="a"), ended(0, key="b"), settings=SHARED)
    (group,) = begin_calls(flow, NOW, most=9).groups
    with pytest.raises(ValueError, match=r"^zip\(\)"):
        end_group(flow, group, answers, NOW)


def test_files_are_admitted_while_a_chain_goes_on() -> None:
    flow = flow_of(ended(0, key="a"), waiting(0, key="b"), settings=SHARED)
    (group,) = [group for group in begin_calls(flow, NOW, most=9).groups if group[0].key == "a"]
    flow.backlog = [ListedFile(key="new", path="new.csv", size=1)]
    end_group(flow, group, [[ok(CollectedShard()), ok(WrittenOutputs())]], NOW)
    assert [(file.key, file.step) for file in flow.files] == [
        ("a", FileStep.ARCHIVE),
        ("b", FileStep.RUN),
        ("new", FileStep.PREPARE),
    ]


def test_what_was_given_back_begins_again_and_has_used_up_no_try() -> None:
    flow = flow_of(*(file_at(key=f"k{n}") for n in range(3)), settings=SHARED)
    (group,) = begin_calls(flow, NOW, most=9).groups
    end_group(flow, group, answers_of(group, wire([ok({"gone": True})], [], [])), NOW)
    assert [(file.key, file.tries) for file in flow.files] == [("k1", 0), ("k2", 0)]
    assert [len(again) for again in begin_calls(flow, NOW, most=9).groups] == [2]


def test_an_activity_that_dies_is_a_fault_of_each_of_its_calls_and_they_go_alone() -> None:
    flow = flow_of(*(file_at(key=f"k{n}") for n in range(3)), settings=SHARED)
    (group,) = begin_calls(flow, NOW, most=9).groups
    end_group(flow, group, answers_of(group, RuntimeError("The worker died.")), NOW)
    assert [file.reasons for file in flow.files] == [{"call_failed": 1}] * 3
    later = max(file.not_before for file in flow.files)
    assert [len(again) for again in begin_calls(flow, later, most=9).groups] == [1, 1, 1]


SHARD: OpenShard = opened(1)


@pytest.mark.parametrize(
    ("activity", "answer", "follows", "stops"),
    [
        ("collect_batch", ok(CollectedShard()), True, False),
        ("collect_batch", ok(CollectedShard(children=[SHARD])), False, False),
        (
            "collect_batch",
            ok(CollectedShard(again=Pause(model="m", kind="quota", message="Full."))),
            False,
            False,
        ),
        ("write_outputs", ok(WrittenOutputs()), True, False),
        ("write_outputs", ok(WrittenOutputs(gone=True)), False, False),
        ("submit_batch", ok(Submitted(batch_id="b")), True, False),
        ("submit_batch", ok(Submitted(paused=Pause(model="m", kind="quota", message="Full."))), True, True),
        ("archive_input", Answer(fault=Fault(code="a", message="b")), False, True),
    ],
)
def test_what_goes_on_and_what_stops_the_others(
    activity: str, answer: Answer, follows: bool, stops: bool
) -> None:
    assert (goes_on(activity, answer), stops_others(activity, answer)) == (follows, stops)
