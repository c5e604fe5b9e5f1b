"""The HTTP way in: run now, look at one snapshot, at the latest ones, at the files at rest."""

import os
import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import azure.durable_functions as df
import azure.functions as func
import msgspec
from aiohttp import ClientError

from adapters.services import services
from adapters.threads import in_thread, log_as
from domain import names
from domain.addresses import is_loopback
from domain.contracts import SnapshotRequest
from domain.errors import PassingError, PipelineError
from domain.flow.progress import summed
from steps.deliver.give_up import give_up
from steps.deliver.hold import release
from steps.intake.at_rest import files_at_rest
from steps.intake.liveness import files_instances
from triggers.starting import start_snapshot

LISTED_SNAPSHOTS = 20

bp = df.Blueprint()


@bp.route(route="snapshots", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def run_snapshot(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, context: func.Context
) -> func.HttpResponse:
    """Take what is in the input container now, whatever CONTINUOUS_MODE says; 202 with the snapshot's id."""
    log_as(context)
    try:
        await in_thread(lambda: services().storage)  # settings that are wrong are told here and now
        snapshot_id = names.requested_snapshot_id(datetime.fromtimestamp(time.time(), UTC))
        await start_snapshot(client, SnapshotRequest(snapshot_id=snapshot_id))
    except (PipelineError, ClientError) as error:
        return _not_ready(error)
    location = f"{_own_address(req.url)}/{snapshot_id}"
    return _json({"id": snapshot_id, "status_url": location}, 202, {"Location": location, "Retry-After": "5"})


@bp.route(route="snapshots/{id}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def get_snapshot(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, context: func.Context
) -> func.HttpResponse:
    """Tell where a snapshot stands; 404 for an unknown one."""
    log_as(context)
    snapshot_id = req.route_params.get("id", "")
    try:
        told = await _describe(client, snapshot_id) if names.is_snapshot_id(snapshot_id) else None
    except ClientError as error:
        return _not_ready(error)
    if told is None:
        return _json({"id": snapshot_id, "error": "There is no snapshot of this id."}, 404)
    return _json(told)


@bp.route(route="snapshots", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def list_snapshots(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, context: func.Context
) -> func.HttpResponse:
    """List the latest snapshots that took files, newest first."""
    del req
    log_as(context)
    try:
        now = datetime.fromtimestamp(time.time(), UTC)
        ids = await in_thread(lambda: services().work.snapshots.latest(now, LISTED_SNAPSHOTS))
        told = [await _describe(client, snapshot_id) for snapshot_id in ids]
    except (PipelineError, ClientError) as error:
        return _not_ready(error)
    snapshots = [snapshot for snapshot in told if snapshot]
    return _json({"snapshots": snapshots})


@bp.route(route="files", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def list_files_at_rest(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """List the files that are not being worked on, with the reason. Lists all input files and claims: not for every second."""
    del req
    log_as(context)
    try:
        told = await in_thread(files_at_rest, services())
    except PipelineError as error:
        return _not_ready(error)
    return _json(told)


@bp.route(route="files/{key}/release", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
async def release_file(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Have a file that is set aside taken by the next snapshot; 202, or 404 where no file of that key is set aside."""
    log_as(context)
    key = req.route_params.get("key", "")
    try:
        released = names.is_file_key(key) and await in_thread(release, key, services())
    except PipelineError as error:
        return _not_ready(error)
    if not released:
        return _json({"key": key, "error": "No file of this key is set aside."}, 404)
    return _json({"key": key}, 202)


@bp.route(route="files/{key}/give-up", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
async def give_up_answers(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Have a file that is set aside delivered without the answers that cannot be read; 202, or 404 where none are missing."""
    log_as(context)
    key = req.route_params.get("key", "")
    try:
        given_up = names.is_file_key(key) and await in_thread(give_up, key, services())
    except PipelineError as error:
        return _not_ready(error)
    if not given_up:
        message = "No file of this key is set aside for answers that are missing."
        return _json({"key": key, "error": message}, 404)
    return _json({"key": key}, 202)


async def _describe(client: df.DurableOrchestrationClient, snapshot_id: str) -> dict[str, Any] | None:
    status = await client.get_status(snapshot_id)
    if not status:
        return None
    work, progress = await _progress(client, snapshot_id)
    return {
        "id": snapshot_id,
        "status": status.runtime_status.name,
        "created_at": _iso(status.created_time),
        "updated_at": _iso((work or status).last_updated_time),
        "progress": progress or status.custom_status,
        "report": status.output,
    }


async def _progress(
    client: df.DurableOrchestrationClient, snapshot_id: str
) -> tuple[Any, dict[str, Any] | None]:
    """Give the latest status of the orchestrations that work on the files, and what they tell together."""
    found = [status async for _, status in files_instances(client, snapshot_id)]
    latest = max(found, key=lambda status: status.last_updated_time, default=None)
    return latest, summed([status.custom_status for status in found if status.custom_status])


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


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _not_ready(error: PipelineError | ClientError) -> func.HttpResponse:
    """Tell the caller what is wrong: of an exception the host would pass on nothing but an empty 500."""
    if isinstance(error, ClientError):
        error = PassingError("The task hub does not answer.", code="task_hub")
    return _json({"error": str(error), "code": error.code}, 503 if isinstance(error, PassingError) else 500)


def _json(
    body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None
) -> func.HttpResponse:
    content = msgspec.json.encode(body).decode()
    return func.HttpResponse(content, status_code=status, headers=headers, mimetype="application/json")
