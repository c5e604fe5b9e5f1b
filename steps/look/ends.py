"""When a snapshot or a file may end: said only where batches of it, or beside it, have ended."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from domain.api.answers import BatchOfFile, ExpectedEnd, FileDetails, LiveOfFile, Snapshot
from domain.expected_end import Range, at_work_of, expected_end
from steps.look.finished import FinishedList


def end_of_snapshot(snapshot: Snapshot, finished: FinishedList, now: float) -> ExpectedEnd | None:
    """Expect the end of a running snapshot by its finished files; nothing while it waits for a quota or for people."""
    progress = snapshot.progress
    if progress is None or progress.message or snapshot.created_at is None:
        return None
    spans = finished.spans
    at_work = at_work_of(spans, progress.files_working, _moment(snapshot.created_at))
    waiting = progress.files_total - progress.files_done - progress.files_working
    return _told(expected_end([end - start for start, end in spans], at_work, max(waiting, 0), now=now))


def end_of_file(file: FileDetails, finished: FinishedList, now: float) -> ExpectedEnd | None:
    """Expect the end of a file in work by its batches that have ended, and by the files of its snapshot that have."""
    durations = [end - start for start, end in finished.spans]
    begun: list[Range] = []
    waiting = 0
    for shard in file.shards:
        for start, end in _calls([*shard.batches, *([shard.live] if shard.live else [])]):
            if end is not None:
                durations.append(end - start)
            elif not shard.collected:
                begun.append((start, start))
        waiting += not (shard.collected or shard.batches or shard.live)
    return _told(expected_end(durations, begun, waiting, now=now))


def _calls(calls: Iterable[BatchOfFile | LiveOfFile]) -> Iterator[tuple[float, float | None]]:
    for call in calls:
        start = call.submitted_at if isinstance(call, BatchOfFile) else call.started_at
        yield _moment(start), _moment(call.ended_at) if call.ended_at else None


def _told(found: Range | None) -> ExpectedEnd | None:
    if found is None:
        return None
    earliest, latest = (datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds") for moment in found)
    return ExpectedEnd(earliest=earliest, latest=latest)


def _moment(told: str) -> float:
    return datetime.fromisoformat(told).timestamp()
