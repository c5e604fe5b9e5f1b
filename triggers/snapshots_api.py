"""The HTTP way in: run now, look at one snapshot, at its files, at the latest ones."""

import os
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from adapters.threads import in_thread, log_as
from domain import names
from domain.addresses import is_loopback
from domain.api.answers import Started
from domain.api.problems import no_snapshot
from domain.api.routes import FILES_PER_PAGE, SNAPSHOTS_PER_PAGE
from domain.contracts import SnapshotRequest
from steps.look import files, snapshots
from steps.look.desk import desk_of
from triggers.access import LEVEL
from triggers.answers import Query, answered, json_answer
from triggers.starting import start_snapshot

bp = df.Blueprint()


@bp.route(route="api/snapshots", methods=["POST"], auth_level=LEVEL)
@bp.durable_client_input(client_name="client")
async def run_snapshot(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, context: func.Context
) -> func.HttpResponse:
    """Take what is in the input container now, whatever CONTINUOUS_MODE says; 202 with the snapshot's id."""
    log_as(context)

    async def make(_query: Query, _limit: Any) -> func.HttpResponse:
        await in_thread(lambda: services().storage)  # settings that are wrong are told here and now
        snapshot_id = names.requested_snapshot_id(datetime.fromtimestamp(time.time(), UTC))
        await start_snapshot(client, SnapshotRequest(snapshot_id=snapshot_id, woken_by="http"))
        location = f"{_own_address(req.url)}/{snapshot_id}"
        headers = {"Location": location, "Retry-After": "5"}
        return json_answer(req, Started(id=snapshot_id, status_url=location), 202, headers)

    return await answered(req, "run_snapshot", make)


@bp.route(route="api/snapshots/{id}", methods=["GET"], auth_level=LEVEL)
@bp.durable_client_input(client_name="client")
async def get_snapshot(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, context: func.Context
) -> func.HttpResponse:
    """Tell where a snapshot stands, and what its finished files add up to; 404 for an unknown one."""
    log_as(context)

    async def make(_query: Query, _limit: Any) -> Any:
        snapshot_id = _known_form(req)
        return await snapshots.details(snapshot_id, client, desk_of(services()))

    return await answered(req, "get_snapshot", make)


@bp.route(route="api/snapshots/{id}/files", methods=["GET"], auth_level=LEVEL)
@bp.durable_client_input(client_name="client")
async def list_files_of_snapshot(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, context: func.Context
) -> func.HttpResponse:
    """Give a page of a snapshot's files."""
    log_as(context)

    async def make(query: Query, limit: int | None) -> Any:
        snapshot_id = _known_form(req)
        wanted = files.Wanted(
            state=query.get("state"),
            error_code=query.get("error_code"),
            path=query.get("path"),
            limit=limit or FILES_PER_PAGE,
            after=query.get("after"),
        )
        return await files.files_of_snapshot(snapshot_id, wanted, client, desk_of(services()))

    return await answered(req, "list_files_of_snapshot", make)


@bp.route(route="api/snapshots", methods=["GET"], auth_level=LEVEL)
@bp.durable_client_input(client_name="client")
async def list_snapshots(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, context: func.Context
) -> func.HttpResponse:
    """List the latest snapshots that took files, newest first."""
    log_as(context)

    async def make(query: Query, limit: int | None) -> Any:
        return await snapshots.snapshots(
            client,
            desk_of(services()),
            state=query.get("state"),
            limit=limit or SNAPSHOTS_PER_PAGE,
            after=query.get("after"),
        )

    return await answered(req, "list_snapshots", make)


def _known_form(req: func.HttpRequest) -> str:
    """Give the snapshot's id that is asked for. Raises ProblemError for what cannot be one: the hub is not asked."""
    snapshot_id = str(req.route_params.get("id", ""))
    if not names.is_snapshot_id(snapshot_id):
        raise no_snapshot(snapshot_id)
    return snapshot_id


def _own_address(url: str) -> str:
    """Give the address that was called, without what follows it, which in Azure may be the function's key.

    Whoever calls says what stands for the host in it. So it is the app's own, where the platform tells it, or this machine;
    else the address begins with its path.
    """
    parts = urlsplit(url)
    own = os.environ.get("WEBSITE_HOSTNAME", "")
    if not is_loopback(parts.hostname):
        parts = parts._replace(scheme="https" if own else "", netloc=own)
    return parts._replace(query="", fragment="").geturl().rstrip("/")
