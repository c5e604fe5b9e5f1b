"""Set a file aside: a later snapshot goes on with it."""

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from domain.contracts import FileWork, from_wire
from steps.answering import answering
from steps.pool_or_file import hold

bp = df.Blueprint()


@bp.activity_trigger(input_name="work")
def hold_file(work: dict, context: func.Context) -> dict:
    """Answer None to a FileWork."""
    return answering(lambda: hold(from_wire(work, FileWork), services()), context)
