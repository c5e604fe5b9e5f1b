"""Where settings become real things. Built on first use, never at import: a failing import takes every function down."""

import importlib
import os
from contextlib import AbstractAsyncContextManager
from functools import cache
from typing import TYPE_CHECKING

from adapters.malloc import give_memory_back
from adapters.storage.blobs import Storage, open_storage
from adapters.work.store import WorkStore
from domain import names
from domain.direct.throttle import WIDEST
from domain.settings import Settings

if TYPE_CHECKING:
    from adapters.openai.batch_api import BatchApi
    from adapters.openai.live_api import LiveApi


@cache
def settings() -> Settings:
    """Give the app's settings. Raises SettingsError with every mistake."""
    return Settings.from_env(os.environ)


@cache
def storage() -> Storage:
    """Give the data account, its containers present. Whoever has it streams: memory is managed for that from now on."""
    give_memory_back()
    return open_storage(settings()).ready()


@cache
def work() -> WorkStore:
    """Give the pipeline's records."""
    return WorkStore(storage().work)


@cache
def batch_api() -> "BatchApi":
    """Give the Batch API."""
    from adapters.openai.batch_api import open_batch_api  # noqa: PLC0415 - the SDK takes a second to import; only some need it

    told = settings()
    return open_batch_api(
        endpoint=told.azure_openai_endpoint,
        api_version=told.azure_openai_api_version,
        api_key=told.azure_openai_api_key,
        scope=told.azure_openai_scope,
        completion_window=told.completion_window,
        expiry_days=told.file_expiry_days,
    )


def open_live_api() -> AbstractAsyncContextManager["LiveApi"]:
    """Open live calls for the running event loop."""
    from adapters.openai.live_api import open_live_api  # noqa: PLC0415 - as above

    told = settings()
    return open_live_api(
        endpoint=told.azure_openai_endpoint,
        api_version=told.azure_openai_api_version,
        api_key=told.azure_openai_api_key,
        scope=told.azure_openai_scope,
        connections=int(WIDEST),
    )


def warm_up() -> None:
    """Import what the first submission needs, ahead of it: the SDK takes a second."""
    importlib.import_module("adapters.openai.batch_api")


def file_prefix() -> str:
    """Give the prefix of this app's files in the service."""
    return names.service_file_prefix(storage().account_url, settings().work_container)
