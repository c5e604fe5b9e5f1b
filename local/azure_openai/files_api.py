"""The files operations: upload, import, list, get, delete, content."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.responses import Response, StreamingResponse

from local.azure_openai.batches import Expiry
from local.azure_openai.contents import CHUNK_BYTES, FetchError, fetch, store
from local.azure_openai.errors import ServiceError, resource_not_found
from local.azure_openai.files import FileStore, file_object
from local.azure_openai.operations import (
    EXPIRY_SINCE,
    V1,
    Call,
    Operation,
    api_version,
    int_query,
    json_body,
    json_response,
)
from local.azure_openai.plan import Subject
from local.azure_openai.rate_limit import RateLimit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.requests import Request

    from local.azure_openai.blob_storage import BlobStorage
    from local.azure_openai.contents import Stored
    from local.azure_openai.records import FileRecord
    from local.azure_openai.settings import Settings

MAX_LISTED = 10_000
_LISTING_ALL = "2024-10-21"  # this version's listing knows no paging


class ImportOrder(msgspec.Struct):
    """The body of an import."""

    purpose: str
    filename: str
    content_url: str
    expires_after: Expiry | None = None


class FilesApi:
    """Operations on the files of the resource."""

    def __init__(self, files: FileStore, settings: Settings, blobs: BlobStorage | None) -> None:
        self._files = files
        self._blobs = blobs
        self._settings = settings
        self._uploads = RateLimit(settings.uploads_per_second, settings.real(1.0))
        self._imports: set[asyncio.Task[None]] = set()

    def operations(self) -> list[Operation]:
        """The operations, `import` before those that take a file id."""
        return [
            Operation(name="import", method="POST", path="/files/import", read=self.read_import),
            Operation(name="upload", method="POST", path="/files", read=self.read_upload),
            Operation(name="list_files", method="GET", path="/files", read=self.read_list),
            Operation(name="get_file", method="GET", path="/files/{file_id}", read=self.read_get),
            Operation(name="delete_file", method="DELETE", path="/files/{file_id}", read=self.read_delete),
            Operation(name="content", method="GET", path="/files/{file_id}/content", read=self.read_content),
        ]

    async def stop(self) -> None:
        """Give up imports under way."""
        for task in self._imports:
            task.cancel()
        await asyncio.gather(*self._imports, return_exceptions=True)

    async def read_upload(self, request: Request) -> Call:
        """Multipart; the form parser spools large parts to disk."""
        form = await request.form()
        upload = form.get("file")
        if not isinstance(upload, UploadFile) or not upload.filename:
            raise ServiceError(400, "The multipart field file is required.")
        filename = upload.filename

        async def carry_out() -> Response:
            try:
                return await self._upload(request, form, upload, filename)
            finally:
                await form.close()

        return Call(Subject(filename=filename), carry_out)

    async def _upload(self, request: Request, form: FormData, upload: UploadFile, filename: str) -> Response:
        self._uploads.take()
        expiry = _expiry_seconds(form) if _has_expiry(request) else None
        record = self._files.new_input(
            purpose=str(form.get("purpose", "")), filename=filename, expiry_seconds=expiry
        )
        record.bytes = upload.size or 0
        self._check_size(record.bytes)
        record.sha256 = (await run_in_threadpool(store, upload.file, self._files.path(record.id))).sha256
        return self._created(self._files.add(record), request)

    async def read_import(self, request: Request) -> Call:
        """Import by URL: answered at once, fetched in the background."""
        if api_version(request) == V1 and not self._settings.v1_import:
            raise resource_not_found()
        order = await json_body(request, ImportOrder)

        async def carry_out() -> Response:
            expiry = order.expires_after.seconds if order.expires_after and _has_expiry(request) else None
            record = self._files.new_input(
                purpose=order.purpose, filename=order.filename, expiry_seconds=expiry
            )
            record.status = "pending"
            task = asyncio.create_task(self._import(self._files.add(record), order.content_url))
            self._imports.add(task)
            task.add_done_callback(self._imports.discard)
            return self._created(record, request)

        return Call(Subject(filename=order.filename), carry_out)

    async def _import(self, record: FileRecord, url: str) -> None:
        """Bring the content here; any failure is told in the record."""
        await asyncio.sleep(max(0.0, record.ready_at - time.time()))
        record.status = "running"
        try:
            found = await run_in_threadpool(self._fetch, url, self._files.path(record.id))
        except FetchError as error:
            record.status, record.status_details = "error", f"fileImportFailed: {error}"
        else:
            record.bytes, record.sha256, record.status = found.size_bytes, found.sha256, "processed"

    def _fetch(self, url: str, target: Path) -> Stored:
        limit = self._settings.upload_limit_bytes
        if self._blobs and self._blobs.holds(url):
            return self._blobs.read(url, target, limit)
        return fetch(url, target, limit)

    async def read_list(self, request: Request) -> Call:
        """List files, paged as the settings and the api-version have it."""

        async def carry_out() -> Response:
            query = request.query_params
            style = "whole" if api_version(request) == _LISTING_ALL else self._settings.files_list
            records = self._files.listed(
                query.get("purpose"), newest_first=query.get("order", "desc") != "asc"
            )
            if style == "whole":
                return json_response({"object": "list", "data": list(map(file_object, records))})
            after = query.get("after")
            if after and after in self._files.records:
                ids = [record.id for record in records]
                records = records[ids.index(after) + 1 :] if after in ids else []
            limit = int_query(request, "limit", MAX_LISTED, most=MAX_LISTED)
            page = {"object": "list", "data": list(map(file_object, records[:limit]))}
            return json_response(page | ({"has_more": len(records) > limit} if style == "has_more" else {}))

        return Call(Subject(), carry_out)

    async def read_get(self, request: Request) -> Call:
        """Get a file's record."""
        record = self._files.get(request.path_params["file_id"])

        async def carry_out() -> Response:
            return json_response(file_object(record))

        return Call(Subject(filename=record.filename), carry_out)

    async def read_delete(self, request: Request) -> Call:
        """Delete a file."""
        record = self._files.get(request.path_params["file_id"])

        async def carry_out() -> Response:
            self._files.delete(record.id)
            return json_response({"id": record.id, "object": "file", "deleted": True})

        return Call(Subject(filename=record.filename), carry_out)

    async def read_content(self, request: Request) -> Call:
        """A file's content, always whole: ranges are not served."""
        record = self._files.get(request.path_params["file_id"])

        async def carry_out() -> Response:
            if record.status_at(time.time()) != "processed":
                raise ServiceError(
                    400, f"The file '{record.id}' is not processed.", code="unexpectedEntityState"
                )
            headers = {"content-length": str(record.bytes)}
            chunks = _chunks(self._files.path(record.id))
            return StreamingResponse(chunks, headers=headers, media_type="application/octet-stream")

        return Call(Subject(filename=record.filename), carry_out)

    def _check_size(self, size: int) -> None:
        limit = self._settings.upload_limit_bytes
        if size > limit:
            raise ServiceError(400, f"The file is larger than {limit} bytes.")

    def _created(self, record: FileRecord, request: Request) -> Response:
        location = f"{request.base_url}openai/files/{record.id}"
        return json_response(file_object(record), self._settings.created_status, {"location": location})


def _has_expiry(request: Request) -> bool:
    version = api_version(request)
    return version == V1 or version >= EXPIRY_SINCE


def _expiry_seconds(form: FormData) -> int | None:
    """`expires_after.seconds`, or `expires_after[seconds]` as the Python SDK writes it."""
    given = form.get("expires_after.seconds") or form.get("expires_after[seconds]")
    if given is None:
        return None
    if not isinstance(given, str) or not given.isdecimal():
        raise ServiceError(400, "expires_after.seconds must be a number.")
    return int(given)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
