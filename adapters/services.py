"""What the pipeline works with, in one container. Opened on first use, never at import: a failing import takes every function down."""

import importlib
import logging
import os
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from adapters.malloc import use_few_pages
from adapters.openai.known_batches import KnownBatches
from adapters.openai.looks import Looks
from adapters.own_process import OwnProcess
from adapters.storage.account import Storage, open_storage
from adapters.work.shard_cache import ShardCache
from adapters.work.store import WorkStore
from domain import names
from domain.direct.throttle import WIDEST
from domain.former_settings import current_names
from domain.settings import Settings

if TYPE_CHECKING:
    from adapters.openai.batch_api import BatchApi
    from adapters.openai.live_api import LiveApi

_log = logging.getLogger(__name__)

OpenLive: TypeAlias = Callable[[], AbstractAsyncContextManager["LiveApi"]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Services:
    """Everything outside that a step reaches. `storage`, `work` and `batch_api` are opened when they are first asked for.

    `open_live` opens live calls for the event loop that is running; `clock` gives epoch seconds; `own_process` is where a
    step runs that has stopped its worker before, None in such a process itself.
    """

    settings: Settings
    open_storage: Callable[[], Storage]
    open_batch_api: "Callable[[], BatchApi]"
    open_live: OpenLive
    clock: Callable[[], float] = time.time
    shard_cache: ShardCache = field(default_factory=ShardCache)
    known_batches: KnownBatches = field(default_factory=KnownBatches)
    own_process: Callable[[], OwnProcess] | None = OwnProcess

    @cached_property
    def storage(self) -> Storage:
        """The data account. Raises ConfigurationError when one of its containers is missing."""
        return self.open_storage()

    @cached_property
    def work(self) -> WorkStore:
        """The pipeline's own records."""
        return WorkStore(self.storage.work)

    @cached_property
    def batch_api(self) -> "BatchApi":
        """The Batch API."""
        return self.open_batch_api()

    @cached_property
    def looks(self) -> Looks:
        """What this process has seen of the batches lately."""
        return Looks(self.clock)

    @property
    def file_prefix(self) -> str:
        """The prefix of this app's files in the service."""
        return names.service_file_prefix(self.storage.account_url, self.settings.work_container)

    @property
    def known_file_prefixes(self) -> tuple[str, ...]:
        """That prefix, and the one under which an earlier version of the app may have made files that are still there."""
        former = self.storage.former_file_prefix
        return (self.file_prefix, former) if former else (self.file_prefix,)


@cache
def services() -> Services:
    """Give the app's services, one container for each process. Raises SettingsError with every mistake."""
    use_few_pages()  # steps stream
    env, warning = current_names(os.environ)
    settings = Settings.from_env(env)
    if warning:
        _log.warning("%s", warning)
    return services_of(settings)


def services_of(settings: Settings) -> Services:
    """Wire the services that settings name; nothing is opened yet."""
    return Services(
        settings=settings,
        open_storage=lambda: open_storage(settings).ready(),
        open_batch_api=lambda: batch_api_of(settings),
        open_live=lambda: _open_live_api(settings),
    )


def batch_api_of(settings: Settings, credential: Any = None) -> "BatchApi":
    """Connect to the Batch API that settings name; where they have no key, as `credential`, or as the app's identity."""
    from adapters.openai.batch_api import open_batch_api  # noqa: PLC0415 - the SDK takes a second to import; only some need it

    return open_batch_api(
        endpoint=settings.azure_openai_endpoint,
        api_version=settings.azure_openai_api_version,
        api_key=settings.azure_openai_api_key,
        scope=settings.azure_openai_scope,
        completion_window=settings.completion_window,
        expiry_days=settings.file_expiry_days,
        credential=credential,
    )


def _open_live_api(settings: Settings) -> AbstractAsyncContextManager["LiveApi"]:
    from adapters.openai.live_api import open_live_api  # noqa: PLC0415 - as above

    return open_live_api(
        endpoint=settings.azure_openai_endpoint,
        api_version=settings.azure_openai_api_version,
        api_key=settings.azure_openai_api_key,
        scope=settings.azure_openai_scope,
        connections=int(WIDEST),
    )


def warm_up() -> None:
    """Import what the first submission needs, ahead of it: the SDK takes a second."""
    importlib.import_module("adapters.openai.batch_api")
