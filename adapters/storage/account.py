"""The data account: its four containers, how they are opened, and whether they are there."""

from dataclasses import dataclass
from typing import Any

import requests

from adapters.storage import blobs
from adapters.storage.blobs import Container
from adapters.storage.connection import Connection
from adapters.storage.directories import Directories
from adapters.storage.urls import BlobUrls, is_local, without_query
from domain import names
from domain.errors import ConfigurationError
from domain.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """The data account's four containers."""

    account_url: str  # without a signature
    input: Container
    processed: Container
    error: Container
    work: Container
    input_urls: BlobUrls
    work_urls: BlobUrls
    processed_urls: BlobUrls
    error_urls: BlobUrls
    # Under a shared access signature the mark of our files in the service used to depend on the signature.
    former_file_prefix: str | None = None
    session: requests.Session | None = None  # whose connections all containers share

    def close(self) -> None:
        """Close the connections."""
        if self.session:
            self.session.close()

    def ready(self) -> "Storage":
        """Make sure the containers are there: created where the account is a local one.

        Raises ConfigurationError naming those that are missing elsewhere.
        """
        missing = [c for c in (self.input, self.processed, self.error, self.work) if not c.exists()]
        if missing and not is_local(self.account_url):
            told = ", ".join(container.name for container in missing)
            raise ConfigurationError(
                f"Containers missing in {self.account_url}: {told}. Create them.", code="no_container"
            )
        for container in missing:
            container.create()
        return self


def open_storage(settings: Settings, credential: Any = None) -> Storage:
    """Connect to the data account, by connection string or by identity: the app's, or the one that is given."""
    connection = Connection(settings, credential)
    service = connection.blobs(piece_bytes=blobs.BLOCK_BYTES)
    directories = Directories(
        settings.storage_kind,
        blobs=service,
        open_lake=connection.data_lake,
        container=settings.work_container,
    )

    def container(name: str, *, of_outputs: bool = False) -> Container:
        return Container(service.get_container_client(name), directories, of_outputs=of_outputs)

    url = str(service.url)
    return Storage(
        account_url=without_query(url),
        input=container(settings.input_container),
        processed=container(settings.processed_container, of_outputs=True),
        error=container(settings.error_container, of_outputs=True),
        work=container(settings.work_container),
        input_urls=BlobUrls(service, settings.input_container),
        work_urls=BlobUrls(service, settings.work_container),
        processed_urls=BlobUrls(service, settings.processed_container),
        error_urls=BlobUrls(service, settings.error_container),
        former_file_prefix=names.service_file_prefix(url, settings.work_container) if "?" in url else None,
        session=connection.session,
    )
