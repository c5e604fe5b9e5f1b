"""Leave a summary of a finished snapshot."""

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from domain.contracts import SnapshotReport, from_wire
from steps.answering import answering
from steps.deliver.report import write_report

bp = df.Blueprint()


@bp.activity_trigger(input_name="report")
def write_snapshot_report(report: dict, context: func.Context) -> dict:
    """Answer the SnapshotReport as it was written to the one of the flow."""
    return answering(lambda: write_report(from_wire(report, SnapshotReport), services()), context)
