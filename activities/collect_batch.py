"""Bring an ended batch home: an outcome beside each request of the shard."""

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from domain.contracts import EndedBatch, from_wire
from steps.answering import answering
from steps.collect.collection import collect

bp = df.Blueprint()


@bp.activity_trigger(input_name="ended")
def collect_batch(ended: dict, context: func.Context) -> dict:
    """Answer CollectedShard to a EndedBatch."""
    return answering(lambda: collect(from_wire(ended, EndedBatch), services()), context)
