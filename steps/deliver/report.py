"""Leave a summary of a finished snapshot in `work/snapshots/`, where the HTTP endpoint finds it for as long as it lies."""

from adapters.services import Services
from domain.contracts import SnapshotReport, to_wire
from domain.wishes import WishKind
from steps.deliver.folder_results import write_folder_results
from steps.deliver.rejection_notes import write_rejection_notes


def write_report(report: SnapshotReport, services: Services) -> None:
    """Write what is told of whole folders, then the report; drop the manifest, and the records that no one needs any more."""
    write_rejection_notes(report.snapshot_id, services)
    write_folder_results(report.snapshot_id, services)
    services.work.snapshots.write_report(report.snapshot_id, to_wire(report))
    services.work.shares.drop([report.snapshot_id])
    services.work.wishes.drop(report.snapshot_id, WishKind.CANCEL)
