"""Take the files that are there now, for this snapshot alone."""

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from domain.contracts import SnapshotRequest, from_wire
from steps.answering import answering_async
from steps.intake.take import take_files

bp = df.Blueprint()


@bp.activity_trigger(input_name="request")
@bp.durable_client_input(client_name="client")
async def take_snapshot(request: dict, client: df.DurableOrchestrationClient, context: func.Context) -> dict:
    """Answer TakenFiles to a SnapshotRequest."""
    return await answering_async(
        lambda: take_files(from_wire(request, SnapshotRequest), services(), client), context
    )
