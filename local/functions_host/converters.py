"""The SDK's converters between what the host sends and what functions get, as the Python worker uses them."""

import json
from typing import Any

import azurefunctions.extensions.base as extensions
from azure.functions import get_binding_registry
from azure.functions.meta import Datum


def converter(binding_type: str) -> Any:
    """Return the converter class of `azure.functions` for a binding type."""
    return get_binding_registry().get(binding_type)  # type: ignore[no-untyped-call]


def decode(binding_type: str, value: Any, kind: str) -> Any:
    """Convert a value of a data kind (`json`, `http`, …) to what a function with that trigger gets."""
    return converter(binding_type).decode(Datum(value, kind), trigger_metadata={})


def encode(binding_type: str, result: Any) -> Datum:
    """Convert what a function returned. Raises ValueError or TypeError for what the binding cannot carry."""
    try:
        datum: Datum = converter(binding_type).encode(result, expected_type=None)
    except NotImplementedError as error:
        raise TypeError(f"a function with this trigger cannot return {type(result).__name__}") from error
    return datum


class _BlobReference:
    """What the storage extension sends in place of a blob's content."""

    def __init__(self, connection: str, container: str, name: str) -> None:
        self.version = "1.0"
        self.source = "AzureStorageBlobs"
        self.content_type = "application/json"
        self.content = json.dumps({"Connection": connection, "ContainerName": container, "BlobName": name})


def blob_client(sdk_type: Any, connection: str, container: str, name: str) -> Any:
    """Build the client object that a blob function's parameter is annotated with.

    `connection` is the name of the setting; the converter looks it up in the environment.
    """
    datum = extensions.Datum(_BlobReference(connection, container, name), "model_binding_data")
    registry = extensions.get_binding_registry()
    return registry.get("blobTrigger").decode(datum, trigger_metadata={}, pytype=sdk_type)
