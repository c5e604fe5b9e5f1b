"""Where a file's outputs lie, and links to them that are good for ten minutes. No byte of them passes through the app."""

from datetime import timedelta
from typing import get_args

from adapters.storage.blobs import Container
from domain.api.answers import OutputName, OutputOfFile
from domain.api.problems import ProblemError
from domain.results.finished import FinishedFile
from steps.look.desk import Desk

LINK_LIFE = timedelta(minutes=10)
NAMES: tuple[OutputName, ...] = get_args(OutputName)
_OF_ERRORS = frozenset({"errors", "retry", "joined_errors"})


def outputs_of(file: FinishedFile, desk: Desk) -> list[OutputOfFile]:
    """Describe a file's outputs, with their sizes: a list of its folder in each container it has some in."""
    sizes: dict[tuple[str, str], int] = {}
    found = [(name, path) for name in NAMES if (path := getattr(file.outputs, name))]
    for container, folder in dict.fromkeys(
        (_container(file, name, desk), path.rpartition("/")[0]) for name, path in found
    ):
        sizes |= {(container.name, blob.name): blob.size for blob in container.list(f"{folder}/")}
    return [
        OutputOfFile(
            name=name,
            container=(container := _container(file, name, desk)).name,
            path=path,
            size_bytes=sizes.get((container.name, path)),
            href=f"/api/files/{file.key}/outputs/{name}",
        )
        for name, path in found
    ]


def link_to(file: FinishedFile, name: str, desk: Desk) -> str:
    """Give a link to one output. Raises ProblemError where there is none; ConfigurationError where nothing can sign."""
    path = getattr(file.outputs, name, None) if name in NAMES else None
    if path is None:
        raise ProblemError(404, "no_output", "The file has no such output.", key=file.key)
    storage = desk.services.storage
    urls = storage.error_urls if _is_of_errors(file, name) else storage.processed_urls
    return urls.signed(path, LINK_LIFE, save_as=path.rpartition("/")[2])


def _container(file: FinishedFile, name: str, desk: Desk) -> Container:
    storage = desk.services.storage
    return storage.error if _is_of_errors(file, name) else storage.processed


def _is_of_errors(file: FinishedFile, name: str) -> bool:
    return name in _OF_ERRORS or file.state == "rejected"
