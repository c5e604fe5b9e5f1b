"""Calling blob functions: a bounded number at once for each function, several tries, then the poison list."""

import asyncio
import json
import time
from collections.abc import Iterable

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from local.functions_host.background import BackgroundTasks
from local.functions_host.errors import WorkerError
from local.functions_host.functions import AppFunction
from local.functions_host.invoke import Invoker
from local.functions_host.logs import host_logger, user_traceback
from local.functions_host.storage.blobs import BlobStore, BlobWork
from local.functions_host.worker_messages import ModelBindingData, TypedData

RETRY_SECONDS = 0.5
_log = host_logger("blobs")


class BlobQueue:
    """Works off what scans and events have put into the store."""

    def __init__(
        self,
        functions: Iterable[AppFunction],
        *,
        accounts: dict[str, BlobServiceClient],
        invoker: Invoker,
        store: BlobStore,
        limit: int,
        poison_threshold: int,
    ) -> None:
        """`accounts` are clients by connection name; `limit` is the number of simultaneous calls per function."""
        self._functions = {function.name: function for function in functions}
        self._room = {name: asyncio.Semaphore(limit) for name in self._functions}
        self._accounts = accounts
        self._invoker = invoker
        self._store = store
        self._poison_threshold = poison_threshold
        self._tasks = BackgroundTasks()

    def start(self) -> None:
        """Go on with what the last host left."""
        self.add(self._store.queued(), is_fresh=False)

    def add(self, works: Iterable[BlobWork], *, is_fresh: bool = True) -> None:
        """Call functions for these blobs; `is_fresh` says that they have just been seen to be there."""
        for work in works:
            if work.function not in self._functions:
                _log.warning("%s/%s waits for %s, which is gone", work.container, work.name, work.function)
                continue
            self._tasks.spawn(self._work_off(work, is_fresh=is_fresh))

    async def stop(self) -> None:
        """Drop what is running; its work is still in the store."""
        await self._tasks.stop()

    async def _work_off(self, work: BlobWork, *, is_fresh: bool) -> None:
        async with self._room[work.function]:
            function = self._functions[work.function]
            while is_fresh or await self._is_current(function, work):
                failure = await self._call(function, work)
                if failure is None:
                    break
                work, is_fresh = self._store.count_failure(work), False
                if work.tries >= self._poison_threshold:
                    _log.error("%s given up for %s/%s", work.function, work.container, work.name)
                    self._store.give_up(work, str(failure), time.time())
                    return
                await asyncio.sleep(RETRY_SECONDS)
            self._store.finish(work)

    async def _call(self, function: AppFunction, work: BlobWork) -> WorkerError | None:
        try:
            await self._invoker.call(function, _reference(function, work))
        except WorkerError as error:
            _log.warning(
                "%s failed for %s/%s (try %d)\n%s",
                *(function.name, work.container, work.name, work.tries + 1, user_traceback(error)),
            )
            return error
        return None

    async def _is_current(self, function: AppFunction, work: BlobWork) -> bool:
        """Whether the blob is still the one that was seen; waits while the storage cannot be reached."""
        client = self._accounts[function.trigger["connection"]].get_blob_client(work.container, work.name)
        while True:
            try:
                properties = await self._invoker.in_thread(client.get_blob_properties)
            except ResourceNotFoundError:
                _log.info("%s/%s is gone, %s is not called", work.container, work.name, function.name)
                return False
            except AzureError as error:
                _log.warning("%s/%s cannot be looked up: %s", work.container, work.name, error)
                await asyncio.sleep(RETRY_SECONDS)
            else:
                if properties.etag.strip('"') == work.etag:
                    return True
                _log.info(
                    "%s/%s is another version now, %s is not called", work.container, work.name, function.name
                )
                return False


def _reference(function: AppFunction, work: BlobWork) -> TypedData:
    """What the storage extension sends in place of a blob's content; the connection is the name of a setting."""
    told = {
        "Connection": function.trigger["connection"],
        "ContainerName": work.container,
        "BlobName": work.name,
    }
    return TypedData(
        model_binding_data=ModelBindingData(source="AzureStorageBlobs", content=json.dumps(told))
    )
