"""Files by HTTP: those at rest and those in a state, one of them with its errors and outputs, and the release of a held one."""

from typing import Any

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from adapters.threads import in_thread, log_as
from domain import names
from domain.api.answers import OutputLink, Released
from domain.api.problems import ProblemError
from domain.api.routes import FILES_PER_PAGE
from steps.deliver.give_up import give_up
from steps.look import file, files
from steps.look.desk import desk_of
from steps.wishes import asking
from triggers.access import LEVEL
from triggers.answers import Query, answered, json_answer, redirect

bp = df.Blueprint()


@bp.route(route="api/files", methods=["GET"], auth_level=LEVEL)
@bp.durable_client_input(client_name="client")
async def list_files_at_rest(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, context: func.Context
) -> func.HttpResponse:
    """List the files that are not being worked on, with the reason; or, with `state`, a page of those in that state.

    The former lists all input files and claims, at most every half minute.
    """
    log_as(context)

    async def make(query: Query, limit: int | None) -> Any:
        desk = desk_of(services())
        if not query:
            return await in_thread(desk.files_at_rest)
        if "state" not in query:
            raise ProblemError(400, "bad_parameter", "state: missing; the other parameters go with it.")
        wanted = files.Wanted(
            state=query["state"],
            error_code=query.get("error_code"),
            path=query.get("path"),
            limit=limit or FILES_PER_PAGE,
            after=query.get("after"),
        )
        return await files.files_in_state(wanted, client, desk)

    return await answered(req, "list_files_at_rest", make)


@bp.route(route="api/files/{key}", methods=["GET"], auth_level=LEVEL)
@bp.durable_client_input(client_name="client")
async def get_file(
    req: func.HttpRequest, client: df.DurableOrchestrationClient, context: func.Context
) -> func.HttpResponse:
    """Tell everything about one file."""
    log_as(context)

    async def make(query: Query, _limit: Any) -> Any:
        key = req.route_params.get("key", "")
        return await file.file_details(key, query.get("snapshot"), client, desk_of(services()))

    return await answered(req, "get_file", make)


@bp.route(route="api/files/{key}/errors", methods=["GET"], auth_level=LEVEL)
async def get_errors_of_file(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Give the digest of a file's errors, and a page of them."""
    log_as(context)

    async def make(query: Query, limit: int | None) -> Any:
        return await file.file_errors(
            req.route_params.get("key", ""),
            query.get("snapshot"),
            desk_of(services()),
            code=query.get("error_code"),
            after=query.get("after"),
            limit=limit or FILES_PER_PAGE,
        )

    return await answered(req, "get_errors_of_file", make)


@bp.route(route="api/files/{key}/outputs/{name}", methods=["GET"], auth_level=LEVEL)
async def get_output_of_file(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Lead to where an output can be read for ten minutes."""
    log_as(context)

    async def make(query: Query, _limit: Any) -> func.HttpResponse:
        key, name = req.route_params.get("key", ""), req.route_params.get("name", "")
        return redirect(await file.output_link(key, name, query.get("snapshot"), desk_of(services())))

    return await answered(req, "get_output_of_file", make)


@bp.route(route="api/files/{key}/links/{name}", methods=["GET"], auth_level=LEVEL)
async def get_link_to_output(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Tell where an output can be read for ten minutes: a page that sends its key in a header cannot follow a redirect."""
    log_as(context)

    async def make(query: Query, _limit: Any) -> func.HttpResponse:
        key, name = req.route_params.get("key", ""), req.route_params.get("name", "")
        link = await file.output_link(key, name, query.get("snapshot"), desk_of(services()))
        return json_answer(req, OutputLink(href=link), headers={"Cache-Control": "no-store"})

    return await answered(req, "get_link_to_output", make)


@bp.route(route="api/files/{key}/release", methods=["POST"], auth_level=LEVEL)
async def release_file(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Have a file that is set aside taken by the next snapshot; 202, or 404 where no file of that key is set aside."""
    log_as(context)

    async def make(_query: Query, _limit: Any) -> func.HttpResponse:
        key = req.route_params.get("key", "")
        if not await in_thread(asking.release, key, services()):
            raise ProblemError(404, "not_held", "No file of this key is set aside.", key=key)
        desk_of(services()).at_rest.forget()
        return json_answer(req, Released(key=key), 202)

    return await answered(req, "release_file", make)


@bp.route(route="api/files/{key}/give-up", methods=["POST"], auth_level=LEVEL)
async def give_up_answers(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Have a file that is set aside delivered without the answers that cannot be read; 202, or 404 where none are missing."""
    log_as(context)

    async def make(_query: Query, _limit: Any) -> func.HttpResponse:
        key = req.route_params.get("key", "")
        if not (names.is_file_key(key) and await in_thread(give_up, key, services())):
            message = "No file of this key is set aside for answers that are missing."
            raise ProblemError(404, "nothing_missing", message, key=key)
        desk_of(services()).at_rest.forget()
        return json_answer(req, Released(key=key), 202)

    return await answered(req, "give_up_answers", make)
