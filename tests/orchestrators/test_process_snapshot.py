"""The order of events around a snapshot's files, on a virtual engine."""

from typing import Any

import pytest

from domain.contracts import Answer, SnapshotRequest, SnapshotSettings, TakenFiles, to_wire
from orchestrators import process_snapshot, run_files
from tests.orchestrators.virtual_engine import BEGIN, VirtualEngine

HANDLES = {
    "process_snapshot": process_snapshot.process_snapshot.build().get_user_function(),
    "run_files": run_files.run_files.build().get_user_function(),
}


@pytest.mark.parametrize("window", [0.3, 1.0, 2.5, 30.0])
def test_files_are_taken_when_the_window_is_over_although_timers_come_early(window: float) -> None:
    """A file that arrives between the taking and the end of the window would be left to the sweep."""
    taken_at: list[float] = []

    def carry_out(name: str, _given: Any, now: float) -> tuple[float, Any]:
        if name == "take_snapshot":
            taken_at.append(now)
            return 0.1, to_wire(Answer(ok=to_wire(TakenFiles(files=0, pages=0, settings=SnapshotSettings()))))
        return 0.1, to_wire(Answer())

    engine = VirtualEngine(HANDLES, carry_out)
    request = SnapshotRequest(snapshot_id="snapshot-1", settled_at=BEGIN + window)
    engine.start("process_snapshot", to_wire(request), "snapshot-1")
    engine.run()

    assert engine.output("snapshot-1")["files"] == 0
    assert BEGIN + window <= taken_at[0] <= BEGIN + window + 1
