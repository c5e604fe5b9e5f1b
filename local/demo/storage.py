"""The demo's side of the storage account: drop files, see what is left, read what came back."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient

from local.demo.accounting import Returned

CONTAINERS = ("input", "processed", "error", "work")


class Account:
    """The containers of the demo."""

    def __init__(self, service: BlobServiceClient) -> None:
        self._service = service

    def create_containers(self) -> None:
        """Create the containers that the app has not created yet."""
        for name in CONTAINERS:
            try:
                self._service.create_container(name)
            except ResourceExistsError:
                continue

    def drop(self, path: str, content: bytes) -> None:
        """Put a file into the input container, in place of one of that name."""
        self._service.get_blob_client("input", path).upload_blob(content, overwrite=True)

    def paths(self, container: str) -> list[str]:
        """Return the names of all blobs of a container, sorted."""
        return sorted(self._service.get_container_client(container).list_blob_names())

    def sizes(self, container: str) -> dict[str, int]:
        """Return the size in bytes of every blob of a container, by name."""
        return {blob.name: blob.size for blob in self._service.get_container_client(container).list_blobs()}

    def read(self, container: str, path: str) -> str:
        """Return a blob's text."""
        return self._service.get_blob_client(container, path).download_blob().readall().decode()

    def returned(self, path: str) -> Returned:
        """Return all lines that came back for an input file."""
        return Returned(
            outputs=self._records("processed", results_of(path, self.paths("processed"), "_output.jsonl")),
            errors=self._records("error", results_of(path, self.paths("error"), "_error.jsonl")),
        )

    def _records(self, container: str, paths: Iterable[str]) -> list[dict[str, Any]]:
        texts = (self.read(container, path) for path in paths)
        return [json.loads(line) for text in texts for line in text.split("\n") if line]


@contextmanager
def open_account(connection_string: str) -> Iterator[Account]:
    """Open the account and close its connections at the end of the block."""
    with BlobServiceClient.from_connection_string(connection_string) as service:
        yield Account(service)


def results_of(path: str, paths: Iterable[str], ending: str) -> list[str]:
    """Return those of `paths` that are `<folder>/<name>_<timestamp>/<stem><ending>` of the input file `path`."""
    source = PurePosixPath(path)
    return [
        str(other)
        for other in map(PurePosixPath, paths)
        if other.name == source.stem + ending
        and other.parent.parent == source.parent
        and other.parent.name.startswith((f"{source.name}_", f"{source.stem}_"))
    ]


def samples_in(folder: Path) -> dict[str, bytes]:
    """Return the batch input files below a folder, as path relative to it to content."""
    files = sorted(folder.rglob("*.jsonl"))
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}
