"""Look at all active batches at once."""

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from domain.contracts import PollRequest, from_wire
from steps.answering import answering
from steps.watch.poll import poll

bp = df.Blueprint()


@bp.activity_trigger(input_name="request")
def poll_batches(request: dict, context: func.Context) -> dict:
    """Answer PollAnswer to a PollRequest."""
    return answering(lambda: poll(from_wire(request, PollRequest), services()), context)
