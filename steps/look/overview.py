"""Everything on one screen: what runs, what waits, what it has cost, what failed."""

from collections import Counter

from adapters.threads import in_thread
from domain import names
from domain.api.answers import Overview, Snapshot
from domain.results.metadata import iso
from domain.version import VERSION
from steps.look.desk import Desk
from steps.look.doctor import last_word
from steps.look.finished import Totals
from steps.look.hub import TaskHub
from steps.look.snapshots import all_described, digest, is_running, latest_ids, rounded

COVERED_SECONDS = 24 * 3600.0
MOST_SNAPSHOTS = 50


async def overview(hub: TaskHub, desk: Desk, *, actions: bool) -> Overview:
    """Sum up the snapshots of the last 24 hours, at most the latest fifty, and what is at rest."""
    since = desk.services.clock() - COVERED_SECONDS
    ids = [
        found for found in await latest_ids(desk, MOST_SNAPSHOTS) if names.takes_files_at(found, 0) >= since
    ]
    if len(ids) == MOST_SNAPSHOTS:
        since = names.takes_files_at(ids[-1], 0)
    snapshots = [found for found in await all_described(ids, hub, desk) if found]
    totals = await in_thread(_totals, [snapshot.id for snapshot in snapshots], desk)
    at_rest = await in_thread(desk.files_at_rest)
    running = [snapshot for snapshot in snapshots if is_running(snapshot)]
    live = [snapshot.progress for snapshot in running if snapshot.progress]
    reports = [snapshot.report for snapshot in snapshots if snapshot.report]
    statuses: Counter[str] = Counter()
    for progress in live:
        statuses.update(progress.batches_by_status)
    return Overview(
        version=VERSION,
        since=iso(since - since % 3600),
        snapshots_running=len(running),
        snapshots_failed=sum(_has_failed(snapshot) for snapshot in snapshots),
        files_total=sum(p.files_total for p in live) + sum(r.files for r in reports),
        files_done=sum(p.files_done for p in live) + sum(r.files for r in reports),
        files_waiting=len(at_rest["waiting"]),
        files_held=len(at_rest["held"]),
        requests_total=sum(p.requests_total for p in live) + sum(r.tally.total for r in reports),
        requests_done=sum(p.requests_done for p in live) + sum(r.tally.total for r in reports),
        requests_failed=sum(p.requests_failed for p in live) + sum(r.tally.errors for r in reports),
        outcomes=dict(totals.outcomes),
        active_batches=sum(p.active_batches for p in live),
        batches_by_status=dict(statuses),
        max_active_batches=desk.services.settings.max_active_batches,
        batches=totals.batches,
        enqueued_tokens=sum(p.enqueued_tokens for p in live),
        cost=rounded(totals.cost) if totals.priced else None,
        estimated_cost=rounded(sum(p.estimated_cost for p in live)) if totals.priced or live else None,
        cost_in_work=rounded(sum(p.cost_in_work for p in live)),
        intake=at_rest["intake"],
        pauses=[progress.message for progress in live if progress.message],
        digest=digest(totals),
        running=[snapshot.id for snapshot in running],
        actions=actions,
        doctor=last_word(desk),
    )


def _totals(ids: list[str], desk: Desk) -> Totals:
    whole = Totals()
    for snapshot_id in ids:
        whole.merge(desk.finished(snapshot_id).totals)
    return whole


def _has_failed(snapshot: Snapshot) -> bool:
    return snapshot.status in ("Failed", "Terminated", "Canceled")
