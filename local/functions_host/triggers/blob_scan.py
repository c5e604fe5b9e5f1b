"""Blob functions with the source LogsAndContainerScan: their containers are listed again and again.

Listing a container of many thousand blobs takes a while, so a scan rests at least four times as long as it took.
"""

import asyncio
import time

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from local.functions_host.functions import AppFunction
from local.functions_host.invoke import Invoker
from local.functions_host.logs import host_logger
from local.functions_host.storage.blobs import BlobStore
from local.functions_host.triggers.blob_path import BlobPath
from local.functions_host.triggers.blob_queue import BlobQueue

_REST_FACTOR = 4
_log = host_logger("blobs")


class BlobScan:
    """Looks for new and changed blobs of one function."""

    def __init__(
        self,
        function: AppFunction,
        path: BlobPath,
        *,
        account: BlobServiceClient,
        invoker: Invoker,
        store: BlobStore,
        queue: BlobQueue,
        interval_seconds: float,
    ) -> None:
        self._function = function
        self._path = path
        self._container = account.get_container_client(path.container)
        self._invoker = invoker
        self._store = store
        self._queue = queue
        self._interval = interval_seconds
        self._trouble = ""
        self._receipts: dict[str, str] = {}

    async def run_for_ever(self) -> None:
        """Scan, rest, scan; storage that cannot be reached is waited for."""
        self._receipts = self._store.receipts(self._function.name)
        while True:
            began = time.monotonic()
            try:
                await self._scan()
            except Exception:  # noqa: BLE001 - watching goes on, whatever the storage SDK could not make sense of
                _log.exception("%s: %s could not be listed", self._function.name, self._path.container)
            took = time.monotonic() - began
            await asyncio.sleep(max(self._interval, took * _REST_FACTOR))

    async def _scan(self) -> None:
        try:
            blobs = await self._invoker.in_thread(self._list)
        except ResourceNotFoundError:
            self._report(f"the container {self._path.container} does not exist yet")
            return
        except AzureError as error:
            self._report(
                f"storage cannot be reached, {self._path.container} is not watched: {_first_line(error)}"
            )
            return
        self._report("")
        fresh = [(name, etag) for name, etag in blobs.items() if self._receipts.get(name) != etag]
        gone = self._receipts.keys() - blobs.keys()
        if gone:
            self._store.forget_receipts(self._function.name, gone)
        if fresh:
            works = self._store.take_scanned(self._function.name, self._path.container, fresh)
            self._queue.add(works)
        self._receipts = blobs

    def _list(self) -> dict[str, str]:
        """Return the ETags of all blobs of the pattern by name."""
        listing = self._container.list_blobs(name_starts_with=self._path.prefix or None)
        return {
            blob.name: blob.etag.strip('"') for blob in listing if self._path.pattern.fullmatch(blob.name)
        }

    def _report(self, trouble: str) -> None:
        """Say what is wrong when that changes, not at every scan."""
        if trouble != self._trouble:
            if trouble:
                _log.warning("%s: %s", self._function.name, trouble)
            else:
                _log.info("%s: watching %s", self._function.name, self._path.container)
        self._trouble = trouble


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
