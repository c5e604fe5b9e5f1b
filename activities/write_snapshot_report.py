"""Leave a summary of a finished snapshot in `work/snapshots/`, where the HTTP endpoint finds it for as long as it lies."""

import azure.durable_functions as df

from adapters import clients
from domain.contracts import SnapshotReport, from_wire, to_wire
from steps.answering import answering

bp = df.Blueprint()


@bp.activity_trigger(input_name="report")
def write_snapshot_report(report: dict) -> dict:
    """Answer None to a SnapshotReport."""
    return answering(lambda: write_report(from_wire(report, SnapshotReport)))


def write_report(report: SnapshotReport) -> None:
    """Write the report, drop the manifest and the note of what the snapshot held."""
    clients.work().snapshots.write_report(report.snapshot_id, to_wire(report))
    clients.work().shares.drop([report.snapshot_id])
