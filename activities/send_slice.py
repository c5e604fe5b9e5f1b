"""Send a shard as live calls, a slice at a time."""

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from domain.contracts import SliceWork, from_wire
from steps.answering import answering
from steps.direct.slices import send

bp = df.Blueprint()


@bp.activity_trigger(input_name="work")
def send_slice(work: dict, context: func.Context) -> dict:
    """Answer SliceDone to a SliceWork."""
    return answering(lambda: send(from_wire(work, SliceWork), services()), context)
