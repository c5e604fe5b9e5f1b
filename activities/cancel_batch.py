"""Ask for a batch's cancellation."""

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from domain.contracts import CancelRequest, from_wire
from steps.answering import answering
from steps.watch.cancel import cancel

bp = df.Blueprint()


@bp.activity_trigger(input_name="request")
def cancel_batch(request: dict, context: func.Context) -> dict:
    """Answer Cancelled to a CancelRequest."""
    return answering(lambda: cancel(from_wire(request, CancelRequest), services()), context)
