"""What people see of a running snapshot."""

import json
from typing import Any

import pytest

from domain.contracts import Pause
from domain.flow.progress import (
    LONGEST_CALL_SECONDS,
    MAX_FILES,
    MAX_FILES_OF_PARTS,
    MAX_MESSAGE_UNITS,
    MAX_PATH_UNITS,
    progress,
    summed,
)
from domain.flow.state import Call, FileState, FileStep, Finished, ShardState
from domain.service.outcomes import Tally
from tests.domain.flow.history import STATUS_LIMIT_BYTES
from tests.domain.flow.stories import NOW, active, ended, file_at, flow_of, live, waiting


def test_counts_and_files_are_told_with_where_they_stand() -> None:
    flow = flow_of(
        file_at(FileStep.PREPARE, key="a"),
        active(0, key="b"),
        active(1, key="b"),
        file_at(FileStep.ARCHIVE, key="c", requests=5, ended=5),
        files_total=30,
        recent=[Finished(path="in/z.csv", state="rejected", requests=4)],
    )
    file = flow.file("b")
    file.tokens, file.cost = 50, 0.00002
    flow.shards[0].done, flow.shards[1].done, flow.file("b").ended = 3, 4, 5
    totals = flow.totals
    totals.done, totals.rejected, totals.held, totals.gone = 1, 2, 4, 8
    totals.tally, totals.cost = Tally(ok=100, failed=10), 0.0001234
    flow.shards[1].status = "in_progress"
    flow.pauses.begin(Pause(model="gpt", kind="quota", message="Full."), NOW)
    assert progress(flow, parts=["p"], wake_at=NOW) == {
        "files_total": 30,
        "files_done": 15,
        "files_rejected": 2,
        "files_held": 4,
        "files_working": 3,
        "active_batches": 2,
        "batches_by_status": {"in_progress": 1, "submitted": 1},
        "enqueued_tokens": 2 * 25,
        "estimated_cost": 0.0001234,
        "tokens_in_work": 50,
        "cost_in_work": 0.00002,
        # What is archived is counted in the tally already.
        "requests_total": 110 + 20,
        "requests_done": 110 + 12,
        "requests_failed": 10,
        "message": "Full.",
        "files": [
            {"key": "a", "path": "in/a.csv", "state": "preparing", "requests": 0, "done": 0},
            {"key": "c", "path": "in/c.csv", "state": "writing", "requests": 5, "done": 5},
            {"key": "b", "path": "in/b.csv", "state": "in_progress", "requests": 20, "done": 12}
            | {"cost": 0.00002},
            {"path": "in/z.csv", "state": "rejected", "requests": 4, "done": 4},
        ],
        "parts": ["p"],
        "stirs_by": NOW,
    }


def test_nothing_is_told_of_an_empty_flow() -> None:
    told = progress(flow_of())
    assert (told["message"], told["files"], told["parts"], told["stirs_by"]) == (None, [], [], None)


@pytest.mark.parametrize(
    ("items", "state"),
    [
        ([file_at(FileStep.PREPARE)], "preparing"),
        ([file_at(FileStep.WRITE)], "writing"),
        ([file_at(FileStep.ARCHIVE)], "writing"),
        ([file_at(FileStep.HOLD)], "held"),
        ([file_at(FileStep.RUN)], "collecting"),
        ([waiting(0)], "submitting"),
        ([ended(0)], "collecting"),
        ([live(0)], "sending"),
        ([active(0)], "in_progress"),
        ([waiting(0), ended(1)], "collecting"),
        ([waiting(0), ended(1), live(2)], "sending"),
        ([waiting(0), ended(1), live(2), active(3)], "in_progress"),
        # It has shards of an earlier attempt, and is written anew.
        ([file_at(FileStep.WRITE), waiting(0)], "writing"),
    ],
)
def test_a_file_is_where_the_one_of_its_shards_is_that_takes_longest(
    items: list[FileState | ShardState], state: str
) -> None:
    assert [file["state"] for file in progress(flow_of(*items))["files"]] == [state]


def test_costs_are_told_to_a_billionth_of_a_dollar_and_those_of_a_file_to_a_millionth() -> None:
    flow = flow_of(active(0))
    flow.totals.cost = flow.file("k").cost = 0.12345678912
    told = progress(flow)
    assert (told["estimated_cost"], told["cost_in_work"]) == (0.123456789, 0.123456789)
    assert told["files"][0]["cost"] == 0.123457


def test_no_more_is_done_than_there_is() -> None:
    flow = flow_of(active(0, requests=10))
    flow.file("k").ended, flow.shards[0].done = 4, 9
    told = progress(flow)
    assert (told["requests_done"], told["files"][0]["done"]) == (10, 10)


def test_a_few_files_are_shown() -> None:
    flow = flow_of(*(file_at(key=f"k{number}") for number in range(MAX_FILES + 1)))
    assert [file["path"] for file in progress(flow)["files"]] == [
        f"in/k{number}.csv" for number in range(MAX_FILES)
    ]


# --- by when it will have stirred ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wake_at", "ages", "stirs_by"),
    [
        (None, [], None),
        (NOW + 9, [], NOW + 9),
        (NOW + 9, [5.0], NOW + 9),
        (None, [5.0, 90.0], NOW - 90 + LONGEST_CALL_SECONDS),
        # The deadline's timer is far ahead, and the call's answer may be lost.
        (NOW + 48 * 3600, [90.0, 5.0], NOW - 90 + LONGEST_CALL_SECONDS),
        (0.0, [5.0], 0.0),
    ],
)
def test_it_says_by_when_it_will_have_stirred(
    wake_at: float | None, ages: list[float], stirs_by: float | None
) -> None:
    calls = [Call("prepare_file", {}, f"k{number}", begun_at=NOW - age) for number, age in enumerate(ages)]
    assert progress(flow_of(in_flight=calls), wake_at=wake_at)["stirs_by"] == stirs_by


