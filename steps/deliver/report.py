"""Leave a summary of a finished snapshot in `work/snapshots/`, where the HTTP endpoint finds it for as long as it lies."""

from collections import Counter

import msgspec

from adapters.services import Services
from domain.contracts import SnapshotReport, to_wire
from domain.service.outcomes import Tally
from domain.wishes import WishKind
from steps.deliver.folder_results import write_folder_results
from steps.deliver.listing import listed
from steps.deliver.rejection_notes import write_rejection_notes


def write_report(report: SnapshotReport, services: Services) -> SnapshotReport:
    """Write what is told of whole folders, then the report; drop the manifest, and the records that no one needs any more."""
    report = _with_all_ends(report, services) if report.gone else report
    write_rejection_notes(report.snapshot_id, services)
    write_folder_results(report.snapshot_id, services)
    services.work.snapshots.write_report(report.snapshot_id, to_wire(report))
    services.work.shares.drop([report.snapshot_id])
    services.work.wishes.drop(report.snapshot_id, WishKind.CANCEL)
    return report


def _with_all_ends(report: SnapshotReport, services: Services) -> SnapshotReport:
    """Count the files that the snapshot has brought to their end, and seems to have found gone.

    The last call about them was made a second time, as durable activities may be, when nothing of them was left.
    """
    ends, tally = Counter[str](), Tally()
    for file in listed(report.snapshot_id, services):
        if file.state != "held":
            ends[file.state] += 1
            tally.add(file.tally)
    more = ends.total() - report.done - report.rejected
    if more <= 0:
        return report
    return msgspec.structs.replace(
        report, done=ends["done"], rejected=ends["rejected"], gone=max(0, report.gone - more), tally=tally
    )
