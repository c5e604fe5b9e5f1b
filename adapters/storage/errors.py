"""What storage's errors mean to us: one of `domain.errors` for every error of the SDK."""

from collections.abc import Iterator
from contextlib import contextmanager

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)

from domain.errors import ConfigurationError, ConflictError, NotFoundError, PassingError, PipelineError

_CONFIGURATION_STATUSES = frozenset({401, 403})
_CONFLICT_STATUSES = frozenset({409, 412})


@contextmanager
def translated(about: str) -> Iterator[None]:
    """Turn the SDK's errors into ours; `about` says which blob it was."""
    try:
        yield
    except AzureError as error:
        raise _ours(error, about) from error


def _ours(error: AzureError, about: str) -> PipelineError:
    status = error.status_code if isinstance(error, HttpResponseError) else None
    told = getattr(error, "error_code", None)
    code = str(getattr(told, "value", told) or type(error).__name__)  # an enum where the SDK knows the code
    first_line = str(error).split("\n", 1)[0]
    if isinstance(error, ResourceNotFoundError):
        return NotFoundError(f"{about}: not found.", code=code)
    if isinstance(error, ResourceExistsError | ResourceModifiedError) or status in _CONFLICT_STATUSES:
        return ConflictError(f"{about}: {first_line}", code=code)
    if isinstance(error, ClientAuthenticationError) or status in _CONFIGURATION_STATUSES:
        return ConfigurationError(
            f"No access to {about} ({code}). Check the identity's roles or the key.", code=code
        )
    return PassingError(f"{about}: {first_line}", code=code)
