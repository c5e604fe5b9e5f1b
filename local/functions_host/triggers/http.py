"""HTTP functions: routes, requests in, responses out. Keys and auth levels are not checked on a laptop."""

import re
from collections.abc import Iterable

from aiohttp import web
from azure.functions.meta import Datum

from local.functions_host.converters import decode, encode
from local.functions_host.errors import AppLoadError
from local.functions_host.functions import AppFunction, TriggerKind
from local.functions_host.invoke import Invoker
from local.functions_host.logs import host_logger, user_traceback

_SEGMENT = re.compile(r"\{(?P<all>\*?)(?P<name>[A-Za-z_]\w*)\}")
_log = host_logger("http")


def add_http_routes(
    router: web.UrlDispatcher, functions: Iterable[AppFunction], *, prefix: str, invoker: Invoker
) -> None:
    """Register the routes of HTTP functions, literal ones before those with parameters.

    Raises AppLoadError for route templates that are not supported.
    """
    for function in sorted(functions, key=_specificity):
        path = _path(function, prefix)
        for method in function.trigger.get("methods") or ["*"]:
            router.add_route(method, path, _HttpFunction(function, invoker).answer)


def route_of(function: AppFunction, prefix: str) -> str:
    """Return the path of an HTTP function as people write it, `/api/runs/{id}`."""
    return "/" + "/".join(part for part in (prefix, str(function.trigger["route"]).strip("/")) if part)


def _specificity(function: AppFunction) -> list[int]:
    """Sort key: segment by segment, literals first, then parameters, then the rest of the path."""
    segments = str(function.trigger["route"]).split("/")
    return [0 if "{" not in segment else 2 if "{*" in segment else 1 for segment in segments]


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
            result = await self._invoker.call(self._function, await _decoded(request))
            return _response(encode("http", result))
        except Exception as error:  # noqa: BLE001 - the app's failure is the caller's 500
            _log.error(
                "%s %s: %s failed\n%s",
                request.method,
                request.path,
                self._function.name,
                user_traceback(error),
            )
            return web.Response(status=500)


async def _decoded(request: web.Request) -> object:
    value = {
        "method": Datum(request.method, "string"),
        "url": Datum(str(request.url), "string"),
        "headers": {name.lower(): Datum(text, "string") for name, text in request.headers.items()},
        "query": {name: Datum(text, "string") for name, text in request.query.items()},
        "params": {name: Datum(text, "string") for name, text in request.match_info.items()},
        "body": Datum(await request.read(), "bytes"),
    }
    return decode(TriggerKind.HTTP, value, "http")


def _response(datum: Datum) -> web.Response:
    if datum.type == "string":
        return web.Response(text=datum.value)
    value = datum.value
    response = web.Response(status=int(value["status_code"].value), body=value["body"].value)
    for name, text in value["headers"].items():
        response.headers[name] = text.value
    for cookies in value["cookies"] or ():
        for morsel in cookies.values():
            response.headers.add("Set-Cookie", morsel.OutputString())
    return response
