"""The host's own routes: is it running, what has it loaded."""

import time

from aiohttp import web

from local.functions_host.functions import App, TriggerKind
from local.functions_host.triggers.http import route_of


class AdminApi:
    """The routes below `/admin`."""

    def __init__(self, app: App, *, route_prefix: str, started_at: float) -> None:
        """`started_at` is a moment of `time.monotonic`."""
        self._app = app
        self._route_prefix = route_prefix
        self._started_at = started_at

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Register all routes."""
        router.add_get("/admin/host/status", self._status)
        router.add_get("/admin/functions", self._functions)

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
