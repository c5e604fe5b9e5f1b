"""The demo's side of the storage account: drop files, see what is left, read what came back."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient, CorsRule
from pyarrow import parquet

from local.demo.accounting import Returned

CONTAINERS = ("input", "processed", "error", "work")
OUTPUTS = ("_output.jsonl", "_output.parquet")
JOB_SPECS = ("_batch.yaml", "_batch.yml", "_batch.json")


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

    def let_pages_write(self) -> None:
        """Let a page of this machine bring files, as `infra/data.bicep` lets that of the app."""
        headers = ["content-type", "if-none-match", "x-ms-blob-type"]
        rule = CorsRule(["*"], ["PUT"], allowed_headers=headers, max_age_in_seconds=3600)
        self._service.set_service_properties(cors=[rule])

    def drop(self, path: str, content: bytes) -> None:
        """Put a file into the input container, in place of one of that name."""
        self._service.get_blob_client("input", path).upload_blob(content, overwrite=True)

    def paths(self, container: str) -> list[str]:
        """Return the names of all blobs of a container, sorted."""
        return sorted(self._service.get_container_client(container).list_blob_names())

    def sizes(self, container: str) -> dict[str, int]:
        """Return the size in bytes of every blob of a container, by name."""
        return {blob.name: blob.size for blob in self._service.get_container_client(container).list_blobs()}

    def read(self, container: str, path: str) -> bytes:
        """Return a blob's content."""
        return self._service.get_blob_client(container, path).download_blob().readall()

    def returned(self, path: str) -> Returned:
        """Return all records that came back for an input file."""
        processed = self.paths("processed")
        outputs = [name for ending in OUTPUTS for name in results_of(path, processed, ending)]
        return Returned(
            outputs=self._records("processed", outputs),
            errors=self._records("error", results_of(path, self.paths("error"), "_error.jsonl")),
        )

    def _records(self, container: str, paths: Iterable[str]) -> list[dict[str, Any]]:
        return [record for path in paths for record in records_in(path, self.read(container, path))]


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


def records_in(path: str, content: bytes) -> list[dict[str, Any]]:
    """Return the records of a file of results or errors, JSON lines or parquet."""
    if path.endswith(".parquet"):
        rows: list[dict[str, Any]] = parquet.read_table(pa.BufferReader(content)).to_pylist()
        return rows
    return [json.loads(line) for line in content.split(b"\n") if line]


def is_job_spec(path: str) -> bool:
    """Whether a file says how those beside it become requests."""
    return PurePosixPath(path).name in JOB_SPECS


def specs_first(paths: Iterable[str]) -> list[str]:
    """Return paths in the order in which files are to be dropped: a table that comes before its job spec does without."""
    return sorted(paths, key=lambda path: (not is_job_spec(path), path))


def samples_in(folder: Path) -> dict[str, bytes]:
    """Return the files in the folders below a folder, as path relative to it to content, job specs first.

    What lies in the folder itself is for people.
    """
    found = {
        file.relative_to(folder).as_posix(): file
        for file in folder.glob("*/**/*")
        # Python leaves that folder beside a script that was imported.
        if file.is_file() and file.parent.name != "__pycache__"
    }
    return {path: found[path].read_bytes() for path in specs_first(found)}
