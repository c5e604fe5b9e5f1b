"""A link by which one file may be written into the input container, and nothing else."""

from datetime import UTC, datetime, timedelta

from adapters.services import Services
from domain import names
from domain.errors import ConflictError, InputFileError, NotFoundError
from domain.uploads import LINK_SECONDS, UploadLink, block_bytes, headers, name_fault


def input_name(path: str, services: Services) -> str:
    """Give the blob name of a file that comes to `path` below INPUT_DIRECTORY. Raises InputFileError for a name that would not be taken."""
    if fault := name_fault(path):
        raise InputFileError(fault, code="name")
    return names.prefix_of(services.settings.input_directory) + path


def upload_link(path: str, size: int, services: Services, *, replace: bool) -> UploadLink:
    """Give the link, for a quarter of an hour.

    Raises InputFileError for a name that would not be taken; ConflictError where there is such a file and `replace` is not
    said, and ConfigurationError where neither a key nor an identity can sign.
    """
    name = input_name(path, services)
    if not replace and _exists(name, services):
        raise ConflictError(
            "A file of this name is in the input container. Replacing it has the new one paid besides, if the old one is being worked on.",
            code="exists",
        )
    until = datetime.fromtimestamp(services.clock() + LINK_SECONDS, UTC)
    in_blocks = block_bytes(size)
    href = services.storage.input_urls.writable(
        name, timedelta(seconds=LINK_SECONDS), creates_only=not replace and in_blocks is None
    )
    return UploadLink(
        path=name,
        href=href,
        block_bytes=in_blocks,
        headers=dict(headers(size, replace=replace)),
        until=until.isoformat(),
    )


def _exists(name: str, services: Services) -> bool:
    try:
        services.storage.input.entry(name)
    except NotFoundError:
        return False
    return True
