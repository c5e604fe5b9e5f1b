"""Live calls of Azure OpenAI: each is paid when it is answered, and sent once.

There is no idempotency key, so the SDK repeats nothing. What matters about a call without an answer is whether it was
written to the service: then it may have been done and billed.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx2
import msgspec
import openai
from openai import AsyncAzureOpenAI, AsyncOpenAI

from adapters.openai.errors import LIVE_KIND, from_status, retry_after, root_of, token_provider
from adapters.openai.replies import foreign, own_error, says_come_back
from adapters.openai.tls import tls_context
from adapters.threads import in_thread
from domain.errors import ConfigurationError, LostAnswerError, PassingError
from domain.service.answer_repair import is_strict, read_leniently

CALL_TIMEOUT_SECONDS = 600.0  # the SDK's own; long answers of reasoning models take minutes
CONNECT_TIMEOUT_SECONDS = 10.0
# A connection idle for longer may just be closed from the other side: an answer lost for nothing.
IDLE_SECONDS = 2.0
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)

log = logging.getLogger(__name__)


class LiveAnswer(NamedTuple):
    """What the service said: any status but those that a person has to fix. `body` is JSON on one line."""

    status: int
    body: bytes
    request_id: str
    retry_after: float | None  # seconds
    marks: tuple[str, ...] = ()  # what was changed so that every reader takes the body


class LiveApi:
    """Live calls to one resource, from one event loop."""

    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client

    async def send(self, path: str, body: dict[str, Any], *, about: str) -> LiveAnswer:
        """Send one call, once. `about` names it in the service's logs and in errors.

        Raises ConfigurationError, LostAnswerError when it may have been done, PassingError when it was never sent.
        """
        try:
            # In all; the SDK's own limit is for each piece of an answer.
            async with asyncio.timeout(CALL_TIMEOUT_SECONDS):
                response = await self._client.post(
                    path,
                    cast_to=httpx2.Response,
                    body=body,
                    options={
                        "headers": {"x-ms-client-request-id": about},
                        "timeout": httpx2.Timeout(CALL_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS),
                    },
                )
        except TimeoutError as error:
            raise LostAnswerError(
                f"{about}: no answer within {CALL_TIMEOUT_SECONDS:g} s.", code="timeout"
            ) from error
        except openai.APIStatusError as error:
            return _refusal(error, about)
        except openai.APIConnectionError as error:  # timeouts included
            if isinstance(error.__cause__, _NEVER_SENT):
                raise PassingError(f"{about}: {error}", code=type(error.__cause__).__name__) from error
            cause = type(error.__cause__).__name__
            raise LostAnswerError(f"{about}: {error} ({cause})", code=cause) from error
        read = _one_line(response.content)
        if read is None or not _is_answer(read[0]):
            raise foreign(response, about, effect=True)
        content, marks = read
        return LiveAnswer(response.status_code, content, _request_id(response), None, marks)


def _refusal(error: openai.APIStatusError, about: str) -> LiveAnswer:
    """Give an answer that is an error of the service.

    Raises ConfigurationError for one that only the operator can fix, LostAnswerError for that of a gateway which may have
    passed the call on.
    """
    ours = from_status(error, about, effect=True, kind=LIVE_KIND)
    if isinstance(ours, ConfigurationError):
        raise ours from error
    read = _one_line(error.response.content)
    if read is not None and own_error(error):
        content = read[0]
    elif says_come_back(error):
        content = msgspec.json.encode({"error": {"code": "http_429", "message": str(ours)}})
    else:
        raise foreign(error.response, about, effect=True) from error
    return LiveAnswer(error.status_code, content, _request_id(error.response), retry_after(error))


def _is_answer(content: bytes) -> bool:
    """Tell whether JSON may be what an endpoint answers. Whatever else it holds is kept: it may have been paid."""
    body = msgspec.json.decode(content)
    return isinstance(body, dict) and bool(body)


def _one_line(content: bytes) -> tuple[bytes, tuple[str, ...]] | None:
    """Give JSON that every reader takes, without the white space that was there to be read, and what was changed for that.

    None for anything that is no JSON, however leniently it is read.
    """
    if is_strict(content):
        has_lines = b"\n" in content or b"\r" in content
        return msgspec.json.format(content, indent=-1) if has_lines else content, ()
    try:
        found, marks = read_leniently(content)
    except msgspec.DecodeError:
        return None
    return msgspec.json.encode(found), tuple(marks)


def _request_id(response: httpx2.Response) -> str:
    headers = response.headers
    return str(headers.get("apim-request-id") or headers.get("x-request-id") or "")


@asynccontextmanager
async def open_live_api(
    *, endpoint: str, api_version: str, api_key: str | None, scope: str, connections: int
) -> AsyncIterator[LiveApi]:
    """Connect to the resource, for the running event loop: by key where one is given, else by identity."""
    limits = httpx2.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=IDLE_SECONDS
    )
    root = root_of(endpoint)
    common: dict[str, Any] = {
        "max_retries": 0,
        "http_client": openai.DefaultAsyncHttpxClient(
            limits=limits, follow_redirects=False, verify=tls_context()
        ),
    }
    client: AsyncOpenAI
    if api_version == "v1":
        client = AsyncOpenAI(
            base_url=f"{root}/openai/v1/", api_key=api_key or _async_token_provider(scope), **common
        )
    elif api_key:
        client = AsyncAzureOpenAI(azure_endpoint=root, api_version=api_version, api_key=api_key, **common)
    else:
        client = AsyncAzureOpenAI(
            azure_endpoint=root,
            api_version=api_version,
            azure_ad_token_provider=_async_token_provider(scope),
            **common,
        )
    async with client:
        yield LiveApi(client)


def _async_token_provider(scope: str) -> Any:
    """Fetch tokens in a thread: the credential of `azure.identity.aio` would need a second HTTP library."""
    provider = token_provider(scope)

    async def provide() -> str:
        return await in_thread(provider)

    return provide
