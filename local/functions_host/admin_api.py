"""The host's own routes: is it running, what has it loaded, run this timer function now."""

import time

from aiohttp import web

from local.functions_host.errors import NotSupportedError
from local.functions_host.functions import App, TriggerKind
from local.functions_host.triggers.http import route_of
from local.functions_host.triggers.timer import TimerFunctions


class AdminApi:
    """The routes below `/admin`."""

    def __init__(self, app: App, *, timers: TimerFunctions, route_prefix: str) -> None:
        self._app = app
        self._timers = timers
        self._route_prefix = route_prefix
        self._started_at = time.monotonic()

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Register all routes."""
        router.add_get("/admin/host/status", self._status)
        router.add_get("/admin/functions", self._functions)
        router.add_post("/admin/functions/{name}", self._run)

    async def _status(self, _request: web.Request) -> web.Response:
        uptime = int((time.monotonic() - self._started_at) * 1000)
        return web.json_response({"id": "local", "state": "Running", "processUptime": uptime})

    async def _functions(self, request: web.Request) -> web.Response:
        origin = f"{request.scheme}://{request.host}"
        documents = []
        for function in self._app.functions:
            document = {
                "name": function.name,
                "language": "python",
                "config": {"bindings": list(function.bindings)},
            }
            if function.kind is TriggerKind.HTTP:
                document["invoke_url_template"] = origin + route_of(function, self._route_prefix)
            documents.append(document)
        return web.json_response(documents)

    async def _run(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in {function.name for function in self._app.functions}:
            return web.Response(status=404)
        if not self._timers.run_now(name):
            raise NotSupportedError(f"{name} is not a timer function; this host starts only those by hand")
        return web.Response(status=202)
