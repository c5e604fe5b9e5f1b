"""The list of the snapshot's files, page by page."""

import pytest

from domain.contracts import Fault, ListedFile, SnapshotSettings, to_wire
from domain.flow.flow import Flow
from domain.flow.pacing import MAX_OTHER_TRIES
from domain.flow.sharing import Allowance
from domain.flow.state import FileStep
from tests.domain.flow.stories import LONG_AFTER, NEVER, NOW, SETTINGS, answer, begun, fail, woken

ACTIVITY = "list_files"
FILES = [ListedFile(key=f"k{number}", path=f"{number}.csv", size=1) for number in range(9)]


def taken(pages: int = 2, settings: SnapshotSettings = SETTINGS) -> Flow:
    agreed = Allowance(places=9, looked_at=LONG_AFTER, next_at=LONG_AFTER)
    return Flow(snapshot_id="snapshot-1", settings=settings, files_total=9, pages=pages, allowance=agreed)


def test_pages_are_read_one_after_the_other_once_the_files_of_the_last_one_are_admitted() -> None:
    flow = taken()
    (call,) = begun(flow, NOW)
    assert (call.activity, call.input) == (ACTIVITY, {"snapshot_id": "snapshot-1", "page": 0})
    assert begun(flow, NOW) == []
    answer(flow, call, NOW, files=to_wire(FILES))
    assert begun(flow, NOW, ACTIVITY) == []
    assert (len(flow.files), len(flow.backlog)) == (6, 3)
    for file in flow.files:
        file.step = FileStep.ARCHIVE
    (call,) = begun(flow, NOW, ACTIVITY)
    assert call.input["page"] == 1
    assert flow.backlog == []
    answer(flow, call, NOW, files=[])
    assert begun(flow, NOW, ACTIVITY) == []


def test_a_page_that_cannot_be_read_is_waited_for_each_page_anew() -> None:
    flow = taken()
    (call,) = begun(flow, NOW)
    fail(flow, call, NOW, Fault(code="busy", message="", retry_after=50.0))
    assert begun(flow, NOW + 48) == []
    assert woken(flow, NOW + 48) == NOW + 50
    (call,) = begun(flow, NOW + 50)
    fail(flow, call, NOW + 50, Fault(code="busy", message=""))
    assert woken(flow, NOW + 50) == NOW + 52
    (call,) = begun(flow, NOW + 52)
    fail(flow, call, NOW + 52, Fault(code="busy", message=""))
    assert woken(flow, NOW + 52) == NOW + 56
    (call,) = begun(flow, NOW + 56)
    answer(flow, call, NOW + 56, files=[])
    (call,) = begun(flow, NOW)
    assert call.input["page"] == 1
    fail(flow, call, NOW, Fault(code="busy", message=""))
    (call,) = begun(flow, NOW + 2)
    fail(flow, call, NOW + 2, Fault(code="busy", message=""))
    assert woken(flow, NOW + 2) == NOW + 4


def test_a_list_that_cannot_be_read_fails_the_snapshot_loudly() -> None:
    flow, now = taken(), NOW
    for _ in range(MAX_OTHER_TRIES - 1):
        (call,) = begun(flow, now)
        fail(flow, call, now, NEVER)
        now = woken(flow, now)
    (call,) = begun(flow, now)
    with pytest.raises(RuntimeError, match=r"^snapshot-1: its list of files cannot be read: Never\.$"):
        fail(flow, call, now, NEVER)
