"""The service as an ASGI application: both URL forms of every operation, and /admin."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from local import doors
from local.azure_openai.admin import Admin
from local.azure_openai.errors import resource_not_found
from local.azure_openai.operations import Gate, Operation, refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from local.azure_openai.connections import Connections
    from local.azure_openai.service import Service


def build(service: Service, connections: Connections) -> Starlette:
    """The application; it starts and stops the service with the server."""
    gate = Gate(service.settings.key, service.faults, service.counters, connections)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        service.start()
        try:
            yield
        finally:
            await service.stop()

    operations = service.operations()
    routes = [
        Route(f"{form}{operation.path}", _endpoint(gate, operation), methods=[operation.method])
        for form in ("/openai/v1", "/openai")
        for operation in operations
    ]
    nowhere = Route("/{path:path}", _nowhere, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    return Starlette(
        routes=[Mount("/admin", routes=Admin(service).routes()), *routes, nowhere],
        middleware=[Middleware(ThisMachineAlone)],
        lifespan=lifespan,
    )


class ThisMachineAlone:
    """Answers no web page of another site."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request by its headers, or pass it on."""
        headers = Headers(scope=scope) if scope["type"] == "http" else None
        told = headers and doors.refusal(headers.get("host"), headers.get("origin"))
        await (PlainTextResponse(told, status_code=403) if told else self._app)(scope, receive, send)


def _endpoint(gate: Gate, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await gate.serve(operation, request)

    return endpoint


async def _nowhere(_: Request) -> Response:
    return refusal(resource_not_found())
