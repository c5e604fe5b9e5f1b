"""What the service's errors mean to us: one of `domain.errors` for every error of the SDK, and how to reach the resource."""

import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import openai
from azure.core.exceptions import AzureError

from adapters.openai.replies import described, own_error, without_signatures
from domain.errors import (
    ConfigurationError,
    LostAnswerError,
    NotFoundError,
    PassingError,
    PipelineError,
    QuotaFullError,
    RefusedError,
)
from domain.service.batch_states import read_faults

# A gateway that gave up may have passed the call on.
GATEWAY_DOUBT_SECONDS = LostAnswerError.longest_doubt_seconds
ANSWERED_DOUBT_SECONDS = 15.0  # the service itself answered: what it did shows soon

MAX_SHOWN_CHARS = 1000  # of an error of the identity, which lists all it has tried
LONGEST_WAIT_SECONDS = 3600.0  # whatever is asked for: nothing waits forever because of one header

BATCH_KIND = "is of a batch kind (GlobalBatch or DataZoneBatch)"
LIVE_KIND = "takes live calls (no GlobalBatch or DataZoneBatch)"

_QUOTA_CODES = frozenset({"token_limit_exceeded", "quotaExceeded"})
_NOT_READY = "Only files with status"  # a 400 for a file that is still being processed
_CONFIGURATION_CODES = frozenset(
    {"model_not_found", "DeploymentNotFound", "OperationNotSupported", "PermissionDenied"}
)


def root_of(endpoint: str) -> str:
    """Give the resource's root, whatever part of a path was given with it."""
    return re.sub(r"/openai(/.*)?$", "", endpoint.rstrip("/"))


@cache
def token_provider(scope: str, credential: Any = None) -> Callable[[], str]:
    """Give what fetches, and keeps, a token of the app's identity, or of the one that is given.

    It raises ConfigurationError when there is none.
    """
    from azure.identity import DefaultAzureCredential, get_bearer_token_provider  # noqa: PLC0415 - slow, rarely needed

    provider = get_bearer_token_provider(credential or DefaultAzureCredential(), scope)

    def provide() -> str:
        try:
            return provider()
        except AzureError as error:
            message = f"The identity got no token for {scope}: {error}"[:MAX_SHOWN_CHARS]
            raise ConfigurationError(message, code=type(error).__name__) from error

    return provide


@contextmanager
def translated(about: str, *, effect: bool = False) -> Iterator[None]:
    """Turn the SDK's errors into ours. `effect`: a call that makes something, in doubt when no answer came."""
    try:
        yield
    except openai.APIStatusError as error:
        raise from_status(error, about, effect=effect) from error
    except (openai.APIError, openai.OpenAIError) as error:
        kind = LostAnswerError if effect else PassingError
        raise kind(f"{about}: {error}", code=type(error).__name__) from error
    except _transport_errors() as error:
        raise PassingError(f"{about}: broke off: {error}", code=type(error).__name__) from error


def _transport_errors() -> tuple[type[Exception], ...]:
    """Give the errors of the SDK's transport; they show through where a response body is streamed."""
    import httpx2  # noqa: PLC0415 - comes with openai, imported with it

    return (httpx2.TransportError,)


def from_status(
    error: openai.APIStatusError, about: str, *, effect: bool, kind: str = BATCH_KIND
) -> PipelineError:
    """Give the error for an answer that is one. `kind`: what the deployment has to be.

    A refusal counts only in the service's own words. What a gateway says of a call with an effect leaves it in doubt.
    """
    status, (code, message) = error.status_code, reason_of(error)
    text, is_own = f"{about}: {message}", own_error(error)
    if code in _QUOTA_CODES:
        return QuotaFullError(text, code=code)
    if status == 404 and not effect and is_own and not _is_about_the_path(code, message):
        return NotFoundError(text, code=code)
    if status in (401, 403, 404) or code in _CONFIGURATION_CODES:
        return ConfigurationError(f"{text} {_remedy(status, kind)}", code=code)
    if effect and (status == 408 or status >= 500 or not is_own):
        doubt = GATEWAY_DOUBT_SECONDS if status in (408, 502, 504) or not is_own else ANSWERED_DOUBT_SECONDS
        return LostAnswerError(
            text, code=f"http_{status}", doubt_seconds=doubt, retry_after=retry_after(error)
        )
    if status in (408, 409, 425, 429) or status >= 500 or _NOT_READY in message or not is_own:
        return PassingError(text, code=f"http_{status}", retry_after=retry_after(error))
    return RefusedError(text, code=code)


def _is_about_the_path(code: str, message: str) -> bool:
    """Tell the 404 for a path or an api-version that does not exist from that for a file or a batch."""
    return code == "404" or message.strip().rstrip(".").lower() == "resource not found"


def reason_of(error: openai.APIStatusError) -> tuple[str, str]:
    """Read code and message from either body the service uses: `{"error": {…}}` or `{"errors": {"data": […]}}`."""
    if not own_error(error):
        return f"http_{error.status_code}", f"Status {error.status_code}, and {described(error.response)}."
    body = error.body if isinstance(error.body, dict) else {}
    faults = read_faults(body.get("errors"))
    if faults:
        return faults[0].code, without_signatures(faults[0].message)
    wrapped = body.get("error")
    inner = wrapped if isinstance(wrapped, dict) else body
    code = inner.get("code") or inner.get("type") or f"http_{error.status_code}"
    return str(code), without_signatures(str(inner.get("message") or error.message))


def _remedy(status: int, kind: str) -> str:
    if status in (401, 403):
        return "The app's identity needs the role 'Cognitive Services OpenAI Contributor' (or check AZURE_OPENAI_API_KEY)."
    return (
        f"Check AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_API_VERSION, and that the deployment exists and {kind}."
    )


def retry_after(error: openai.APIStatusError) -> float | None:
    """Give the seconds that the service asks us to wait, None where it names none."""
    return asked_wait(error.response.headers)


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Read `retry-after-ms`, or `Retry-After` in seconds or as a date; None for nonsense, and for a date that is over."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        seconds = _seconds(headers.get(name, "")) * scale
        if math.isfinite(seconds) and seconds >= 0:  # "nan" and "inf" are floats to Python, but no times
            return min(seconds, LONGEST_WAIT_SECONDS)
    return None


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, OverflowError):
        return math.nan