# --- all of it fits --------------------------------------------------------------------------------------------------


def units(text: str) -> int:
    """UTF-16 code units of a text in JSON, without its quotes."""
    return len(json.dumps(text, ensure_ascii=False).encode("utf-16-le")) // 2 - 2


def shown_path(path: str) -> str:
    flow = flow_of(file_at())
    flow.files[0].path = path
    shown: str = progress(flow)["files"][0]["path"]
    return shown


@pytest.mark.parametrize(
    "path", ["a" * MAX_PATH_UNITS, "🦜" * 50, '"' * 50, "\x01" * 16, "ü語" * 50, "a/" * 49 + "\\"]
)
def test_a_path_that_fits_is_shown_in_full(path: str) -> None:
    assert units(path) <= MAX_PATH_UNITS
    assert shown_path(path) == path


@pytest.mark.parametrize("end", ["-end.csv", "🦜", '"'])
@pytest.mark.parametrize("letter", ["a", "ü", "🦜", '"', "\\", "\x01", " "])
def test_of_a_longer_path_the_end_is_shown(letter: str, end: str) -> None:
    path = "folder/" + letter * 120 + end
    shown = shown_path(path)
    assert shown[0] == "…"
    assert path.endswith(shown[1:])
    # As much as fits: a letter more would be too much.
    assert units(shown) <= MAX_PATH_UNITS < units(shown) + 2 * units(letter)


@pytest.mark.parametrize("letter", ["a", "ü", "🦜", '"', "\x1f"])
def test_of_a_long_message_the_beginning_is_shown(letter: str) -> None:
    flow = flow_of()
    message = "Full: " + letter * 2000
    flow.pauses.begin(Pause(model="gpt", kind="quota", message=message), NOW)
    shown: str = progress(flow)["message"]
    assert message.startswith(shown)
    assert units(shown) <= MAX_MESSAGE_UNITS < units(shown) + units(letter)


def test_what_is_waited_for_is_told_together() -> None:
    flow = flow_of()
    for model in ("b", "a"):
        flow.pauses.begin(Pause(model=model, kind="quota", message=f"{model} is full."), NOW)
    assert progress(flow)["message"] == "a is full.; b is full."


@pytest.mark.parametrize("letter", ["a", "ü", "語", "🦜", '"', "\\", "\t"])
def test_the_document_fits_into_a_custom_status_whatever_the_paths_look_like(letter: str) -> None:
    path = letter * 700
    flow = flow_of(
        *(FileState(key=f"{number:020x}", path=path, requests=100_000) for number in range(60)),
        recent=[Finished(path=path, state="done", requests=100_000)] * 12,
    )
    flow.shards = [active(number) for number in range(60)]
    for number, shard in enumerate(flow.shards):
        shard.status = f"{number}{letter * 60}"
    for file in flow.files:
        file.tokens, file.cost = 10**10, 12345.123456789
    flow.totals.cost = 1234567.123456789
    for model in range(60):
        flow.pauses.begin(Pause(model=f"gpt-{model}", kind="quota", message=f"{model}{letter * 400}"), NOW)
    shown = json.dumps(progress(flow), ensure_ascii=False)
    assert len(shown.encode("utf-16-le")) <= STATUS_LIMIT_BYTES


# --- parts -----------------------------------------------------------------------------------------------------------


def part(message: str | None = None, files: int = 1) -> dict[str, Any]:
    flow = flow_of(*(file_at(key=f"k{number}") for number in range(files)))
    return progress(flow) | {"message": message}


def test_the_documents_of_all_parts_are_one() -> None:
    counts = (
        "files_total",
        "files_done",
        "files_rejected",
        "files_held",
        "files_working",
        "active_batches",
        "requests_total",
        "requests_done",
        "requests_failed",
        "enqueued_tokens",
        "estimated_cost",
        "tokens_in_work",
        "cost_in_work",
    )
    first = part("A.") | {name: number for number, name in enumerate(counts)}
    first["batches_by_status"] = {"in_progress": 1}
    second = part("B.") | dict.fromkeys(counts, 10) | {"batches_by_status": {"in_progress": 2, "new": 1}}
    whole = summed([first, part(), {}, second])
    assert whole is not None
    # The third of them has one file.
    assert {name: whole[name] for name in counts} == {
        name: number + 10 + (name in ("files_total", "files_working")) for number, name in enumerate(counts)
    }
    assert whole["message"] == "A.; B."
    assert whole["files"] == first["files"] * 3
    assert whole["batches_by_status"] == {"in_progress": 3, "new": 1}
    assert set(whole) == {*counts, "batches_by_status", "message", "files"}


def test_the_document_of_an_earlier_version_is_summed_up_as_well() -> None:
    earlier, today = part(), part()
    absent = ("files_working", "enqueued_tokens", "estimated_cost", "cost_in_work")
    for name in (*absent, "batches_by_status"):
        del earlier[name]
    whole = summed([earlier, today])
    assert whole is not None
    assert whole["files_total"] == 2
    assert {name: whole[name] for name in absent} == {name: today[name] for name in absent}


def test_where_nothing_is_told_there_is_nothing_to_sum_up() -> None:
    assert summed([]) is None
    assert summed([{}, {"other": 1}]) is None
    whole = summed([part()])
    assert whole is not None
    assert whole["message"] is None


def test_a_few_files_of_many_parts_are_shown() -> None:
    whole = summed([part(files=MAX_FILES)] * 9)
    assert whole is not None
    assert len(whole["files"]) == MAX_FILES_OF_PARTS
