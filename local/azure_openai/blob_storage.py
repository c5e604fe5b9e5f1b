"""Bring-your-own storage: reading inputs from and writing outputs to a storage account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from local.azure_openai.contents import FetchError, Stored, store
from local.azure_openai.errors import BlobRefusedError, ErrorItem

if TYPE_CHECKING:
    from pathlib import Path

    from azure.storage.blob import BlobClient

NO_PERMISSIONS = ErrorItem(code="input_no_permissions", message="The service cannot read the input blob.")
MODIFIED = ErrorItem(
    code="input_modified", message="The input blob was modified after the batch was submitted."
)
NOT_WRITABLE = ErrorItem(
    code="output_no_permissions", message="The service cannot write to the output folder."
)


class BlobStorage:
    """The account behind `--storage-connection`. Blocking; called in worker threads."""

    def __init__(self, connection: str) -> None:
        self._account = BlobServiceClient.from_connection_string(connection)
        self._root = self._account.url.rstrip("/") + "/"

    def holds(self, url: str) -> bool:
        """Whether a URL is a bare one of this account, which is read with the service's own identity."""
        return url.startswith(self._root) and "?" not in url

    def read(self, url: str, target: Path, limit_bytes: int) -> Stored:
        """Copy a blob to a local file. Raises FetchError."""
        try:
            return store(self._blob(url).download_blob(), target, limit_bytes)
        except HttpResponseError as error:
            raise FetchError(f"HTTP {error.status_code}") from error
        except BlobRefusedError as error:
            raise FetchError(error.item.message) from error

    def etag(self, url: str) -> str:
        """The blob's ETag as it is now. Raises BlobRefusedError when it cannot be read."""
        try:
            return str(self._blob(url).get_blob_properties().etag)
        except HttpResponseError as error:
            raise BlobRefusedError(NO_PERMISSIONS) from error

    def download(self, url: str, etag: str, target: Path) -> str:
        """Copy a blob to a local file; returns its SHA-256. Raises BlobRefusedError, also when the ETag changed."""
        try:
            blob = self._blob(url).download_blob(etag=etag, match_condition=MatchConditions.IfNotModified)
            return store(blob, target).sha256
        except ResourceModifiedError as error:
            raise BlobRefusedError(MODIFIED) from error
        except HttpResponseError as error:
            raise BlobRefusedError(NO_PERMISSIONS) from error

    def check_unmodified(self, url: str, etag: str) -> None:
        """Raise BlobRefusedError when the blob is another one than it was, or gone."""
        try:
            now = str(self._blob(url).get_blob_properties().etag)
        except ResourceNotFoundError:
            now = ""
        if now != etag:
            raise BlobRefusedError(MODIFIED)

    def upload(self, source: Path, url: str) -> None:
        """Write a local file to a blob. Raises BlobRefusedError."""
        try:
            with source.open("rb") as content:
                self._blob(url).upload_blob(content, overwrite=True)
        except AzureError as error:
            raise BlobRefusedError(NOT_WRITABLE) from error

    def _blob(self, url: str) -> BlobClient:
        if not url.startswith(self._root):
            raise BlobRefusedError(NO_PERMISSIONS)
        container, _, name = url.removeprefix(self._root).partition("/")
        if not container or not name:
            raise BlobRefusedError(NO_PERMISSIONS)
        return self._account.get_blob_client(container, name)
