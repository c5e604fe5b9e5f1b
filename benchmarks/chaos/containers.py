"""The four containers as the outside sees them: drop, look, read back."""

from base64 import urlsafe_b64decode
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import quote, unquote

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContainerClient

NAMES = ("input", "processed", "error", "work")
CLAIM_SUFFIX = "/input"


class Version(NamedTuple):
    """One content of one path, as storage names it."""

    path: str
    etag: str


class Containers:
    """The containers of one app; `prefix` keeps apart several apps on one account."""

    def __init__(self, connection_string: str, *, prefix: str = "") -> None:
        self._service = BlobServiceClient.from_connection_string(connection_string)
        self._prefix = prefix

    @property
    def settings(self) -> dict[str, str]:
        """The app settings that name them."""
        return {f"{name.upper()}_CONTAINER": f"{self._prefix}{name}" for name in NAMES}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._service.close()

    def create(self) -> None:
        """Make the four containers."""
        for name in NAMES:
            self._service.create_container(self._prefix + name)

    def delete(self) -> None:
        """Delete the four containers."""
        for name in NAMES:
            self._service.delete_container(self._prefix + name)

    def drop(self, path: str, content: bytes) -> Version:
        """Write an input file; gives the version that the pipeline will see."""
        blob = self._service.get_blob_client(f"{self._prefix}input", path)
        return Version(path, _bare(str(blob.upload_blob(content, overwrite=True)["etag"])))

    def delete_input(self, path: str) -> None:
        """Delete an input file, if the pipeline has not done so."""
        try:
            self._client("input").delete_blob(path)
        except ResourceNotFoundError:
            return

    def waiting(self) -> set[str]:
        """Name the files in the input container."""
        return set(self._client("input").list_blob_names())

    def worked_on(self) -> set[Version]:
        """Give the versions that are claimed."""
        blobs = self._client("work").list_blobs("files/", include=["metadata"])
        return {
            Version(
                urlsafe_b64decode(blob.metadata.get("path", "")).decode(),
                _bare(unquote(blob.metadata.get("etag", ""))),
            )
            for blob in blobs
            if blob.name.endswith(CLAIM_SUFFIX) and blob.metadata
        }

    def notes(self) -> list[str]:
        """Name what lies in `work/` about files."""
        return list(self._client("work").list_blob_names(name_starts_with="files/"))

    def names(self, container: str, prefix: str = "") -> list[str]:
        """Name the blobs of a container whose names begin so."""
        return list(self._client(container).list_blob_names(name_starts_with=prefix or None))

    def content(self, container: str, name: str) -> bytes:
        """Read a blob."""
        return self._client(container).download_blob(name).readall()

    def read(self, container: str, *, prefix: str = "") -> dict[str, bytes]:
        """Read the blobs of a container whose names begin so."""
        client = self._client(container)
        names = client.list_blob_names(name_starts_with=prefix or None)
        return {name: client.download_blob(name).readall() for name in names}

    def write(self, container: str, name: str, content: bytes) -> None:
        """Put a blob into a container, in place of one of that name."""
        self._client(container).upload_blob(name, content, overwrite=True)

    def save(self, folder: Path) -> None:
        """Write the content of all containers into a folder, as evidence."""
        for container in NAMES:
            for name, content in self.read(container).items():
                target = folder / container / quote(name, safe="")[:250]
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)

    def _client(self, name: str) -> ContainerClient:
        return self._service.get_container_client(self._prefix + name)


def _bare(etag: str) -> str:
    return etag.strip('"')
