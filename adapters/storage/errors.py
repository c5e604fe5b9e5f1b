"""What storage's errors mean to us: one of `domain.errors` for every error of the SDK.

The status alone does not tell: 412 is a changed blob or a lease, 409 is a blob that is there already or a legal hold, 404 is
a missing blob or a missing container. Storage's own code does ("Blob Storage error codes", read 2026-11); an answer without
one is not storage's, and says nothing about a blob.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from domain.errors import (
    BlockedError,
    ConfigurationError,
    ConflictError,
    MissingContainerError,
    NotFoundError,
    PassingError,
    PipelineError,
    RefusedError,
)

_NO_ACCESS = frozenset({401, 403})
_CONFLICTS = frozenset({409, 412})
# "Bad request" of all kinds: of this content or this name, not of this moment.
_REFUSALS = frozenset({400, 405, 411, 413, 414, 431})

# Another one was first: the blob is there already, or is another version.
_CHANGED = frozenset(
    {
        "AppendPositionConditionNotMet",
        "BlobAlreadyExists",
        "BlobOverwritten",
        "ConditionNotMet",
        "ContainerAlreadyExists",
        "FilesystemAlreadyExists",
        "PathAlreadyExists",
        "ResourceAlreadyExists",
        "SourceConditionNotMet",
        "TargetConditionNotMet",
    }
)
# The container itself is not there, which says nothing about what was in it.
_NO_CONTAINER = frozenset(
    {
        "ContainerBeingDeleted",
        "ContainerDisabled",
        "ContainerNotFound",
        "FilesystemBeingDeleted",
        "FilesystemNotFound",
    }
)
# Conflicts with what storage itself is doing.
_UNDER_WAY = frozenset(
    {
        "AccountBeingCreated",
        "InstanceNotReady",
        "PendingCopyOperation",
        "SnapshotOperationRateExceeded",
        "SystemInUse",
    }
)


@contextmanager
def translated(about: str) -> Iterator[None]:
    """Turn the SDK's errors into ours; `about` says which blob it was.

    The SDK's own error is left out of tracebacks: its text may hold the URL, and the URL a signature.
    """
    try:
        yield
    except AzureError as error:
        raise _ours(error, about) from None


def _ours(error: AzureError, about: str) -> PipelineError:
    status = error.status_code if isinstance(error, HttpResponseError) else None
    told = getattr(error, "error_code", None)
    storages = str(getattr(told, "value", told) or "")  # an enum where the SDK knows the code
    code = storages or type(error).__name__
    text = f"{about}: {str(error).partition(chr(10))[0]} ({code})"
    if storages in _NO_CONTAINER:
        return MissingContainerError(
            f"{about}: the container is not there ({code}). Create it, or restore it.",
            code=code,
            of_storage=True,
        )
    if isinstance(error, ClientAuthenticationError) or status in _NO_ACCESS:
        return ConfigurationError(
            f"No access to {about} ({code}). Check the identity's roles or the key.",
            code=code,
            of_storage=True,
        )
    if not storages or storages in _UNDER_WAY:
        return PassingError(text, code=code)
    if status == 404:
        return NotFoundError(f"{about}: not found.", code=code)
    if status in _CONFLICTS:
        return ConflictError(text, code=code) if storages in _CHANGED else BlockedError(text, code=code)
    return RefusedError(text, code=code) if status in _REFUSALS else PassingError(text, code=code)
