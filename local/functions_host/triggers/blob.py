"""Blob functions: checked at load, then fed by scans or events."""

from collections.abc import Iterable, Mapping
from typing import Any

from aiohttp import web
from azure.storage.blob import BlobServiceClient

from local.functions_host.background import BackgroundTasks
from local.functions_host.config import HostConfig
from local.functions_host.errors import AppLoadError
from local.functions_host.functions import AppFunction
from local.functions_host.invoke import Invoker
from local.functions_host.logs import host_logger
from local.functions_host.storage.blobs import BlobStore
from local.functions_host.triggers.blob_events import BlobEvents
from local.functions_host.triggers.blob_path import BlobPath
from local.functions_host.triggers.blob_queue import BlobQueue
from local.functions_host.triggers.blob_scan import BlobScan

_log = host_logger("blobs")

# Set in every Function App, also where it is not in this environment.
HOST_ACCOUNT = "AzureWebJobsStorage"

# The host itself tries again.
_TIMEOUTS: dict[str, Any] = {
    "retry_total": 0,
    "connection_timeout": 5,
    "read_timeout": 60,
}


class BlobFunctions:
    """All blob functions of an app."""

    def __init__(
        self,
        functions: Iterable[AppFunction],
        *,
        invoker: Invoker,
        store: BlobStore,
        config: HostConfig,
        environment: Mapping[str, str],
        poll_seconds: float,
    ) -> None:
        """Raise AppLoadError for paths, sources and connections that cannot work.

        As in Azure a function whose connection has no setting is left out with an error in the log, and the app runs on.
        """
        self._accounts: dict[str, BlobServiceClient] = {}
        functions = tuple(function for function in functions if self._can_be_reached(function, environment))
        self._queue = BlobQueue(
            functions,
            accounts=self._accounts,
            invoker=invoker,
            store=store,
            limit=config.max_concurrent_blobs,
            poison_threshold=config.poison_threshold,
        )
        self._scans = [
            BlobScan(
                function,
                _path(function),
                account=self._accounts[function.trigger["connection"]],
                invoker=invoker,
                store=store,
                queue=self._queue,
                interval_seconds=poll_seconds,
            )
            for function in functions
            if not _has_events(function)
        ]
        self._events = BlobEvents(
            tuple(function for function in functions if _has_events(function)), store=store, queue=self._queue
        )
        self._tasks = BackgroundTasks()

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Register the webhook for events."""
        self._events.add_routes(router)

    def _can_be_reached(self, function: AppFunction, environment: Mapping[str, str]) -> bool:
        """Open the function's account; False where no setting says which one that is."""
        connection = function.trigger["connection"]
        account = self._accounts.get(connection) or _account(function, environment)
        if account is None:
            _log.error(
                "The %r function is in error: its connection %r needs the setting %s or %s__blobServiceUri.",
                *(function.name, connection, connection, connection),
            )
            return False
        self._accounts[connection] = account
        return True

    def start(self) -> None:
        """Go on with what the last host left, and look for more."""
        self._queue.start()
        for scan in self._scans:
            self._tasks.spawn(scan.run_for_ever())

    async def stop(self) -> None:
        """Stop looking and calling."""
        await self._tasks.stop()
        await self._queue.stop()
        for account in self._accounts.values():
            account.close()


def _has_events(function: AppFunction) -> bool:
    source = function.trigger.get("source") or "LogsAndContainerScan"
    if source not in ("EventGrid", "LogsAndContainerScan"):
        raise AppLoadError(f"{source!r} is not a source of blobs", function=function.name)
    return source == "EventGrid"


def _path(function: AppFunction) -> BlobPath:
    try:
        return BlobPath.parse(function.trigger["path"])
    except ValueError as error:
        raise AppLoadError(str(error), function=function.name) from error


def _account(function: AppFunction, environment: Mapping[str, str]) -> BlobServiceClient | None:
    name = function.trigger["connection"]
    _refuse_the_hosts(name, function, environment)
    try:
        if environment.get(name):
            return BlobServiceClient.from_connection_string(environment[name], **_TIMEOUTS)
        for setting in (f"{name}__blobServiceUri", f"{name}__serviceUri"):
            if environment.get(setting):
                from azure.identity import DefaultAzureCredential  # noqa: PLC0415 - slow to import, rarely needed

                return BlobServiceClient(environment[setting], DefaultAzureCredential(), **_TIMEOUTS)
    except ValueError as error:  # the text of a malformed connection string may hold its key: not repeated
        raise AppLoadError(
            f"the setting {name} is not a storage connection", function=function.name
        ) from error
    return None


def _refuse_the_hosts(name: str, function: AppFunction, environment: Mapping[str, str]) -> None:
    """Raise AppLoadError for a name under which the storage extension finds another account.

    For a connection `X` it takes the setting, or the section of settings, `AzureWebJobsX` before `X`, and names of
    settings ignore case (WebJobs SDK, `IConfigurationExtensions.GetWebJobsConnectionSection`).
    """
    taken_first = f"AzureWebJobs{name}".lower()
    for setting in (HOST_ACCOUNT, *environment):
        if setting.partition("__")[0].lower() == taken_first:
            raise AppLoadError(
                f"its connection {name!r} is the setting {setting} in Azure; give it another name",
                function=function.name,
            )
