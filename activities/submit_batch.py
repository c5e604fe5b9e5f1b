"""Hand a shard to the service and create its batch. The one step that costs money."""

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from domain.contracts import ShardWork, from_wire
from steps.answering import answering
from steps.submit.submission import submit

bp = df.Blueprint()


@bp.activity_trigger(input_name="work")
def submit_batch(work: dict, context: func.Context) -> dict:
    """Answer Submitted to a ShardWork."""
    return answering(lambda: submit(from_wire(work, ShardWork), services()), context)
