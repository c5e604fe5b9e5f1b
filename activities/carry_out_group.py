"""Work on several small files, one after the other."""

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from domain.contracts import CallGroup, from_wire
from steps.answering import answering
from steps.group import carry_out

bp = df.Blueprint()


@bp.activity_trigger(input_name="group")
def carry_out_group(group: dict, context: func.Context) -> dict:
    """Answer GroupAnswer to a CallGroup."""
    return answering(lambda: carry_out(from_wire(group, CallGroup), services()), context)
