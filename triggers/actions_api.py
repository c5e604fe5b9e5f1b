"""The HTTP way to act: cancel, hold, release, approve, put first, pause the intake. What is asked is written down; a look sees it.

Why: docs/decisions/0013-actions-are-wishes.md
"""

from collections.abc import Callable
from typing import Any

import azure.durable_functions as df
import azure.functions as func
import msgspec
from aiohttp import ClientError

from adapters.services import services
from adapters.threads import in_thread, log_as
from domain import names
from domain.contracts import prepared_type
from domain.errors import ConflictError, NotFoundError, PassingError, PipelineError
from steps.intake.at_rest import described_wish
from steps.intake.liveness import ALIVE
from steps.wishes import asking
from steps.wishes import retry as retrying
from steps.wishes.asking import AskedFor
from steps.wishes.retry import Retried
from triggers.starting import start_retry

NOW = "Seen at the next look."
NEXT_SNAPSHOT = "Seen by the next snapshot."

bp = df.Blueprint()


class Priority(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked for a file; the higher, the earlier."""

    priority: int


class FolderPriority(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked for a folder of the input container; the higher, the earlier."""

    folder: str
    priority: int


class Codes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which failed rows are retried: those with one of these codes, or all; `after`: where the call before has ended."""

    codes: list[str] = []
    after: int = 0


@bp.route(route="files/{key}/cancel", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
async def cancel_file(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """End a file early: what was answered is delivered, the rest are errors and in the retry file."""
    log_as(context)
    return await _about_file(req, lambda key, by: asking.cancel(key, by, services()))


@bp.route(route="files/{key}/hold", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
async def hold_back(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Have a file wait that has not begun, until it is released."""
    log_as(context)
    return await _about_file(req, lambda key, by: asking.hold(key, by, services()))


@bp.route(route="files/{key}/approve", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
async def approve_file(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Let one file go beyond a budget."""
    log_as(context)
    return await _about_file(req, lambda key, by: asking.approve(key, by, services()))


@bp.route(route="files/{key}/priority", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
async def put_first(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Have a file begin before others: `{"priority": 5}`."""
    log_as(context)
    try:
        wanted = _body(req, Priority)
    except msgspec.MsgspecError as error:
        return _problem(400, str(error), "body")
    return await _about_file(req, lambda key, by: asking.prioritise(key, wanted.priority, by, services()))


@bp.route(route="folders/priority", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
async def put_folder_first(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Have the files of a folder begin before others: `{"folder": "urgent", "priority": 5}`."""
    log_as(context)
    try:
        wanted = _body(req, FolderPriority)
    except msgspec.MsgspecError as error:
        return _problem(400, str(error), "body")
    by = _who(req)
    return await _told(
        lambda: _asked_for(asking.prioritise_folder(wanted.folder, wanted.priority, by, services()))
    )


@bp.route(route="files/{key}/release", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
async def release_file(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Have a file that is held taken by the next snapshot; 202, or 404 where no file of that key is."""
    log_as(context)
    key = req.route_params.get("key", "")

    def release() -> dict[str, Any]:
        if not asking.release(key, services()):
            raise NotFoundError("No file of this key is set aside.")
        return {"key": key, "message": NEXT_SNAPSHOT}

    return await _told(release, about={"key": key})


@bp.route(route="files/{key}/retry", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def retry_file(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, context: func.Context
) -> func.HttpResponse:
    """Drop the failed rows of a file again, or those with some codes: `{"codes": ["429"]}`."""
    log_as(context)
    key = req.route_params.get("key", "")
    snapshot_id = req.params.get("snapshot", "")
    try:
        codes = _body(req, Codes).codes
    except msgspec.MsgspecError as error:
        return _problem(400, str(error), "body")

    def retry() -> list[Retried]:
        return [retrying.retry(key, codes, services(), snapshot_id=snapshot_id)]

    return await _retried(retry, client, lambda done: done[0], about={"key": key})


@bp.route(route="snapshots/{id}/retry", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def retry_snapshot(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, context: func.Context
) -> func.HttpResponse:
    """Drop the failed rows of a snapshot's files again, a hundred files in a call: `{"codes": ["429"], "after": 0}`."""
    log_as(context)
    snapshot_id = req.route_params.get("id", "")
    following: list[int | None] = []
    try:
        wanted = _body(req, Codes)
    except msgspec.MsgspecError as error:
        return _problem(400, str(error), "body")
    if not names.is_snapshot_id(snapshot_id):
        return _problem(404, "There is no snapshot of this id.", "not_found", {"id": snapshot_id})

    def retry() -> list[Retried]:
        done, after = retrying.retry_snapshot(snapshot_id, wanted.codes, wanted.after, services())
        following.append(after)
        return done

    return await _retried(
        retry,
        client,
        lambda done: {"id": snapshot_id, "files": done, "next": following[0]},
        about={"id": snapshot_id},
    )


@bp.route(route="snapshots/{id}/cancel", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
async def cancel_snapshot(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, context: func.Context
) -> func.HttpResponse:
    """End all files of a running snapshot early."""
    log_as(context)
    snapshot_id, by = req.route_params.get("id", ""), _who(req)
    about = {"id": snapshot_id}
    try:
        status = await client.get_status(snapshot_id) if names.is_snapshot_id(snapshot_id) else None
    except ClientError:
        return _problem(503, "The task hub does not answer.", "task_hub", about)
    if not status:
        return _problem(404, "There is no snapshot of this id.", "not_found", about)
    if status.runtime_status is None or status.runtime_status.name not in ALIVE:
        return _problem(409, "It has ended.", "conflict", about)
    return await _told(lambda: _asked_for(asking.cancel_snapshot(snapshot_id, by, services())), about=about)


@bp.route(route="intake/pause", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
async def pause_intake(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Take no new file until the intake is resumed; what is being worked on goes on."""
    log_as(context)
    by = _who(req)

    def pause() -> dict[str, Any]:
        ours = services()
        ours.work.wishes.pause_intake(by, ours.clock())
        return {"intake": "paused", "message": "No new file is taken; what is being worked on goes on."}

    return await _told(pause)


@bp.route(route="intake/resume", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
async def resume_intake(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Take new files again; those that wait are found by the next sweep."""
    del req
    log_as(context)

    def resume() -> dict[str, Any]:
        services().work.wishes.resume_intake()
        return {
            "intake": "on",
            "message": "What waits is taken by the next sweep, or by `POST /api/snapshots`.",
        }

    return await _told(resume)


async def _retried(
    act: Callable[[], list[Retried]],
    client: df.DurableOrchestrationClient,
    tell: Callable[[list[dict[str, Any]]], dict[str, Any]],
    about: dict[str, Any],
) -> func.HttpResponse:
    """Retry, have written what is to be written, and tell what was dropped, as what."""
    try:
        done = await in_thread(act)
        for retried in done:
            for work in retried.pending:
                await start_retry(client, work)
    except ClientError:
        return _problem(503, "The task hub does not answer; the sweep goes on with it.", "task_hub", about)
    except PipelineError as error:
        return _refused(error, about)
    return _json(tell([_described_retry(retried) for retried in done]), 202)


def _described_retry(retried: Retried) -> dict[str, Any]:
    return {
        "key": retried.key,
        "file": retried.path,
        "asked": "retry",
        "codes": retried.codes,
        "files": retried.targets,
        "is_new": retried.is_new,
        "message": NEXT_SNAPSHOT if retried.is_new else "It was retried before.",
    }


async def _about_file(req: func.HttpRequest, ask: Callable[[str, str], AskedFor]) -> func.HttpResponse:
    key, by = req.route_params.get("key", ""), _who(req)
    return await _told(lambda: _asked_for(ask(key, by)), about={"key": key})


def _asked_for(asked: AskedFor) -> dict[str, Any]:
    return described_wish(asked.wish, asked.path) | {
        "seen_within_seconds": asked.seen_seconds,
        "message": NEXT_SNAPSHOT if asked.seen_seconds is None else NOW,
    }


async def _told(act: Callable[[], dict[str, Any]], about: dict[str, Any] | None = None) -> func.HttpResponse:
    """Act; 202 with what was asked for, or why it makes no sense."""
    try:
        return _json(await in_thread(act), 202)
    except PipelineError as error:
        return _refused(error, about)


def _refused(error: PipelineError, about: dict[str, Any] | None) -> func.HttpResponse:
    statuses = {NotFoundError: 404, ConflictError: 409, PassingError: 503}
    status = next((status for kind, status in statuses.items() if isinstance(error, kind)), 500)
    return _problem(status, str(error), error.code, about)


def _body(req: func.HttpRequest, kind: type[Any]) -> Any:
    return msgspec.json.decode(req.get_body() or b"{}", type=prepared_type(kind))


def _who(req: func.HttpRequest) -> str:
    """Give who asks, as App Service Authentication says; empty where a key is all that is known."""
    return str(req.headers.get("x-ms-client-principal-name", ""))


def _problem(status: int, error: str, code: str, about: dict[str, Any] | None = None) -> func.HttpResponse:
    return _json({**(about or {}), "error": error, "code": code}, status)


def _json(body: dict[str, Any], status: int) -> func.HttpResponse:
    content = msgspec.json.encode(body).decode()
    return func.HttpResponse(content, status_code=status, mimetype="application/json")
