"""HTTP functions: routes, requests in, responses out. Keys and auth levels are not checked on a laptop."""

import re
from collections.abc import Iterable
from email.utils import formatdate
from typing import Any

from aiohttp import web

from local.functions_host.errors import AppLoadError, WorkerError
from local.functions_host.functions import AppFunction
from local.functions_host.invoke import Invoker
from local.functions_host.logs import host_logger, user_traceback
from local.functions_host.worker_messages import HttpRequest, Nullable, RpcHttp, RpcHttpCookie, TypedData

_SEGMENT = re.compile(r"\{(?P<all>\*?)(?P<name>[A-Za-z_]\w*)\}")
_REST = re.compile(r"/\{\w+:\.\*\}$")
_log = host_logger("http")


def add_http_routes(
    router: web.UrlDispatcher, functions: Iterable[AppFunction], *, prefix: str, invoker: Invoker
) -> None:
    """Register the routes of HTTP functions, literal ones before those with parameters.

    Raises AppLoadError for route templates that are not supported.
    """
    for function in sorted(functions, key=_specificity):
        for method in function.trigger.get("methods") or ["*"]:
            for path in _paths(function, prefix):
                router.add_route(method, path, _HttpFunction(function, invoker).answer)


def route_of(function: AppFunction, prefix: str) -> str:
    """Return the path of an HTTP function as people write it, `/api/runs/{id}`."""
    return "/" + "/".join(part for part in (prefix, str(function.trigger["route"]).strip("/")) if part)


def _specificity(function: AppFunction) -> list[int]:
    """Sort key: segment by segment, literals first, then parameters, then the rest of the path."""
    segments = str(function.trigger["route"]).split("/")
    return [0 if "{" not in segment else 2 if "{*" in segment else 1 for segment in segments]


def _paths(function: AppFunction, prefix: str) -> list[str]:
    """Give the paths that a route stands for: the rest of a path may be nothing, with the slash before it."""
    path = _path(function, prefix)
    without_rest = _REST.sub("", path)
    return [path] if without_rest in ("", path) else [path, without_rest]


def _path(function: AppFunction, prefix: str) -> str:
    route = route_of(function, prefix)
    literal = _SEGMENT.sub("", route)
    if "{" in literal or "}" in literal:
        raise AppLoadError(
            f"the route {route!r} has constraints, defaults or optional parts; this host supports "
            "{name} and {*rest}",
            function=function.name,
        )
    return _SEGMENT.sub(
        lambda found: f"{{{found['name']}:.*}}" if found["all"] else f"{{{found['name']}}}", route
    )


class _HttpFunction:
    def __init__(self, function: AppFunction, invoker: Invoker) -> None:
        self._function = function
        self._invoker = invoker

    async def answer(self, request: web.Request) -> web.Response:
        try:
            return _response(await self._invoker.call(self._function, await _value_of(request)))
        except WorkerError as error:
            _log.error(
                "%s %s: %s failed\n%s",
                request.method,
                request.path,
                self._function.name,
                user_traceback(error),
            )
            return web.Response(status=500)


async def _value_of(request: web.Request) -> TypedData:
    return TypedData(
        http=HttpRequest(
            method=request.method,
            url=str(request.url),
            headers={name.lower(): text for name, text in request.headers.items()},
            query=dict(request.query),
            params=dict(request.match_info),
            body=TypedData(bytes=await request.read()),
        )
    )


def _response(returned: TypedData | None) -> web.Response:
    content = returned.content if returned else None
    if not isinstance(content, RpcHttp):
        return web.Response(body=content) if isinstance(content, bytes) else web.Response(text=content)
    response = web.Response(status=int(content.status_code), body=content.body.content)
    for name, text in content.headers.items():
        response.headers[name] = text
    for cookie in content.cookies or ():
        response.headers.add("Set-Cookie", _cookie(cookie))
    return response


def _cookie(cookie: RpcHttpCookie) -> str:
    def given(value: Nullable | None) -> Any:
        return value and value.value

    expires = given(cookie.expires)
    attributes = {
        "Domain": given(cookie.domain),
        "Path": given(cookie.path),
        "Expires": expires and formatdate(expires.seconds, usegmt=True),
        "Max-Age": given(cookie.max_age),
        "SameSite": {1: "Lax", 2: "Strict", 3: "None"}.get(cookie.same_site),
    }
    flags = [
        name for name, is_set in (("Secure", cookie.secure), ("HttpOnly", cookie.http_only)) if given(is_set)
    ]
    told = [f"{name}={value}" for name, value in attributes.items() if value not in (None, "")]
    return "; ".join([f"{cookie.name}={cookie.value}", *told, *flags])
