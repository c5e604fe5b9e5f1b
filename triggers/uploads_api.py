"""Before a file is sent: what it would take, what is wrong with its job spec, and the link by which it comes."""

from typing import Any

import azure.durable_functions as df
import azure.functions as func

from adapters.services import services
from adapters.threads import in_thread, log_as
from domain.api.actions import QuoteWanted, SpecWanted, UploadWanted
from domain.api.answers import SpecChecked, SpecFault
from domain.api.problems import ProblemError
from domain.errors import ConfigurationError, ConflictError, InputFileError, NotFoundError
from domain.quotes import QuoteRequest
from steps.quote.of_input import quote_apart
from steps.upload.job_spec import mistakes_in
from steps.upload.links import input_name, upload_link
from triggers.access import LEVEL
from triggers.answers import Query, answered, body_of, json_answer

bp = df.Blueprint()


@bp.route(route="api/quote", methods=["POST"], auth_level=LEVEL)
async def quote_file(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Say what a file would take, before anything is sent: `{"path": "tickets/a.csv"}`."""
    log_as(context)

    async def make(_query: Query, _limit: Any) -> Any:
        wanted: QuoteWanted = body_of(req, QuoteWanted)
        try:
            return await in_thread(lambda: quote_apart(_request(wanted), services()))
        except InputFileError as error:
            raise ProblemError(400, error.code, str(error)) from error
        except NotFoundError as error:
            raise ProblemError(404, "no_input", "There is no such file in the input container.") from error
        except ConflictError as error:
            raise ProblemError(409, error.code, str(error)) from error

    return await answered(req, "quote_file", make)


def _request(wanted: QuoteWanted) -> QuoteRequest:
    if wanted.content is None:
        return QuoteRequest(path=wanted.path, prompts=wanted.prompts)
    ours = services()
    return QuoteRequest(
        path=input_name(wanted.path, ours),
        prompts=wanted.prompts,
        content=wanted.content,
        size=wanted.size,
        specs={input_name(path, ours): text.encode() for path, text in wanted.specs.items()},
    )


@bp.route(route="api/job-specs", methods=["POST"], auth_level=LEVEL)
async def check_job_spec(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Say what is wrong with a job spec: `{"path": "tickets/_batch.yaml", "content": "…"}`."""
    log_as(context)

    async def make(_query: Query, _limit: Any) -> Any:
        wanted: SpecWanted = body_of(req, SpecWanted)

        def check() -> SpecChecked:
            ours = services()
            found = mistakes_in(wanted.path, wanted.content.encode(), ours)
            faults = [SpecFault(where=mistake.path, message=mistake.message) for mistake in found]
            return SpecChecked(path=input_name(wanted.path, ours), mistakes=faults)

        try:
            return await in_thread(check)
        except InputFileError as error:
            raise ProblemError(400, error.code, str(error)) from error

    return await answered(req, "check_job_spec", make)


@bp.route(route="api/uploads", methods=["POST"], auth_level=LEVEL)
async def link_upload(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Give a link by which one file may be written: `{"path": "tickets/a.csv", "size": 1234}`."""
    log_as(context)

    async def make(_query: Query, _limit: Any) -> func.HttpResponse:
        wanted: UploadWanted = body_of(req, UploadWanted)
        try:
            link = await in_thread(
                lambda: upload_link(wanted.path, wanted.size, services(), replace=wanted.replace)
            )
        except InputFileError as error:
            raise ProblemError(400, error.code, str(error)) from error
        except (ConflictError, ConfigurationError) as error:
            raise ProblemError(409, error.code, str(error)) from error
        return json_answer(req, link, headers={"Cache-Control": "no-store"})

    return await answered(req, "link_upload", make)
