"""HTTP answers: JSON with an ETag, problems, and what browsers are told about both."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from math import ceil
from typing import Any

import azure.functions as func
import msgspec
from aiohttp import ClientError

from domain.api.problems import ProblemError, bad_parameter
from domain.api.routes import Route, route_of
from domain.contracts import prepared_type
from domain.errors import PassingError, PipelineError
from triggers import access

# Of an answer that a program reads. Whatever stands in it, a browser that is led here shows no page.
HEADERS = {
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
RETRY_SECONDS = 5
_OF_KEYS = frozenset({"code", "clientId"})  # parameters that the host reads: a function's key

Query = Mapping[str, str]


async def answered(
    req: func.HttpRequest, function: str, make: Callable[[Query, Any], Awaitable[Any]]
) -> func.HttpResponse:
    """Answer a call of a route: with what `make` gives for its query and its limit, or with the problem that it met."""
    route = route_of(function)
    try:
        if not route.is_open:
            access.check(req)
        query = _query(req, route)
        made = await make(query, int(query["limit"]) if "limit" in query else None)
    except ProblemError as error:
        return problem(error)
    except (PipelineError, ClientError) as error:
        return problem(_as_problem(error))
    return made if isinstance(made, func.HttpResponse) else json_answer(req, made)


def _query(req: func.HttpRequest, route: Route) -> dict[str, str]:
    """Give the parameters of a call's query. Raises ProblemError for one that is none, or has no such value."""
    known = {given.name: given for given in route.query}
    found = {name: value for name, value in req.params.items() if name not in _OF_KEYS}
    for name, value in found.items():
        parameter = known.get(name)
        if parameter is None:
            raise bad_parameter(name, f"not known here; known are: {', '.join(known) or 'none'}.")
        if parameter.values and value not in parameter.values:
            raise bad_parameter(name, f"one of {', '.join(parameter.values)}.")
        if parameter.most and not (
            value.isascii() and value.isdecimal() and 1 <= int(value[:9]) <= parameter.most
        ):
            raise bad_parameter(name, f"a number from 1 to {parameter.most}.")
    return {name: value for name, value in found.items() if value}


def body_of(req: func.HttpRequest, kind: type[Any]) -> Any:
    """Read what was sent. Raises ProblemError for what does not fit."""
    try:
        return msgspec.json.decode(req.get_body() or b"{}", type=prepared_type(kind))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(400, "body", str(error)) from error


def json_answer(
    req: func.HttpRequest, body: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> func.HttpResponse:
    """Give a body as JSON; to a caller that has it already, that it has not changed."""
    content = msgspec.json.encode(body)
    told = {**HEADERS, **(headers or {})}
    if req.method == "GET" and status == 200:
        told["ETag"] = etag_of(content)
        if matches(req.headers.get("If-None-Match", ""), told["ETag"]):
            return func.HttpResponse(status_code=304, headers=told)
    return func.HttpResponse(content, status_code=status, headers=told, mimetype="application/json")


def redirect(location: str) -> func.HttpResponse:
    """Lead to a signed link, which is kept nowhere."""
    return func.HttpResponse(
        status_code=302, headers={**HEADERS, "Cache-Control": "no-store", "Location": location}
    )


def problem(error: ProblemError) -> func.HttpResponse:
    """Give a problem (RFC 9457)."""
    told = dict(HEADERS)
    if error.problem.status == 503:
        told["Retry-After"] = str(ceil(error.retry_after or RETRY_SECONDS))
    content = msgspec.json.encode(error.problem)
    return func.HttpResponse(
        content, status_code=error.problem.status, headers=told, mimetype="application/problem+json"
    )


def etag_of(content: bytes) -> str:
    """Give the ETag of a content, with its quotes."""
    return f'"{hashlib.sha256(content).hexdigest()[:24]}"'


def matches(header: str, etag: str) -> bool:
    """Tell whether `If-None-Match` names an ETag, as weak ones are compared (RFC 9110, 13.1.2)."""
    named = [part.strip().removeprefix("W/") for part in header.split(",")]
    return "*" in named or etag in named


def _as_problem(error: PipelineError | ClientError) -> ProblemError:
    """Tell the caller what is wrong: of an exception the host would pass on nothing but an empty 500."""
    if isinstance(error, ClientError):
        error = PassingError("The task hub does not answer.", code="task_hub")
    if isinstance(error, PassingError):
        return ProblemError(503, error.code, str(error), retry_after=error.retry_after)
    return ProblemError(500, error.code, str(error))
