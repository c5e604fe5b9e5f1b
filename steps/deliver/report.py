"""Leave a summary of a finished snapshot in `work/snapshots/`, where the HTTP endpoint finds it for as long as it lies."""

from adapters.services import Services
from domain.contracts import SnapshotReport, to_wire
from domain.wishes import WishKind


def write_report(report: SnapshotReport, services: Services) -> None:
    """Write the report, drop the manifest, the record of what the snapshot held and what was asked about it."""
    services.work.snapshots.write_report(report.snapshot_id, to_wire(report))
    services.work.shares.drop([report.snapshot_id])
    services.work.wishes.drop(report.snapshot_id, WishKind.CANCEL)
