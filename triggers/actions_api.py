"""The HTTP way to act: cancel, retry, hold, approve, put first, pause the intake. What is asked is written down; a look sees it.

Why: docs/decisions/0013-actions-are-wishes.md
"""

import math
from collections.abc import Callable
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from msgspec import UNSET

from adapters.services import services
from adapters.threads import in_thread, log_as
from domain import names
from domain.api import answers
from domain.api.actions import Codes, FolderPriority, Priority
from domain.api.problems import ProblemError, no_snapshot
from domain.contracts import from_wire
from domain.errors import ConflictError, NotFoundError
from steps.intake.at_rest import described_wish
from steps.intake.liveness import ALIVE
from steps.look.desk import desk_of
from steps.wishes import asking
from steps.wishes import retry as retrying
from steps.wishes.asking import AskedFor
from steps.wishes.retry import Retried
from triggers.access import LEVEL
from triggers.answers import Query, answered, body_of, json_answer
from triggers.starting import start_retry

LONG_SECONDS = 90.0  # are told in minutes
NEXT_LOOK = "Seen at the next look, within {}."
NEXT_SNAPSHOT = "Seen by the next snapshot."

bp = df.Blueprint()


@bp.route(route="api/files/{key}/cancel", methods=["POST"], auth_level=LEVEL)
async def cancel_file(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """End a file early: what was answered is delivered, the rest are errors and in the retry file."""
    log_as(context)
    return await _about_file(req, "cancel_file", lambda key: asking.cancel(key, _who(req), services()))


@bp.route(route="api/files/{key}/hold", methods=["POST"], auth_level=LEVEL)
async def hold_back(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Have a file wait that has not begun, until it is released."""
    log_as(context)
    return await _about_file(req, "hold_back", lambda key: asking.hold(key, _who(req), services()))


@bp.route(route="api/files/{key}/approve", methods=["POST"], auth_level=LEVEL)
async def approve_file(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Let one file go beyond a budget."""
    log_as(context)
    return await _about_file(req, "approve_file", lambda key: asking.approve(key, _who(req), services()))


@bp.route(route="api/files/{key}/priority", methods=["POST"], auth_level=LEVEL)
async def put_first(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Have a file begin before others: `{"priority": 5}`."""
    log_as(context)
    return await _about_file(
        req,
        "put_first",
        lambda key: asking.prioritise(key, body_of(req, Priority).priority, _who(req), services()),
    )


@bp.route(route="api/folders/priority", methods=["POST"], auth_level=LEVEL)
async def put_folder_first(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Have the files of a folder begin before others: `{"folder": "urgent", "priority": 5}`."""
    log_as(context)

    async def make(_query: Query, _limit: Any) -> func.HttpResponse:
        wanted: FolderPriority = body_of(req, FolderPriority)

        def ask() -> AskedFor:
            return asking.prioritise_folder(wanted.folder, wanted.priority, _who(req), services())

        return json_answer(req, _accepted(await _acted(ask)), 202)

    return await answered(req, "put_folder_first", make)


@bp.route(route="api/snapshots/{id}/cancel", methods=["POST"], auth_level=LEVEL)
@bp.durable_client_input(client_name="client")
async def cancel_snapshot(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, context: func.Context
) -> func.HttpResponse:
    """End all files of a running snapshot early."""
    log_as(context)

    async def make(_query: Query, _limit: Any) -> func.HttpResponse:
        snapshot_id = _snapshot_of(req)
        status = await client.get_status(snapshot_id)
        if not status:
            raise no_snapshot(snapshot_id)
        if status.runtime_status is None or status.runtime_status.name not in ALIVE:
            raise ProblemError(409, "conflict", "It has ended.", snapshot_id=snapshot_id)
        asked = await _acted(lambda: asking.cancel_snapshot(snapshot_id, _who(req), services()))
        return json_answer(req, _accepted(asked), 202)

    return await answered(req, "cancel_snapshot", make)


@bp.route(route="api/files/{key}/retry", methods=["POST"], auth_level=LEVEL)
@bp.durable_client_input(client_name="client")
async def retry_file(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, context: func.Context
) -> func.HttpResponse:
    """Drop the failed rows of a file again, or those with some codes: `{"codes": ["429"]}`."""
    log_as(context)

    async def make(query: Query, _limit: Any) -> func.HttpResponse:
        key, codes = str(req.route_params.get("key", "")), body_of(req, Codes).codes

        def retry() -> Retried:
            return retrying.retry(key, codes, services(), snapshot_id=query.get("snapshot", ""))

        retried = await _acted(retry, key=key)
        await _write_pending(retried, client)
        return json_answer(req, _described_retry(retried), 202)

    return await answered(req, "retry_file", make)


@bp.route(route="api/snapshots/{id}/retry", methods=["POST"], auth_level=LEVEL)
@bp.durable_client_input(client_name="client")
async def retry_snapshot(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, context: func.Context
) -> func.HttpResponse:
    """Drop the failed rows of a snapshot's files again, a hundred files in a call: `{"codes": ["429"], "after": 0}`."""
    log_as(context)

    async def make(_query: Query, _limit: Any) -> func.HttpResponse:
        snapshot_id, wanted = _snapshot_of(req), body_of(req, Codes)

        def retry() -> tuple[list[Retried], int | None]:
            return retrying.retry_snapshot(snapshot_id, wanted.codes, wanted.after, services())

        done, following = await _acted(retry)
        for retried in done:
            await _write_pending(retried, client)
        told = answers.RetriedFiles(
            id=snapshot_id,
            files=[_described_retry(one) for one in done if not one.refused],
            refused=[
                answers.RefusedRetry(key=one.key, file=one.path, reason=one.refused)
                for one in done
                if one.refused
            ]
            or UNSET,
            next=following,
        )
        return json_answer(req, told, 202)

    return await answered(req, "retry_snapshot", make)


@bp.route(route="api/intake/pause", methods=["POST"], auth_level=LEVEL)
async def pause_intake(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Take no new file until the intake is resumed; what is being worked on goes on."""
    log_as(context)

    async def make(_query: Query, _limit: Any) -> func.HttpResponse:
        ours = services()
        await _acted(lambda: ours.work.wishes.pause_intake(_who(req), ours.clock()))
        message = "No new file is taken; what is being worked on goes on."
        return json_answer(req, answers.Intake(intake="paused", message=message), 202)

    return await answered(req, "pause_intake", make)


@bp.route(route="api/intake/resume", methods=["POST"], auth_level=LEVEL)
async def resume_intake(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Take new files again; those that wait are found by the next sweep."""
    log_as(context)

    async def make(_query: Query, _limit: Any) -> func.HttpResponse:
        ours = services()
        await _acted(ours.work.wishes.resume_intake)
        message = "What waits is taken by the next sweep, or by `POST /api/snapshots`."
        return json_answer(req, answers.Intake(intake="on", message=message), 202)

    return await answered(req, "resume_intake", make)


async def _about_file(
    req: func.HttpRequest, function: str, ask: Callable[[str], AskedFor]
) -> func.HttpResponse:
    async def make(_query: Query, _limit: Any) -> func.HttpResponse:
        key = str(req.route_params.get("key", ""))
        return json_answer(req, _accepted(await _acted(lambda: ask(key), key=key)), 202)

    return await answered(req, function, make)


async def _acted(act: Callable[[], Any], *, key: str | None = None) -> Any:
    """Act, and have the next look at the files see it. Raises ProblemError where it makes no sense."""
    try:
        done = await in_thread(act)
    except NotFoundError as error:
        raise ProblemError(404, error.code, str(error), key=key) from error
    except ConflictError as error:
        raise ProblemError(409, error.code, str(error), key=key) from error
    desk_of(services()).at_rest.forget()
    return done


async def _write_pending(retried: Retried, client: df.DurableOrchestrationClient) -> None:
    for work in retried.pending:
        await start_retry(client, work)


def _accepted(asked: AskedFor) -> answers.Accepted:
    seconds = asked.seen_seconds
    told = described_wish(asked.wish, asked.path) | {
        "seen_within_seconds": seconds,
        "message": NEXT_SNAPSHOT if seconds is None else NEXT_LOOK.format(_lasting(seconds)),
    }
    return from_wire(told, answers.Accepted)


def _lasting(seconds: float) -> str:
    return f"{math.ceil(seconds)} s" if seconds < LONG_SECONDS else f"{math.ceil(seconds / 60)} min"


def _described_retry(retried: Retried) -> answers.Retried:
    return answers.Retried(
        key=retried.key,
        file=retried.path,
        asked="retry",
        codes=retried.codes,
        files=retried.targets,
        is_new=retried.is_new,
        message=NEXT_SNAPSHOT if retried.is_new else "It was retried before.",
    )


def _snapshot_of(req: func.HttpRequest) -> str:
    snapshot_id = str(req.route_params.get("id", ""))
    if not names.is_snapshot_id(snapshot_id):
        raise no_snapshot(snapshot_id)
    return snapshot_id


def _who(req: func.HttpRequest) -> str:
    """Give who asks, as App Service Authentication says; empty where a key is all that is known."""
    return str(req.headers.get("x-ms-client-principal-name", ""))
