"""The service as an ASGI application: both URL forms of every operation, and /admin."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Mount, Route

from local.azure_openai.admin import Admin
from local.azure_openai.errors import resource_not_found
from local.azure_openai.operations import Gate, Operation, refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

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
        routes=[Mount("/admin", routes=Admin(service).routes()), *routes, nowhere], lifespan=lifespan
    )


def _endpoint(gate: Gate, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await gate.serve(operation, request)

    return endpoint


async def _nowhere(_: Request) -> Response:
    return refusal(resource_not_found())
