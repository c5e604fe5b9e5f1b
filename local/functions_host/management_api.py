"""The Durable Functions management API over HTTP, as the SDK's client and people's scripts use it.

Requests that name something impossible raise RequestError; `error_responses` turns those into answers.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from aiohttp import web

from local.doors import refusal
from local.functions_host.client_binding import MANAGEMENT_PREFIX, management_urls
from local.functions_host.errors import (
    InstanceExistsError,
    InstanceFinishedError,
    InstanceNotFinalError,
    InstanceNotFoundError,
    InstanceStateError,
    InvalidRequestError,
    NotSupportedError,
    RequestError,
)
from local.functions_host.history import RuntimeStatus
from local.functions_host.instance_commands import InstanceCommands, check_json
from local.functions_host.instance_queries import (
    DEFAULT_PAGE,
    InstanceFilter,
    find_instances,
    history_document,
    status_document,
)
from local.functions_host.storage.database import Database
from local.functions_host.storage.orchestrations import OrchestrationStore

_STATUS_CODES: dict[type[RequestError], int] = {
    InvalidRequestError: 400,
    InstanceNotFoundError: 404,
    InstanceExistsError: 409,
    InstanceFinishedError: 410,
    InstanceNotFinalError: 412,
    InstanceStateError: 500,
    NotSupportedError: 501,
}
_NEVER_HERE = {"ContinuedAsNew", "Canceled"}  # statuses the SDK knows and no instance of this host has
_CONTINUATION = "x-ms-continuation-token"


@web.middleware
async def error_responses(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer requests that raised RequestError."""
    try:
        return await handler(request)
    except RequestError as error:
        document = {
            "Message": str(error),
            "ExceptionMessage": str(error),
            "ExceptionType": type(error).__name__,
        }
        return web.json_response(document, status=_STATUS_CODES[type(error)])


