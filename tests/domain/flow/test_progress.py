"""What an orchestration tells about itself."""

import pytest

from domain.contracts import SnapshotSettings, TakenFiles
from domain.flow.flow import Flow
from domain.flow.progress import LONGEST_CALL_SECONDS, stirs_by
from domain.flow.state import Call

NOW = 1_800_000_000.0
SOON, DEADLINE = NOW + 60, NOW + 48 * 3600


@pytest.mark.parametrize(
    ("begun", "wake_at", "expected"),
    [
        ([], None, None),
        ([], DEADLINE, DEADLINE),
        ([NOW], None, NOW + LONGEST_CALL_SECONDS),
        ([NOW, NOW + 10], None, NOW + LONGEST_CALL_SECONDS),
        ([NOW], SOON, SOON),
        ([NOW + 10, NOW], DEADLINE, NOW + LONGEST_CALL_SECONDS),
    ],
)
def test_it_stirs_when_the_first_of_what_it_waits_for_has_come(
    begun: list[float], wake_at: float | None, expected: float | None
) -> None:
    flow = Flow.of("snapshot", TakenFiles(files=0, pages=0, settings=SnapshotSettings()))
    flow.in_flight = [Call(activity="poll_batches", input=None, begun_at=moment) for moment in begun]

    assert stirs_by(flow, wake_at) == expected
