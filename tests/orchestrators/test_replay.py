"""Histories of real runs, replayed: an edit that would break the instances that run while it is deployed fails here.

The extension holds a replay against its history by kind and name of each action, in their order; so do we, and more:
what was decided must be decided again. Fields that have been added since are no difference.

If a change is meant, and no instance in flight has to survive it: `python -m tests.orchestrators.record`.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from azure.functions import OrchestrationContext

from domain.contracts import from_wire
from domain.flow import generation, machine
from domain.flow.flow import Flow
from orchestrators import in_flight, process_snapshot, run_files

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))
HANDLES: dict[str, Callable[[OrchestrationContext], str]] = {
    "process_snapshot": process_snapshot.process_snapshot.build().get_user_function(),
    "run_files": run_files.run_files.build().get_user_function(),
}
CALL_ACTIVITY, CALL_SUB_ORCHESTRATOR, CONTINUE_AS_NEW, CREATE_TIMER, WHEN_ALL = 0, 2, 4, 5, 12
EVERY_ACTIVITY_BUT = {"hold_file"}  # hours pass before a file is set aside


def recorded(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


def name_of(request: dict[str, Any]) -> str:
    return str(next(event["Name"] for event in request["history"] if event["EventType"] == 0))


def replay(request: dict[str, Any], handle: Callable[[OrchestrationContext], str] | None = None) -> Any:
    return json.loads((handle or HANDLES[name_of(request)])(OrchestrationContext(json.dumps(request))))


def flat(actions: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for action in actions:
        yield {key: value for key, value in action.items() if key != "compoundActions"}
        yield from flat(action.get("compoundActions", []))


def decoded(value: Any) -> Any:
    """Give what JSON text stands for, however often it was encoded."""
    while isinstance(value, str) and value.startswith(('"', "{", "[")):
        value = json.loads(value)
    return value


def differences(was: Any, now: Any, where: str = "") -> list[str]:
    """Name what was there and is not any more, or is otherwise now."""
    was, now = decoded(was), decoded(now)
    if isinstance(was, dict) and isinstance(now, dict):
        return [d for key in was for d in differences(was[key], now.get(key, "nothing"), f"{where}.{key}")]
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        return [
            d
            for n, pair in enumerate(zip(was, now, strict=True))
            for d in differences(*pair, f"{where}[{n}]")
        ]
    return [] if was == now else [f"{where}: was {was!r}, is {now!r}"]


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_a_recorded_history_is_replayed_to_the_same_actions_and_the_same_end(path: Path) -> None:
    record = recorded(path)

    told = replay(record["request"])

    was, now = (list(flat(answer["actions"][0])) for answer in (record["answer"], told))
    assert [action["actionType"] for action in now] == [action["actionType"] for action in was]
    assert differences(was, now) == []
    assert told["isDone"] == record["answer"]["isDone"]
    assert differences(record["answer"].get("output"), told.get("output")) == []


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
def test_an_instance_that_was_deployed_in_the_middle_of_its_history_goes_on(path: Path) -> None:
    """Each turn of the past asks for what history says came of it; so a replay that begins there fits as well."""
    record = recorded(path)
    history, actions = record["request"]["history"], list(flat(record["answer"]["actions"][0]))
    for turn in (n for n, event in enumerate(history) if event["EventType"] == 13):
        told = replay({**record["request"], "history": history[:turn]})
        so_far = list(flat(told["actions"][0]))
        # A timer that is cancelled later is not cancelled yet.
        was, now = (
            [{name: value for name, value in action.items() if name != "isCanceled"} for action in told]
            for told in (actions[: len(so_far)], so_far)
        )
        assert differences(was, now) == []


def test_the_histories_hold_most_of_what_can_happen() -> None:
    records = [recorded(path) for path in HISTORIES]
    actions = [action for record in records for action in flat(record["answer"]["actions"][0])]
    kinds = Counter(action["actionType"] for action in actions)
    called = {action["functionName"] for action in actions if action["actionType"] == CALL_ACTIVITY}
    events = Counter(event["EventType"] for record in records for event in record["request"]["history"])

    assert kinds.keys() >= {CALL_ACTIVITY, CALL_SUB_ORCHESTRATOR, CONTINUE_AS_NEW, CREATE_TIMER, WHEN_ALL}
    assert called >= ACTIVITIES - EVERY_ACTIVITY_BUT
    assert events[6] == 1, "a call fails below its activity"
    told = json.dumps(records)
    assert all(f'\\"{word}\\"' in told for word in ("expired", "failed", "cancelled", "rejected"))


ACTIVITIES = {
    "archive_input",
    "cancel_batch",
    "collect_batch",
    "hold_file",
    "list_files",
    "poll_batches",
    "prepare_file",
    "remove_orphans",
    "share_limit",
    "submit_batch",
    "take_snapshot",
    "write_outputs",
    "write_snapshot_report",
}  # fmt: skip - a list to look at


def test_the_state_that_a_generation_hands_on_is_understood_by_the_next() -> None:
    handed_on = [
        decoded(action["input"])
        for path in HISTORIES
        for action in flat(recorded(path)["answer"]["actions"][0])
        if action["actionType"] == CONTINUE_AS_NEW
    ]
    assert len(handed_on) >= 3
    for state in handed_on:
        assert from_wire(state, Flow).files_total == state["files_total"]


# --- that these tests can fail ---------------------------------------------------------------------------------------


def test_another_order_of_calls_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "STEPS", machine.STEPS[::-1])
    assert broken() != []


def test_another_wait_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_flight, "ceil", lambda seconds: ceil(seconds) + 1)
    assert broken() != []


def test_another_length_of_generations_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "EVENTS_PER_GENERATION", 60)
    assert broken() != []


def test_an_activity_of_another_name_is_noticed() -> None:
    record = recorded(HISTORIES[0])
    actions = json.loads(json.dumps(record["answer"]["actions"]).replace("take_snapshot", "take_files"))
    assert differences(list(flat(actions[0])), list(flat(replay(record["request"])["actions"][0]))) != []


def broken() -> list[str]:
    """Name the recordings that a replay does not come up to."""
    found = []
    for path in HISTORIES:
        record = recorded(path)
        try:
            told = replay(record["request"])
        except Exception as error:  # noqa: BLE001 - the SDK raises nothing finer
            found.append(f"{path.stem}: {error}")
            continue
        was, now = (list(flat(answer["actions"][0])) for answer in (record["answer"], told))
        found += [f"{path.stem}{difference}" for difference in differences(was, now)]
    return found
