"""Snapshots as people see them: what the task hub tells, beside what lies in `work/`."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from adapters.threads import in_thread
from domain import names
from domain.api.answers import CodeCount, Progress, Snapshot, SnapshotDetails, Snapshots
from domain.api.problems import bad_parameter, no_snapshot
from domain.contracts import SnapshotReport, SnapshotRequest, WokenBy, prepared_type
from domain.error_codes import explained
from domain.flow.progress import summed
from domain.results.metadata import outcomes_seen
from steps.intake.liveness import ALIVE, files_instances
from steps.look.desk import Desk
from steps.look.ends import end_of_snapshot
from steps.look.finished import Totals
from steps.look.hub import TaskHub

MOST_AT_ONCE = 10  # questions to the task hub
REMEMBERED_IDS = 50  # of the latest
MOST_LOOKED_AT = 200  # snapshots that one page looks through for those of a state


async def snapshot_of(snapshot_id: str, hub: TaskHub, desk: Desk) -> Snapshot:
    """Describe a snapshot. Raises ProblemError for one that is not known."""
    found = await described(snapshot_id, hub, desk) if names.is_snapshot_id(snapshot_id) else None
    if found is None:
        raise no_snapshot(snapshot_id)
    return found


async def described(snapshot_id: str, hub: TaskHub, desk: Desk) -> Snapshot | None:
    """Describe a snapshot; None for one that neither the task hub nor its records know. One that has ended is asked for once."""
    if known := desk.ended_one(snapshot_id):
        return known
    status = await hub.get_status(snapshot_id, show_input=True)
    if not status:
        return await in_thread(_from_report, snapshot_id, desk)
    children = [child async for _, child in files_instances(hub, snapshot_id)]
    latest = max(children, key=lambda child: child.last_updated_time, default=status)
    told = summed([child.custom_status for child in children if child.custom_status])
    output = status.output
    report = _converted(output, SnapshotReport) if isinstance(output, dict) else None
    progress = _converted(told or status.custom_status, Progress)
    snapshot = Snapshot(
        id=snapshot_id,
        status=status.runtime_status.name,
        created_at=_iso(status.created_time),
        updated_at=_iso(latest.last_updated_time),
        progress=_ended(report, progress) if report else progress,
        report=report,
        outcomes=outcomes_seen(report.tally) if report else {},
        failure=output if isinstance(output, str) else None,
        woken_by=_woken_by(status.input_),
    )
    if snapshot.report is not None and not is_running(snapshot):
        desk.remember_ended(snapshot)
    return snapshot


def is_running(snapshot: Snapshot) -> bool:
    """Tell whether a snapshot has not ended."""
    return snapshot.status in ALIVE


def _from_report(snapshot_id: str, desk: Desk) -> Snapshot | None:
    """Describe a snapshot whose task hub is gone, by what it has left."""
    report = desk.services.work.snapshots.read_report(snapshot_id)
    if report is None:
        return None
    snapshot = Snapshot(
        id=snapshot_id,
        status="Completed",
        created_at=_iso(datetime.fromtimestamp(names.takes_files_at(snapshot_id, 0), UTC)),
        updated_at=None,
        progress=_ended(report, None),
        report=report,
        outcomes=outcomes_seen(report.tally),
    )
    desk.remember_ended(snapshot)
    return snapshot


async def snapshots(
    hub: TaskHub, desk: Desk, *, state: str | None, limit: int, after: str | None
) -> Snapshots:
    """Give a page of snapshots, newest first."""
    if after and not names.is_snapshot_id(after):
        raise bad_parameter("after", "not what a page before gave as `next`.")
    items: list[Snapshot] = []
    before, looked_at = after or "", 0
    while True:
        ids = await latest_ids(desk, limit, before=before)
        looked_at += len(ids)
        items += [
            snapshot
            for snapshot in await all_described(ids, hub, desk)
            if snapshot and state in (None, "running" if is_running(snapshot) else "ended")
        ]
        before = ids[-1] if ids else ""
        if len(ids) < limit or len(items) >= limit or looked_at >= MOST_LOOKED_AT:
            break
    page = items[:limit]
    following = page[-1].id if len(items) > limit else before if len(ids) == limit else None
    return Snapshots(items=page, next=following, snapshots=page)


async def latest_ids(desk: Desk, most: int, *, before: str = "") -> list[str]:
    """Name the latest snapshots that took files, newest first."""
    if before or most > REMEMBERED_IDS:
        return await in_thread(_ids, desk, most, before)  # opening blocks
    ids, _ = await in_thread(lambda: desk.latest.get(lambda: _ids(desk, REMEMBERED_IDS, "")))
    return ids[:most]


def _ids(desk: Desk, most: int, before: str) -> list[str]:
    newest = names.takes_files_at(before, 0) if before else desk.services.clock()
    return desk.services.work.snapshots.latest(datetime.fromtimestamp(newest, UTC), most, before=before)


async def all_described(ids: Iterable[str], hub: TaskHub, desk: Desk) -> list[Snapshot | None]:
    """Describe snapshots, several at once."""
    room = asyncio.Semaphore(MOST_AT_ONCE)

    async def describe(snapshot_id: str) -> Snapshot | None:
        async with room:
            return await described(snapshot_id, hub, desk)

    return list(await asyncio.gather(*map(describe, ids)))


async def details(snapshot_id: str, hub: TaskHub, desk: Desk) -> SnapshotDetails:
    """Describe a snapshot with the sums over its finished files. Raises ProblemError for one that is not known."""
    snapshot = await snapshot_of(snapshot_id, hub, desk)
    finished = await in_thread(desk.finished, snapshot_id)
    totals = finished.totals
    return SnapshotDetails(
        **msgspec.structs.asdict(snapshot) | {"outcomes": dict(totals.outcomes)},
        finished_files=totals.files,
        digest=digest(totals),
        input_tokens=totals.input_tokens,
        output_tokens=totals.output_tokens,
        cached_tokens=totals.cached_tokens,
        cost=rounded(totals.cost) if totals.priced else None,
        estimated_cost=rounded(totals.estimated_cost) if totals.priced else None,
        batches=totals.batches,
        ends=end_of_snapshot(snapshot, finished, desk.services.clock()) if is_running(snapshot) else None,
    )


def digest(totals: Totals) -> list[CodeCount]:
    """Give the error codes of finished files, the most frequent first, each with what to do."""
    counted = [
        code_count(code, rows, totals.error_files.get(code, 0))
        for code, rows in totals.error_rows.items()
        if rows
    ]
    return sorted(counted, key=lambda counted: (-counted.rows, counted.code))


def code_count(code: str, rows: int, files: int) -> CodeCount:
    """Describe how often a code came up."""
    found = explained(code)
    return CodeCount(
        code=code,
        rows=rows,
        files=files,
        meaning=found.meaning if found else "",
        advice=found.advice if found else "",
    )


def rounded(cost: float) -> float:
    """Give a sum of money without the noise of adding: to a billionth of a dollar."""
    return round(cost, 9)


def _converted(told: Any, kind: Any) -> Any:
    return msgspec.convert(told, prepared_type(kind)) if isinstance(told, dict) else None


def _ended(report: SnapshotReport, progress: Progress | None) -> Progress:
    """Give the progress of a snapshot whose report is written: what the report says, also where the task hub tells nothing any more."""
    return msgspec.structs.replace(
        progress or Progress(),
        files_total=report.files,
        files_done=report.files,
        files_rejected=report.rejected,
        files_held=report.held,
        requests_total=report.tally.total,
        requests_done=report.tally.total,
        requests_failed=report.tally.errors,
    )


def _woken_by(given: Any) -> WokenBy:
    """Read what started a snapshot from its input, which the task hub gives back as JSON or as a text of it."""
    try:
        told = msgspec.json.decode(given) if isinstance(given, str) else given
        return msgspec.convert(told, prepared_type(SnapshotRequest)).woken_by
    except msgspec.MsgspecError:
        # Begun by another version of the app.
        return ""


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
