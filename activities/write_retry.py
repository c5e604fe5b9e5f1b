"""Write a retry file of some failed rows alone, and drop it."""

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from domain.contracts import RetryWork, from_wire
from steps.answering import answering
from steps.wishes.retry_rows import write_retry as write

bp = df.Blueprint()


@bp.activity_trigger(input_name="work")
def write_retry(work: dict, context: func.Context) -> dict:
    """Answer None to a RetryWork."""
    return answering(lambda: write(from_wire(work, RetryWork), services()), context)
