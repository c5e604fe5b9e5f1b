"""What it costs to follow ten thousand files, and to say how they ended."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from cli import following, watching
from cli.app_api import SilentAppError
from cli.deliveries import Found
from cli.following import Follower, Picture, status_of
from cli.statuses import FileStatus
from domain import names

MANY = 10_000
SNAPSHOT = "snapshot-20261124T031800.000Z"


def entry(number: int) -> dict[str, Any]:
    return {
        "key": f"{number:020x}",
        "path": f"in/{number:05}.csv",
        "state": "rejected" if number % 100 == 0 else "done",
        "requests": 2,
        "failed": 0,
        "cost": 0.5,
        "reason": "",
        "snapshot": SNAPSHOT,
    }


class Api:
    """An app whose snapshot has ended so many of its files; it counts what it is asked."""

    is_known = True

    def __init__(self) -> None:
        self.ended, self.asked, self.status = 0, 0, "Running"
        self.is_silent = False

    @property
    def snapshots(self) -> list[dict[str, Any]]:
        return [{"id": SNAPSHOT, "status": self.status}]

    def get(self, path: str) -> Any:
        if self.is_silent:
            raise SilentAppError("not now")
        if path == "snapshots":
            return {"snapshots": self.snapshots}
        self.asked += 1
        asked = parse_qs(urlsplit(path).query)
        start, limit = int(asked.get("after", ["d0"])[0][1:]), int(asked["limit"][0])
        items: list[dict[str, Any]] = []
        for number in range(start, self.ended):
            found = entry(number)
            if found["state"] == asked["state"][0]:
                if len(items) == limit:
                    return {"items": items, "next": f"d{number}"}
                items.append(found)
        return {"items": items, "next": None}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    made = Api()

    def look(_services: Any, _api: Any, *, below: str = "") -> Picture:
        waiting = {
            found["path"]: FileStatus(file=found["path"], state="working", key=found["key"])
            for found in map(entry, range(made.ended, MANY))
            if found["path"].startswith(below)
        }
        return Picture(files=waiting, snapshots=made.snapshots)

    monkeypatch.setattr(following, "look", look)
    return made


def unread(what: str) -> Callable[..., Any]:
    def read(*_: Any, **__: Any) -> Any:
        raise AssertionError(f"{what} was read")

    return read


def test_following_ten_thousand_files_costs_a_call_for_two_hundred(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "deliveries_of", unread("metadata"))
    keys = {found["path"]: found["key"] for found in map(entry, range(MANY))}
    follower = Follower(services=SimpleNamespace(), api=api, keys=keys)  # type: ignore[arg-type]
    known: dict[str, FileStatus] = {}
    looks = 0
    for api.ended in (0, 0, 3000, 3000, 3100, 9000, MANY):
        known = follower.look(known)
        looks += 1
        assert sum(file.has_ended for file in known.values()) == api.ended
    assert api.asked <= MANY / 200 + 4 * looks
    api.status = "Completed"
    assert follower.look(known) == known
    assert {file.cost for file in known.values()} == {0.5}


def test_how_ten_thousand_files_ended_is_told_without_opening_one(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.ended, api.status = MANY, "Completed"
    stamp = names.timestamp_of(SNAPSHOT)
    outputs = [Found(container=None, name="", timestamp=stamp, file=entry(n)["path"]) for n in range(MANY)]  # type: ignore[arg-type]
    monkeypatch.setattr(following, "latest_found", lambda *_: outputs)
    opened: list[int] = []

    def read_all(found: list[Found]) -> list[Any]:
        opened.append(len(found))
        return []

    monkeypatch.setattr(following, "read_all", read_all)
    told = status_of("in/", SimpleNamespace(), api)  # type: ignore[arg-type]
    assert (len(told), opened) == (MANY, [0])
    assert api.asked <= MANY / 200 + 4
    # Where the app falls silent, storage has it as well.
    api.is_silent = True
    assert status_of("in/", SimpleNamespace(), api) == []  # type: ignore[arg-type]
    assert opened == [0, MANY]


def test_a_file_that_ends_unlisted_is_looked_for_in_storage(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one of an earlier version of the app, or one that was deleted before it was taken."""
    read: list[str] = []

    def deliveries_of(path: str, _services: Any) -> list[Any]:
        read.append(path)
        return []

    monkeypatch.setattr(following, "deliveries_of", deliveries_of)
    keys = {f"in/other-{number}.csv": "f" * 20 for number in range(10)}
    follower = Follower(services=SimpleNamespace(), api=api, keys=keys)  # type: ignore[arg-type]
    known = follower.look({})
    assert {file.state for file in known.values()} == {"gone"}
    assert sorted(read) == sorted(keys)


def test_who_stops_watching_is_told_that_the_work_goes_on(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cli.watching.time.sleep", interrupt)
    keys = {entry(1)["path"]: entry(1)["key"]}
    with pytest.raises(KeyboardInterrupt):
        watching.watch(Follower(services=SimpleNamespace(), api=api, keys=keys), every=1)  # type: ignore[arg-type]
    assert "the app goes on" in capsys.readouterr().err
