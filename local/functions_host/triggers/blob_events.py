"""Blob functions with the source EventGrid: the webhook that Event Grid, or a person in its place, posts to.

As in Azure there are no receipts and no path filter: an event that comes twice calls the function twice. One whose `eTag` is
not that of the blob as it is now calls nothing: the blob is gone, or has changed and another event is on its way.
"""

import json
from typing import Any

from aiohttp import web
from azure.storage.blob import BlobClient

from local.functions_host.errors import InvalidRequestError
from local.functions_host.functions import AppFunction
from local.functions_host.logs import host_logger
from local.functions_host.storage.blobs import BlobStore
from local.functions_host.triggers.blob_queue import BlobQueue

PATH = "/runtime/webhooks/blobs"
_FUNCTION_PREFIX = "Host.Functions."
_log = host_logger("blobs")


class BlobEvents:
    """The webhook of the storage extension."""

    def __init__(self, functions: tuple[AppFunction, ...], *, store: BlobStore, queue: BlobQueue) -> None:
        self._names = {function.name for function in functions}
        self._store = store
        self._queue = queue

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Register the route."""
        router.add_post(PATH, self._receive)

    async def _receive(self, request: web.Request) -> web.Response:
        kind = request.headers.get("aeg-event-type", "").lower()
        events = _events(await request.text())
        if kind == "subscriptionvalidation":
            return web.json_response({"validationResponse": _text(events[0], "validationCode")})
        if kind != "notification":
            raise InvalidRequestError(
                "the header aeg-event-type must be SubscriptionValidation or Notification"
            )
        name = request.query.get("functionName", "").removeprefix(_FUNCTION_PREFIX)
        if name not in self._names:  # Azure accepts and loses these as well
            _log.error(
                "events for %r are lost: there is no blob function of that name with source EventGrid", name
            )
            return web.Response(status=202)
        for event in events:
            _text(event, "blobType")  # the extension chooses its client by it, and fails without
        blobs = [(*_blob_of(_text(event, "url")), event["data"].get("eTag")) for event in events]
        works = [self._store.take_event(name, container, blob, etag) for container, blob, etag in blobs]
        self._queue.add(works, is_fresh=False)
        return web.Response(status=202)


def _events(body: str) -> list[dict[str, Any]]:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise InvalidRequestError(f"the body is not JSON: {error}") from error
    events = document if isinstance(document, list) else [document]
    if not events or not all(
        isinstance(event, dict) and isinstance(event.get("data"), dict) for event in events
    ):
        raise InvalidRequestError("the body must be a list of Event Grid events, each with data")
    return events


def _text(event: dict[str, Any], name: str) -> str:
    value = event["data"].get(name)
    if not isinstance(value, str):
        raise InvalidRequestError(f"the event's data has no {name}")
    return value


def _blob_of(url: str) -> tuple[str, str]:
    try:
        client = BlobClient.from_blob_url(url)
    except ValueError as error:
        raise InvalidRequestError(f"{url!r} is not the address of a blob") from error
    with client:
        return client.container_name, client.blob_name
