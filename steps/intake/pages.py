"""Read a page of the list of files that a snapshot took."""

from adapters.services import Services
from domain.contracts import PageOfFiles, PageRequest


def page_of_files(request: PageRequest, services: Services) -> PageOfFiles:
    """Give the files of one page."""
    return PageOfFiles(files=services.work.snapshots.read_page(request.snapshot_id, request.page))
