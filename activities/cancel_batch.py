"""End a wait that the service does not end: ask for the batch's cancellation."""

import logging
from typing import TYPE_CHECKING

import azure.durable_functions as df

from adapters import clients
from domain.contracts import Cancelled, CancelRequest, from_wire
from domain.errors import NotFoundError, RefusedError
from steps.answering import answering

if TYPE_CHECKING:
    from adapters.openai.batch_api import BatchApi

bp = df.Blueprint()
log = logging.getLogger(__name__)


@bp.activity_trigger(input_name="request")
def cancel_batch(request: dict) -> dict:
    """Answer Cancelled to a CancelRequest."""
    return answering(lambda: cancel(from_wire(request, CancelRequest), api=clients.batch_api()))


def cancel(request: CancelRequest, *, api: "BatchApi") -> Cancelled:
    """Ask once; polling shows what came of it."""
    try:
        api.cancel(request.batch_id)
    except (NotFoundError, RefusedError) as error:
        log.info("%s", error)
        return Cancelled(refused=True)
    return Cancelled()
