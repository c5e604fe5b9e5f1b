"""Agree with the other snapshots on how many batches this one may have at once."""

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from domain.contracts import ShareRequest, from_wire
from steps.answering import answering
from steps.watch.share import share_and_look

bp = df.Blueprint()


@bp.activity_trigger(input_name="request")
def share_limit(request: dict, context: func.Context) -> dict:
    """Answer Share to a ShareRequest."""
    return answering(lambda: share_and_look(from_wire(request, ShareRequest), services()), context)
