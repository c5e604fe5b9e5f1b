"""One snapshot from its first file to its report."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.durable_functions as df

from activities.remove_orphans import remove_orphans
from activities.take_snapshot import take_snapshot
from activities.write_snapshot_report import write_snapshot_report
from domain import names
from domain.contracts import SnapshotReport, SnapshotRequest, TakenFiles, from_wire, to_wire
from domain.flow.flow import Flow
from domain.flow.pacing import EARLY_SECONDS
from orchestrators.insisting import insist

MAX_TRIES = 12  # about half an hour of waiting; a later snapshot finds the files that this one could not take

bp = df.Blueprint()


@bp.orchestration_trigger(context_name="context")
def process_snapshot(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Wait until the window is over, take the files that are there, work on them, report."""
    request = from_wire(context.get_input(), SnapshotRequest)

    # 1. settle: files that arrive until the end of the window belong to this snapshot
    # A timer may come a second early. What arrives after the taking and before the end would wait for the sweep, since its
    # event finds this snapshot there already.
    settled_at = datetime.fromtimestamp(request.settled_at, UTC)
    if settled_at > context.current_utc_datetime:
        yield context.create_timer(settled_at + timedelta(seconds=EARLY_SECONDS))

    # 2. take them
    taken = from_wire(
        (yield from insist(context, take_snapshot, to_wire(request), most=MAX_TRIES, about="Snapshot")),
        TakenFiles,
    )
    if not taken.files:
        yield context.call_activity(remove_orphans, to_wire(request))
        return to_wire(SnapshotReport(snapshot_id=request.snapshot_id))

    # 3. work on them; the child begins a new history again and again, this one does not notice
    flow = Flow.of(request.snapshot_id, taken)
    report: Any = yield context.call_sub_orchestrator(
        "run_files", to_wire(flow), instance_id=names.files_instance_id(request.snapshot_id)
    )

    # 4. tidy up and report
    # A fault here is logged; the next snapshot tries again.
    yield context.call_activity(remove_orphans, to_wire(request))
    written = yield from insist(context, write_snapshot_report, report, most=MAX_TRIES, about="Snapshot")
    # An older version has answered nothing.
    return written or report
