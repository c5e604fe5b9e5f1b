"""When snapshots and files may end, of what people are shown: from what has ended, and nothing on a guess."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from domain.api.answers import BatchOfFile, ExpectedEnd, FileDetails, Progress, ShardOfFile, Snapshot
from steps.look.ends import end_of_file, end_of_snapshot

START = datetime(2026, 11, 28, 4, tzinfo=UTC).timestamp()


def told(seconds: float) -> str:
    return datetime.fromtimestamp(START + seconds, UTC).isoformat()


def finished(*spans: tuple[float, float]) -> Any:
    return SimpleNamespace(spans=[(START + start, START + end) for start, end in spans])


def snapshot(**progress: Any) -> Snapshot:
    return Snapshot(
        id="snapshot-20261128T040000.000Z",
        status="Running",
        created_at=told(0),
        updated_at=None,
        progress=Progress(**progress),
        report=None,
    )


COUNTS = {"files_total": 6, "files_done": 2, "files_working": 2}


def test_a_snapshot_ends_when_those_at_work_and_those_after_them_have() -> None:
    ends = end_of_snapshot(snapshot(**COUNTS), finished((0, 60), (0, 90)), START + 100)
    # Two wait for the two at work; each takes 60 to 90 seconds, and these began between 0 and 90.
    assert ends == ExpectedEnd(earliest=told(120), latest=told(270))


@pytest.mark.parametrize(
    ("progress", "spans", "now"),
    [
        (COUNTS, (), 100),
        ({**COUNTS, "files_working": 0}, ((0, 60),), 100),
        ({**COUNTS, "message": "waits for its quota"}, ((0, 60),), 100),
        (COUNTS, ((0, 60),), 1000),
    ],
)
def test_of_a_snapshot_nothing_is_said_on_a_guess(
    progress: dict[str, Any], spans: tuple[tuple[float, float], ...], now: float
) -> None:
    assert end_of_snapshot(snapshot(**progress), finished(*spans), START + now) is None


def shard(name: str, submitted: float | None, ended: float | None = None) -> ShardOfFile:
    batches = (
        []
        if submitted is None
        else [
            BatchOfFile(
                batch_id=name,
                status="in_progress",
                transport="upload",
                submitted_at=told(submitted),
                ended_at=told(ended) if ended else None,
            )
        ]
    )
    return ShardOfFile(shard=name, attempt=1, collected=ended is not None, batches=batches)


def test_a_file_ends_by_its_own_batches_and_those_beside_it() -> None:
    file = FileDetails(
        key="0" * 20,
        path="a.jsonl",
        state="working",
        shards=[shard("0000", 0, 60), shard("0001", 10), shard("0002", None)],
    )
    assert end_of_file(file, finished(), START + 65) == ExpectedEnd(earliest=told(130), latest=told(130))
    assert end_of_file(file, finished((0, 90)), START + 65) == ExpectedEnd(
        earliest=told(130), latest=told(190)
    )
    assert end_of_file(file, finished(), START + 80) is None
