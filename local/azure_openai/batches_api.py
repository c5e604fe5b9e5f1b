"""The batches operations: create, list, get, cancel."""

from __future__ import annotations

import time
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool

from local.azure_openai.batches import BatchOrder, BatchStore, quota_tokens
from local.azure_openai.errors import BatchRefusedError, BlobRefusedError, ServiceError
from local.azure_openai.operations import (
    BLOBS_SINCE,
    V1,
    Call,
    Operation,
    api_version,
    int_query,
    json_body,
    json_response,
)
from local.azure_openai.plan import Subject
from local.azure_openai.rendering import batch_object
from local.azure_openai.validation import deployment_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from local.azure_openai.blob_storage import BlobStorage
    from local.azure_openai.counters import Counters
    from local.azure_openai.faults import Faults
    from local.azure_openai.files import FileStore
    from local.azure_openai.lifecycle import Lifecycle
    from local.azure_openai.records import BatchRecord
    from local.azure_openai.settings import Settings
    from local.azure_openai.workspace import Workspace

DEFAULT_PAGE = 20
MAX_PAGE = 100


class BatchesApi:
    """Operations on the batches of the resource."""

    def __init__(
        self,
        *,
        settings: Settings,
        batches: BatchStore,
        files: FileStore,
        workspace: Workspace,
        blobs: BlobStorage | None,
        lifecycle: Lifecycle,
        faults: Faults,
        counters: Counters,
    ) -> None:
        self._settings = settings
        self._batches = batches
        self._files = files
        self._workspace = workspace
        self._blobs = blobs
        self._lifecycle = lifecycle
        self._faults = faults
        self._counters = counters

    def operations(self) -> list[Operation]:
        """The operations."""
        return [
            Operation(name="create_batch", method="POST", path="/batches", read=self.read_create),
            Operation(name="list_batches", method="GET", path="/batches", read=self.read_list),
            Operation(name="get_batch", method="GET", path="/batches/{batch_id}", read=self.read_get),
            Operation(
                name="cancel_batch", method="POST", path="/batches/{batch_id}/cancel", read=self.read_cancel
            ),
        ]

    async def read_create(self, request: Request) -> Call:
        """Create a batch; its input is checked in the background."""
        order = await json_body(request, BatchOrder)
        file = self._files.find(order.input_file_id)
        filename = file.filename if file else PurePosixPath(urlsplit(order.input_blob or "").path).name
        deployment = deployment_of(self._files.path(file.id)) if file and file.bytes else ""
        subject = Subject(filename=filename, deployment=deployment)

        async def carry_out() -> Response:
            order.check()
            if order.output_expires_after:
                self._files.check_expiry(order.output_expires_after.seconds)
            batch = self._batches.new(order)
            batch.filename, batch.deployment = filename, deployment
            if order.input_blob:
                await self._take_blob(batch, order.input_blob, request)
            else:
                self._take_file(batch)
            self._enqueue(batch)
            batch.rule = self._faults.for_batch(subject)
            self._begin(batch)
            return self._created(batch, request)

        return Call(subject, carry_out)

    def _take_file(self, batch: BatchRecord) -> None:
        file = self._files.get(batch.input_file_id or "")
        status = file.status_at(time.time())
        if status != "processed":
            raise ServiceError(
                400,
                f"The input file '{file.id}' is in '{status}' state. Only files with status 'Processed' are accepted "
                "for batch inferencing. Please check the file status and try again.",
            )
        batch.content, batch.tokens = file.sha256, quota_tokens(file.bytes or 0)

    async def _take_blob(self, batch: BatchRecord, url: str, request: Request) -> None:
        version = api_version(request)
        if self._blobs is None or (version != V1 and version < BLOBS_SINCE):
            raise ServiceError(400, "input_blob is not supported by this resource or api-version.")
        try:
            batch.input_etag = await run_in_threadpool(self._blobs.etag, url)
        except BlobRefusedError as error:
            raise BatchRefusedError(error.item) from error

    def _enqueue(self, batch: BatchRecord) -> None:
        if self._faults.is_quota_full(batch.deployment) or not self._batches.has_room(batch):
            if self._settings.quota_mode == "fail_fast":
                raise self._batches.quota_error(batch.deployment)
            batch.quota_refused = True

    def _begin(self, batch: BatchRecord) -> None:
        self._workspace.begin(batch)
        self._batches.add(batch)
        self._counters.batches_created += 1
        if batch.content:
            self._counters.batch_of(batch.content, batch.id)
        self._counters.max_active_batches = max(self._counters.max_active_batches, len(self._batches.active))
        self._lifecycle.start(batch)

    def _created(self, batch: BatchRecord, request: Request) -> Response:
        headers = {
            "location": f"{request.base_url}openai/batches/{batch.id}",
            "deployment-enqueued-tokens": str(self._batches.enqueued_tokens(batch.deployment)),
            "deployment-maximum-enqueued-tokens": str(self._settings.enqueued_token_limit),
        }
        return json_response(batch_object(batch, self._settings), self._settings.created_status, headers)

    async def read_list(self, request: Request) -> Call:
        """List batches, newest first."""

        async def carry_out() -> Response:
            for name in ("$filter", "$orderby"):
                if name in request.query_params:
                    raise ServiceError(400, f"The query parameter {name} is not served by the simulator.")
            limit = int_query(request, "limit", DEFAULT_PAGE, most=MAX_PAGE)
            page, has_more = self._batches.page(request.query_params.get("after"), limit)
            return json_response(
                {
                    "object": "list",
                    "data": [batch_object(batch, self._settings) for batch in page],
                    "first_id": page[0].id if page else None,
                    "last_id": page[-1].id if page else None,
                    "has_more": has_more,
                }
            )

        return Call(Subject(), carry_out)

    async def read_get(self, request: Request) -> Call:
        """Get a batch."""
        batch = self._batches.get(request.path_params["batch_id"])

        async def carry_out() -> Response:
            return json_response(batch_object(batch, self._settings))

        return Call(_subject(batch), carry_out)

    async def read_cancel(self, request: Request) -> Call:
        """Begin to cancel a batch; refused once its results are being prepared."""
        batch = self._batches.get(request.path_params["batch_id"])

        async def carry_out() -> Response:
            if batch.is_over or batch.status == "finalizing":
                message = f"The batch is {batch.status} and cannot be cancelled."
                raise ServiceError(self._settings.cancel_refusal, message, code="conflict")
            if batch.status != "cancelling":
                self._lifecycle.cancel(batch)
            return json_response(batch_object(batch, self._settings))

        return Call(_subject(batch), carry_out)


def _subject(batch: BatchRecord) -> Subject:
    return Subject(filename=batch.filename, deployment=batch.deployment)
