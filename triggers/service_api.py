"""The app as a whole by HTTP: the overview, the service's batches, whether it answers, and what its API is."""

import os
import time
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from adapters.threads import log_as
from domain.api.answers import Health
from domain.api.openapi import document
from domain.api.routes import FILES_PER_PAGE
from domain.errors import SettingsError
from steps.look.batches import batches
from steps.look.desk import desk_of
from steps.look.doctor import examination, examination_of_settings
from steps.look.overview import overview
from triggers.access import LEVEL, PAGE_MODE
from triggers.answers import Query, answered

bp = df.Blueprint()


@bp.route(route="api/overview", methods=["GET"], auth_level=LEVEL)
@bp.durable_client_input(client_name="client")
async def get_overview(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, context: func.Context
) -> func.HttpResponse:
    """Give everything on one screen."""
    log_as(context)

    async def make(_query: Query, _limit: Any) -> Any:
        return await overview(client, desk_of(services()), actions=PAGE_MODE == "on")

    return await answered(req, "get_overview", make)


@bp.route(route="api/batches", methods=["GET"], auth_level=LEVEL)
async def list_batches(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Give a page of this app's batches."""
    log_as(context)

    async def make(query: Query, limit: int | None) -> Any:
        return await batches(
            desk_of(services()),
            state=query.get("state"),
            limit=limit or FILES_PER_PAGE,
            after=query.get("after"),
        )

    return await answered(req, "list_batches", make)


@bp.route(route="api/doctor", methods=["GET"], auth_level=LEVEL)
@bp.durable_client_input(client_name="client")
async def get_doctor(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, context: func.Context
) -> func.HttpResponse:
    """Say what may be wrong, also where the settings are."""
    log_as(context)

    async def make(_query: Query, _limit: Any) -> Any:
        try:
            desk = desk_of(services())
        except SettingsError:
            return examination_of_settings(os.environ, time.time())
        return await examination(client, desk, os.environ)

    return await answered(req, "get_doctor", make)


@bp.route(route="api/health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_health(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Say that the app answers; nothing else is touched, settings included."""
    log_as(context)

    async def make(_query: Query, _limit: Any) -> Any:
        return Health()

    return await answered(req, "get_health", make)


@bp.route(route="api/openapi.json", methods=["GET"], auth_level=LEVEL)
async def get_openapi(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Give the OpenAPI document."""
    log_as(context)

    async def make(_query: Query, _limit: Any) -> Any:
        return document()

    return await answered(req, "get_openapi", make)
