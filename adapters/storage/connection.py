"""How the data account is reached: connection string or identity, its two endpoints, retries, connections."""

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import requests
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import BlobServiceClient, ExponentialRetry
from requests.adapters import HTTPAdapter

from adapters.storage.session import StorageSession
from domain.errors import SettingsError
from domain.settings import Settings

if TYPE_CHECKING:
    from azure.storage.filedatalake import DataLakeServiceClient
    from azure.storage.queue import QueueServiceClient

CONNECTIONS = 64
# Of an answer, taken from the socket at once. The SDK's own 4 kB take more processor time than what is done with them.
SOCKET_READ_BYTES = 4 * 1024 * 1024
_NOBODY = "nobody"  # no call is made with it

_RETRIES: dict[str, Any] = {
    "initial_backoff": 1,
    "increment_base": 2,
    "retry_total": 4,
    "random_jitter_range": 1,
}
_TIMEOUTS: dict[str, Any] = {"connection_timeout": 20, "read_timeout": 120}


def blob_origin(settings: Settings) -> str:
    """Give scheme, host and port of the account's Blob endpoint. Raises SettingsError."""
    parts = urlsplit(str(Connection(settings, credential=_NOBODY).blobs(piece_bytes=1).url))
    return f"{parts.scheme}://{parts.netloc}"


class Connection:
    """The account's clients. All of them share one pool of connections."""

    def __init__(self, settings: Settings, credential: Any = None) -> None:
        self._settings = settings
        self._transport = _transport()
        self._credential = credential

    @property
    def session(self) -> requests.Session:
        """The HTTP session that has the connections."""
        session = self._transport.session
        assert isinstance(session, requests.Session)
        return session

    def blobs(self, *, piece_bytes: int) -> BlobServiceClient:
        """Give a client of the Blob endpoint that reads in pieces of so many bytes."""
        settings = self._settings
        options: dict[str, Any] = {
            "transport": self._transport,
            "max_single_get_size": piece_bytes,
            "max_chunk_get_size": piece_bytes,
            "retry_policy": ExponentialRetry(**_RETRIES),
            **_TIMEOUTS,
        }
        if settings.data:
            try:
                return BlobServiceClient.from_connection_string(settings.data, **options)
            except ValueError as error:
                raise SettingsError("DATA: is not a storage connection string.") from error
        uri = str(settings.data__blob_service_uri)
        return BlobServiceClient(uri, credential=self._identity(), **options)

    def data_lake(self) -> "DataLakeServiceClient":
        """Give a client of the Data Lake endpoint, where directories can be seen and removed."""
        from azure.storage import filedatalake  # noqa: PLC0415 - only hierarchical accounts need it

        settings = self._settings
        options: dict[str, Any] = {
            "transport": self._transport,
            "retry_policy": filedatalake.ExponentialRetry(**_RETRIES),
            **_TIMEOUTS,
        }
        if settings.data:
            return filedatalake.DataLakeServiceClient.from_connection_string(settings.data, **options)
        uri = self._endpoint("dfs", settings.data__dfs_service_uri)
        return filedatalake.DataLakeServiceClient(uri, credential=self._identity(), **options)

    def queues(self) -> "QueueServiceClient":
        """Give a client of the Queue endpoint, where the blob trigger keeps what it is told. It tries once: nothing waits for it."""
        from azure.storage.queue import QueueServiceClient  # noqa: PLC0415 - the doctor alone needs it

        settings = self._settings
        options: dict[str, Any] = {"transport": self._transport, "retry_total": 0, **_TIMEOUTS}
        if settings.data:
            return QueueServiceClient.from_connection_string(settings.data, **options)
        uri = self._endpoint("queue", settings.data__queue_service_uri)
        return QueueServiceClient(uri, credential=self._identity(), **options)

    def _endpoint(self, kind: str, given: str | None) -> str:
        """Give the account's endpoint of another kind, which is called like that of blobs where the settings say nothing."""
        return given or str(self._settings.data__blob_service_uri).replace(".blob.", f".{kind}.", 1)

    def _identity(self) -> Any:
        if self._credential is None:
            from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - slow to import, not needed locally

            self._credential = DefaultAzureCredential(
                managed_identity_client_id=self._settings.data__client_id
            )
        return self._credential


def _transport() -> RequestsTransport:
    """Give the HTTP transport: as many connections as there may be activities; the SDK's own keeps ten.

    Proxies and certificate bundles are read from the environment once: `requests` would do it before every call, which
    takes as long as the call's own work.
    """
    session = StorageSession()
    session.mount("http://", HTTPAdapter(pool_maxsize=CONNECTIONS))
    session.mount("https://", HTTPAdapter(pool_maxsize=CONNECTIONS))
    # What needs no proxy matters only where others do.
    session.trust_env = bool(getproxies().keys() - {"no"})
    bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE") or True
    return RequestsTransport(
        session=session, connection_verify=bundle, connection_data_block_size=SOCKET_READ_BYTES
    )