@web.middleware
async def this_machine_alone(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer no web page of another site."""
    if told := refusal(request.headers.get("Host"), request.headers.get("Origin")):
        return web.Response(status=403, text=told)
    return await handler(request)


class ManagementApi:
    """The routes below `/runtime/webhooks/durabletask`."""

    def __init__(
        self, *, commands: InstanceCommands, database: Database, store: OrchestrationStore, task_hub: str
    ) -> None:
        self._commands = commands
        self._database = database
        self._store = store
        self._task_hub = task_hub

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Register all routes."""
        instances = f"{MANAGEMENT_PREFIX}/instances"
        router.add_post(f"{MANAGEMENT_PREFIX}/orchestrators/{{name}}", self._start)
        router.add_post(f"{MANAGEMENT_PREFIX}/orchestrators/{{name}}/{{id}}", self._start)
        router.add_get(f"{instances}/{{id}}", self._status)
        for path in (instances, f"{instances}/"):
            router.add_get(path, self._list)
            router.add_delete(path, self._purge_many)
        router.add_delete(f"{instances}/{{id}}", self._purge_one)
        router.add_post(f"{instances}/{{id}}/raiseEvent/{{event}}", self._raise_event)
        router.add_post(f"{instances}/{{id}}/terminate", self._terminate)
        router.add_post(f"{instances}/{{id}}/suspend", self._suspend)
        router.add_post(f"{instances}/{{id}}/resume", self._resume)
        router.add_post(f"{instances}/{{id}}/restart", self._restart)
        router.add_post(f"{instances}/{{id}}/rewind", self._rewind)
        router.add_route("*", f"{MANAGEMENT_PREFIX}/entities/{{path:.*}}", self._entities)

    async def _start(self, request: web.Request) -> web.Response:
        if "timeout" in request.query:
            raise NotSupportedError(
                "starting an orchestration and waiting for it is not supported by this host"
            )
        body = await request.text()
        instance_id = self._commands.start(
            request.match_info["name"],
            instance_id=request.match_info.get("id"),
            raw_input=check_json(body) if body.strip() else None,
            version=request.query.get("version"),
        )
        return self._accepted(request, instance_id)

    async def _restart(self, request: web.Request) -> web.Response:
        instance_id = self._commands.restart(
            request.match_info["id"], with_new_id=_flag(request, "restartWithNewInstanceId", default=True)
        )
        return self._accepted(request, instance_id)

    def _accepted(self, request: web.Request, instance_id: str) -> web.Response:
        links = management_urls(f"{request.scheme}://{request.host}", self._task_hub, instance_id)
        links.pop("rewindPostUri")  # links are for new instances, and those have not failed
        headers = {"Location": links["statusQueryGetUri"], "Retry-After": "10"}
        return web.json_response(links, status=202, headers=headers)

    async def _status(self, request: web.Request) -> web.Response:
        instance = self._store.find(request.match_info["id"])
        if instance is None:
            return web.Response(status=404)  # the SDK takes any body for the instance
        document = status_document(instance, show_input=_flag(request, "showInput", default=True))
        if _flag(request, "showHistory", default=False):
            document["historyEvents"] = history_document(
                self._store.history(instance.instance_id),
                show_output=_flag(request, "showHistoryOutput", default=False),
            )
        if not instance.status.is_final:
            headers = {"Location": str(request.url), "Retry-After": "5"}
            return web.json_response(document, status=202, headers=headers)
        failed = instance.status is RuntimeStatus.FAILED
        as_error = failed and _flag(request, "returnInternalServerErrorOnFailure", default=False)
        return web.json_response(document, status=500 if as_error else 200)

    async def _list(self, request: web.Request) -> web.Response:
        found, token = find_instances(
            self._database,
            self._store,
            _filter(request),
            top=_top(request),
            after=request.headers.get(_CONTINUATION, ""),
        )
        show_input = _flag(request, "showInput", default=True)
        documents = [status_document(instance, show_input=show_input) for instance in found]
        return web.json_response(documents, headers={_CONTINUATION: token} if token else None)

    async def _raise_event(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            raise InvalidRequestError("Only application/json request content is supported")
        payload = check_json(await request.text() or "null")
        self._commands.raise_event(request.match_info["id"], request.match_info["event"], payload)
        return web.Response(status=202)

    async def _terminate(self, request: web.Request) -> web.Response:
        self._commands.terminate(request.match_info["id"], request.query.get("reason", ""))
        return web.Response(status=202)

    async def _suspend(self, request: web.Request) -> web.Response:
        self._commands.suspend(request.match_info["id"], request.query.get("reason", ""))
        return web.Response(status=202)

    async def _resume(self, request: web.Request) -> web.Response:
        self._commands.resume(request.match_info["id"], request.query.get("reason", ""))
        return web.Response(status=202)

    async def _purge_one(self, request: web.Request) -> web.Response:
        return _purged(self._commands.purge_one(request.match_info["id"]))

    async def _purge_many(self, request: web.Request) -> web.Response:
        if "createdTimeFrom" not in request.query:
            raise InvalidRequestError("createdTimeFrom is required to purge instances")
        found, _ = find_instances(self._database, self._store, _filter(request), top=None)
        return _purged(self._commands.purge(found))

    async def _rewind(self, request: web.Request) -> web.Response:
        raise NotSupportedError(f"rewinding {request.match_info['id']} is not supported by this host")

    async def _entities(self, request: web.Request) -> web.Response:
        raise NotSupportedError(
            f"the entity {request.match_info['path']}: entities are not supported by this host"
        )


def _purged(count: int) -> web.Response:
    return web.json_response({"instancesDeleted": count}, status=200 if count else 404)


def _filter(request: web.Request) -> InstanceFilter:
    names = [name for name in request.query.get("runtimeStatus", "").split(",") if name]
    for name in names:
        if name not in _NEVER_HERE and name not in list(RuntimeStatus):
            raise InvalidRequestError(f"{name!r} is not a runtime status")
    statuses = frozenset(RuntimeStatus(name) for name in names if name not in _NEVER_HERE)
    return InstanceFilter(
        created_from=_moment(request, "createdTimeFrom"),
        created_to=_moment(request, "createdTimeTo"),
        statuses=statuses if names else None,
        id_prefix=request.query.get("instanceIdPrefix", ""),
    )


def _moment(request: web.Request, name: str) -> float | None:
    text = request.query.get(name)
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidRequestError(f"{name} is not a time: {text!r}") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _top(request: web.Request) -> int:
    text = request.query.get("top", str(DEFAULT_PAGE))
    if not text.isdecimal() or int(text) < 1:
        raise InvalidRequestError(f"top must be a positive number, not {text!r}")
    return int(text)


def _flag(request: web.Request, name: str, *, default: bool) -> bool:
    return request.query.get(name, str(default)).lower() == "true"
