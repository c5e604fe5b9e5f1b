"""Read a page of the list of files that a snapshot took."""

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from domain.contracts import PageRequest, from_wire
from steps.answering import answering
from steps.intake.pages import page_of_files

bp = df.Blueprint()


@bp.activity_trigger(input_name="request")
def list_files(request: dict, context: func.Context) -> dict:
    """Answer PageOfFiles to a PageRequest."""
    return answering(lambda: page_of_files(from_wire(request, PageRequest), services()), context)
