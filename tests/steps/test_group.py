"""A group is carried out one call after the other, until its time is over or one stands in the way of the others."""

from typing import Any

import pytest

from adapters.services import Services
from domain.contracts import CallGroup, FileWork, NamedCall, ShardWork, to_wire
from domain.errors import PassingError
from steps import group as groups
from steps.by_name import STEPS


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps in place of the real ones note whose call they are, and fail for a file called so."""
    keys: list[str] = []

    def step(work: FileWork, _services: Services) -> dict[str, Any]:
        keys.append(work.key)
        if work.key == "fails":
            raise PassingError("Not now.", code="storage")
        return {"batch_id": "b"} if work.key != "paused" else {"paused": PAUSED}

    for activity in ("archive_input", "submit_batch"):
        monkeypatch.setitem(STEPS, activity, (FileWork, step))
    return keys


PAUSED = {"model": "m", "kind": "quota", "message": "Full."}


def asked(activity: str, *keys: str, seconds: float = 10.0) -> CallGroup:
    work = [to_wire(FileWork(snapshot_id="s", key=key)) for key in keys]
    return CallGroup(calls=[[NamedCall(activity=activity, input=one)] for one in work], seconds=seconds)


def clock(*times: float) -> Any:
    return iter(times).__next__


@pytest.mark.parametrize(
    ("activity", "keys", "times", "carried_out"),
    [
        ("archive_input", ["a", "b", "c"], [0, 1, 2, 3], ["a", "b", "c"]),
        ("archive_input", ["a", "b", "c"], [0, 1, 11, 12], ["a", "b"]),
        ("archive_input", ["a", "b", "c"], [0, 100, 101], ["a"]),
        ("archive_input", ["a", "fails", "c"], [0, 1, 2], ["a", "fails"]),
        ("submit_batch", ["a", "paused", "c"], [0, 1, 2], ["a", "paused"]),
        ("archive_input", ["a", "paused", "c"], [0, 1, 2, 3], ["a", "paused", "c"]),
    ],
)
def test_the_rest_is_given_back(
    activity: str, keys: list[str], times: list[float], carried_out: list[str], done: list[str]
) -> None:
    answer = groups.carry_out(asked(activity, *keys), Services.__new__(Services), clock(*times))
    assert done == carried_out
    assert [len(told) for told in answer.answers] == [int(key in carried_out) for key in keys]
    assert [told[0].fault is not None for told in answer.answers if told] == [
        key == "fails" for key in carried_out
    ]


def test_every_activity_that_may_be_shared_has_its_step() -> None:
    assert STEPS["submit_batch"][0] is ShardWork
    assert set(STEPS) >= {
        "prepare_file",
        "cancel_batch",
        "collect_batch",
        "write_outputs",
        "archive_input",
        "hold_file",
    }
