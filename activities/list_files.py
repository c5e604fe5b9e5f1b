"""Read a page of the list of files that a snapshot took."""

import azure.durable_functions as df

from adapters import clients
from domain.contracts import PageOfFiles, PageRequest, from_wire
from steps.answering import answering

bp = df.Blueprint()


@bp.activity_trigger(input_name="request")
def list_files(request: dict) -> dict:
    """Answer PageOfFiles to a PageRequest."""
    return answering(lambda: page_of_files(from_wire(request, PageRequest)))


def page_of_files(request: PageRequest) -> PageOfFiles:
    """Give the files of one page."""
    return PageOfFiles(files=clients.work().snapshots.read_page(request.snapshot_id, request.page))
