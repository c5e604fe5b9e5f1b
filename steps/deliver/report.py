"""Leave a summary of a finished snapshot in `work/snapshots/`, where the HTTP endpoint finds it for as long as it lies."""

from adapters.services import Services
from domain.contracts import SnapshotReport, to_wire


def write_report(report: SnapshotReport, services: Services) -> None:
    """Write the report, drop the manifest and the record of what the snapshot held."""
    services.work.snapshots.write_report(report.snapshot_id, to_wire(report))
    services.work.shares.drop([report.snapshot_id])
