"""Read a page of the list of files that a snapshot took."""

from adapters.services import Services
from domain.contracts import PageOfFiles, PageRequest
from domain.wishes import asked


def page_of_files(request: PageRequest, services: Services) -> PageOfFiles:
    """Give the files of one page, and what people have asked for about them, however long ago."""
    files = services.work.snapshots.read_page(request.snapshot_id, request.page, pooled=request.pooled)
    concerned = {request.snapshot_id, *(file.key for file in files)}
    wishes = services.work.wishes.standing().wishes
    return PageOfFiles(
        files=files, asked=asked(wish for wish in wishes if wish.folder or wish.subject in concerned)
    )
