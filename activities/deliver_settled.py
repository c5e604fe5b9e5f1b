"""Give people the files of a pool that are through, while others of it still wait for their requests."""

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from domain.contracts import FileWork, from_wire
from steps.answering import answering
from steps.pool.delivery import deliver_settled as deliver

bp = df.Blueprint()


@bp.activity_trigger(input_name="work")
def deliver_settled(work: dict, context: func.Context) -> dict:
    """Answer Settled to a FileWork."""
    return answering(lambda: deliver(from_wire(work, FileWork), services()), context)
