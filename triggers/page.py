"""The operator page at `/ui`: static files, which hold nothing; all data come from the API, under its own access rules."""

import azure.durable_functions as df
import azure.functions as func

from adapters.threads import in_thread, log_as
from steps.look.page import page_file, storage_origins
from triggers.access import PAGE_MODE
from triggers.answers import matches

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src {connect}; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": POLICY.format(connect="'self'"),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

bp = df.Blueprint()


@bp.route(route="ui/{*path}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_page(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Give a file of the page; 404 for what is none, and for all of them with OPERATOR_PAGE=off."""
    log_as(context)
    path = req.route_params.get("path") or ""
    found = await in_thread(page_file, path) if PAGE_MODE != "off" else None
    if found is None:
        return func.HttpResponse("Not found.", status_code=404, headers=HEADERS, mimetype="text/plain")
    headers = HEADERS | {"ETag": found.etag}
    if found.kind == "text/html" and PAGE_MODE == "on":
        # Files go from the browser to the storage itself.
        connect = " ".join(["'self'", *await in_thread(storage_origins)])
        headers["Content-Security-Policy"] = POLICY.format(connect=connect)
    if matches(req.headers.get("If-None-Match", ""), found.etag):
        return func.HttpResponse(status_code=304, headers=headers)
    return func.HttpResponse(found.content, headers=headers, mimetype=found.kind, charset="utf-8")
