"""How any call is served: admitted, read, struck by a planned fault or carried out, and counted."""

from __future__ import annotations

import asyncio
import base64
import binascii
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from local.azure_openai.connections import BrokenResponse, Connections, HalfResponse, ShortResponse
from local.azure_openai.errors import ServiceError, resource_not_found
from local.azure_openai.plan import CallRule, OperationName, Subject
from local.azure_openai.rows import CONTENT_FILTER, error_body

if TYPE_CHECKING:
    from local.azure_openai.counters import Counters
    from local.azure_openai.faults import Faults

T = TypeVar("T")

API_VERSIONS = frozenset(
    {
        "2023-05-15",
        "2024-02-01",
        "2024-06-01",
        "2024-07-01-preview",
        "2024-08-01-preview",
        "2024-09-01-preview",
        "2024-10-01-preview",
        "2024-10-21",
        "2024-12-01-preview",
        "2025-01-01-preview",
        "2025-02-01-preview",
        "2025-03-01-preview",
        "2025-04-01-preview",
    }
)  # fmt: skip - a list to look at
EXPIRY_SINCE = "2025-03-01-preview"
BLOBS_SINCE = "2025-04-01-preview"
V1 = "v1"


class Call(msgspec.Struct, frozen=True):
    """A call that is read and understood, but not yet carried out."""

    subject: Subject
    carry_out: Callable[[], Awaitable[Response]]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation of the API."""

    name: OperationName
    method: Literal["GET", "POST", "DELETE"]
    path: str  # below /openai/v1 and /openai
    read: Callable[[Request], Awaitable[Call]]


class Gate:
    """Serves operations."""

    def __init__(self, key: str, faults: Faults, counters: Counters, connections: Connections) -> None:
        self._key = key
        self._faults = faults
        self._counters = counters
        self._connections = connections

    async def serve(self, operation: Operation, request: Request) -> Response:
        """Answer a call, count it by its outcome."""
        try:
            self._admit(request)
            call = await operation.read(request)
            rule = self._faults.for_call(operation.name, call.subject)
            outcome, response = await self._answer(call, rule)
        except ServiceError as error:
            outcome, response = str(error.status), refusal(error)
        except ClientDisconnect:
            outcome, response = "disconnected", Response(status_code=400)
        request_id = str(uuid.uuid4())
        response.headers.update({"x-request-id": request_id, "apim-request-id": request_id})
        self._counters.call(operation.name, outcome)
        return response

    async def _answer(self, call: Call, rule: CallRule | None) -> tuple[str, Response]:
        if rule is None:
            response = await call.carry_out()
            return str(response.status_code), response
        await asyncio.sleep(rule.delay_seconds)
        if rule.connection == "reset":
            return "reset", BrokenResponse(self._connections, reset=True)
        if rule.status is not None:
            error = ServiceError(rule.status, rule.message, code=rule.code, retry_after=rule.retry_after)
            body = error_body(rule.status, rule.code) if rule.code == CONTENT_FILTER else error.body()
            return str(rule.status), json_response(body, rule.status, error.headers)
        response = await call.carry_out()
        return rule.connection or str(response.status_code), self._delivered(response, rule)

    def _delivered(self, response: Response, rule: CallRule) -> Response:
        match rule.connection:
            case "lost":
                return BrokenResponse(self._connections, reset=False)
            case "half":
                return HalfResponse(self._connections, response)
            case "short":
                return ShortResponse(response)
            case _:
                return response

    def _admit(self, request: Request) -> None:
        key = request.headers.get("api-key")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        is_bearer = scheme.lower() == "bearer" and (token == self._key or is_jwt(token))
        if key != self._key and not is_bearer:
            raise ServiceError(
                401,
                "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid "
                "key for an active subscription and use a correct regional API endpoint for your resource.",
            )
        if not api_version(request):
            raise resource_not_found()


def api_version(request: Request) -> str:
    """`v1` under /openai/v1, else the dated api-version that was asked for; "" for one that does not exist."""
    if request.url.path.startswith("/openai/v1/"):
        return V1
    dated = request.query_params.get("api-version", "")
    return dated if dated in API_VERSIONS else ""


def json_response(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")


def refusal(error: ServiceError) -> Response:
    """The answer that tells an error."""
    return json_response(error.body(), error.status, error.headers)


async def json_body(request: Request, kind: type[T]) -> T:
    """The request's JSON. Raises ServiceError 400 when it does not fit."""
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ServiceError(400, f"The request body is invalid: {error}") from error


def int_query(request: Request, name: str, default: int, *, most: int) -> int:
    """A number from the query. Raises ServiceError 400 when it is none from 1 to `most`."""
    given = request.query_params.get(name)
    if given is None:
        return default
    if not given.isdecimal() or not 1 <= int(given) <= most:
        raise ServiceError(400, f"Invalid value for {name}: '{given}'. It must be between 1 and {most}.")
    return int(given)


def is_jwt(token: str) -> bool:
    """Whether it has the form of a JSON web token; nothing is verified."""
    head, *rest = token.split(".")
    try:
        header = msgspec.json.decode(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (binascii.Error, ValueError, msgspec.DecodeError):
        return False
    return len(rest) == 2 and isinstance(header, dict) and "alg" in header
