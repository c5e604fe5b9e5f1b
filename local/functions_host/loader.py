"""The app as the host sees it: what the worker tells of its functions, with the host's own rules about them."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.functions_host import worker
from local.functions_host.config import resolve_settings
from local.functions_host.errors import AppLoadError, ConfigError
from local.functions_host.functions import App, AppFunction, TriggerKind
from local.functions_host.worker_messages import RpcFunctionMetadata

MODULE = "function_app"
_CLIENT = "durableClient"


async def load_app(folder: Path, environment: Mapping[str, str]) -> App:
    """Load the app in `folder`, for the running event loop; settings are resolved from `environment`.

    Raises AppLoadError; its cause is the worker's, where it is the worker that refuses.
    """
    if not (folder / f"{MODULE}.py").is_file():
        raise AppLoadError(f"there is no {MODULE}.py in {folder}")
    sys.path.insert(0, str(folder))
    app = App(_read(metadata, environment) for metadata in await worker.index(folder))
    if not app.functions:
        raise AppLoadError(f"{MODULE}.py registers no functions")
    _check_durable_names(app)
    return app


def _read(metadata: RpcFunctionMetadata, environment: Mapping[str, str]) -> AppFunction:
    bindings = tuple(_binding(raw, metadata.name, environment) for raw in metadata.raw_bindings)
    # The worker has seen to it that there is exactly one.
    trigger = next((binding for binding in bindings if binding["type"].endswith("Trigger")), bindings[0])
    kind = _kind(metadata, trigger, bindings)
    clients = tuple(binding["name"] for binding in bindings if binding["type"] == _CLIENT)
    return AppFunction(
        metadata=metadata, kind=kind, trigger=trigger, client_parameters=clients, bindings=bindings
    )


def _binding(raw: str, function: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return a binding as in function.json, with settings resolved."""
    try:
        return {
            key: resolve_settings(value, environment) if isinstance(value, str) else value
            for key, value in json.loads(raw).items()
        }
    except ConfigError as error:
        raise AppLoadError(str(error), function=function) from error


def _kind(
    metadata: RpcFunctionMetadata, trigger: dict[str, Any], bindings: tuple[dict[str, Any], ...]
) -> TriggerKind:
    """Tell the trigger's kind. Raises AppLoadError for what this host cannot do."""
    kinds = (trigger["type"], _CLIENT, *(["http"] if trigger["type"] == TriggerKind.HTTP else []))
    if trigger["type"] not in list(TriggerKind):
        raise AppLoadError(f"{trigger['type']} is not supported by this host", function=metadata.name)
    if metadata.retry_options is not None:
        raise AppLoadError(
            "retry policies of functions are not supported by this host", function=metadata.name
        )
    for binding in bindings:
        if binding["type"] not in kinds:
            raise AppLoadError(
                f"{binding['type']} bindings are not supported by this host", function=metadata.name
            )
    wants_client = trigger.get("properties", {}).get("SupportsDeferredBinding")
    if trigger["type"] == TriggerKind.BLOB and not wants_client:
        raise AppLoadError(
            "this host supports the client types of azurefunctions.extensions.bindings.blob (BlobClient) and "
            "never loads a blob's content",
            function=metadata.name,
        )
    return TriggerKind(trigger["type"])


def _check_durable_names(app: App) -> None:
    for kind in (TriggerKind.ORCHESTRATOR, TriggerKind.ACTIVITY):
        seen: set[str] = set()
        for function in app.of_kind(kind):
            if function.durable_name.lower() in seen:
                raise AppLoadError(f"{function.durable_name!r} is registered twice", function=function.name)
            seen.add(function.durable_name.lower())
