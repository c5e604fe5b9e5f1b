"""An ADLS Gen2 account on 127.0.0.1, as far as the pipeline and people who drop files can tell it from a flat one.

Blobs lie in Azurite. Requests of the Blob endpoint go there as they are, and afterwards the directories above a new blob
are made, as marker blobs with `hdi_isfolder`. Requests of the Data Lake endpoint, which Azurite does not have, are carried
out here. Written after "Path - Create", "Path - Delete", "Path - Update", "Naming and Referencing Containers, Blobs, and
Metadata" and "Known issues with Azure Data Lake Storage", and after what users of such accounts report; where those leave
room, this account is the stricter one (no blob batches, no deletion of directories through the Blob endpoint).
"""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import unquote

import aiohttp
from aiohttp import web
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient, ContainerClient
from yarl import URL

from local.azurite import Azurite
from local.azurite.server import ACCOUNT_KEY, ACCOUNT_NAME

MARKER = {"hdi_isfolder": "true"}
MAX_SEGMENT_CHARS = 255
MAX_SEGMENTS = 63  # account and container included
HOP_BY_HOP = frozenset({"transfer-encoding", "connection", "keep-alive"})

_PROPERTIES_OF_THE_ACCOUNT = {"restype": "account", "comp": "properties"}


class RefusedError(Exception):
    """A request the account answers with an error."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


@dataclass
class HierarchicalAccount:
    """`calls` counts the requests of the Data Lake endpoint. `may_ask` and `may_look`: the caller's rights.

    With `hierarchical` False it says of itself that it is flat.
    """

    azurite: Azurite
    port: int = 0
    hierarchical: bool = True
    may_ask: bool = True  # for the account's properties
    may_look: bool = True  # at access lists
    calls: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._blobs = BlobServiceClient.from_connection_string(self.azurite.connection_string)
        self._appended: dict[str, bytes] = {}
        self._session: aiohttp.ClientSession | None = None

    @property
    def connection_string(self) -> str:
        """What the Blob and the Data Lake SDK take to come here."""
        url = f"http://127.0.0.1:{self.port}/{ACCOUNT_NAME}"
        return (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT_NAME};AccountKey={ACCOUNT_KEY};"
            f"BlobEndpoint={url};DfsEndpoint={url};"
        )

    def entries(self, container: str) -> list[str]:
        """Name everything in a container, directories with a slash at their end."""
        listed = self._blobs.get_container_client(container).list_blobs(include=["metadata"])
        return [f"{blob.name}/" if _is_marker(blob.metadata) else str(blob.name) for blob in listed]

    # --- the endpoints -----------------------------------------------------------------------------------------------

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request of either endpoint."""
        try:
            return await self._answer(request, await request.read())
        except RefusedError as error:
            told = {"error": {"code": error.code, "message": error.code}}
            headers = {"x-ms-error-code": error.code}
            return web.Response(
                status=error.status, body=json.dumps(told), headers=headers, content_type="application/json"
            )

    async def _answer(self, request: web.Request, body: bytes) -> web.StreamResponse:
        if "Authorization" not in request.headers:
            raise RefusedError(401, "NoAuthenticationInformation")
        operation = self._data_lake_operation(request)
        if operation is None:
            return await self._blob_endpoint(request, body)
        self.calls[operation] += 1
        container, path = _parts(request.raw_path)
        answer: Callable[[web.Request, str, str, bytes], web.Response] = getattr(self, f"_{operation}")
        return await asyncio.to_thread(answer, request, container, path, body)

    def _data_lake_operation(self, request: web.Request) -> str | None:
        query = request.query
        if request.method == "DELETE" and "recursive" in query:
            return "delete_path"
        if request.method == "HEAD" and query.get("action") == "getAccessControl":
            return "access_list"
        if request.method == "PUT" and ("resource" in query or "x-ms-rename-source" in request.headers):
            return "rename" if "x-ms-rename-source" in request.headers else "create_path"
        if request.method == "PATCH" and query.get("action") in ("append", "flush"):
            return query["action"]
        return None

    async def _blob_endpoint(self, request: web.Request, body: bytes) -> web.StreamResponse:
        if dict(request.query) == _PROPERTIES_OF_THE_ACCOUNT and not self.may_ask:
            raise RefusedError(403, "AuthorizationPermissionMismatch")
        if request.query.get("comp") == "batch":
            raise RefusedError(400, "UnsupportedHttpVerb")
        container, path = _parts(request.raw_path)
        writes = request.method == "PUT" and bool(path)
        if writes:
            _check_name(path)
        if writes or (request.method == "DELETE" and path):
            await asyncio.to_thread(self._refuse_directory, container, path)
        answer = await self._azurite(request, body)
        if dict(request.query) == _PROPERTIES_OF_THE_ACCOUNT:
            answer.headers["x-ms-is-hns-enabled"] = str(self.hierarchical).lower()
        if writes and answer.status < 300 and request.query.get("comp") in (None, "blocklist"):
            await asyncio.to_thread(self._make_directories, container, path)
        return answer

    async def _azurite(self, request: web.Request, body: bytes) -> web.Response:
        self._session = self._session or aiohttp.ClientSession(auto_decompress=False)
        url = URL(f"http://127.0.0.1:{self.azurite.blob_port}{request.raw_path}", encoded=True)
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP]
        call = self._session.request(
            request.method,
            url,
            headers=headers,
            data=body or None,
            skip_auto_headers=["Content-Type", "Accept"],
        )
        async with call as answer:
            content = await answer.read()
            kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP]
            return web.Response(status=answer.status, body=content, headers=kept)

    async def close(self) -> None:
        """Close the connections to Azurite."""
        if self._session:
            await self._session.close()
        self._blobs.close()

    # --- the Data Lake endpoint --------------------------------------------------------------------------------------

    def _delete_path(self, _: web.Request, container: str, path: str, __: bytes) -> web.Response:
        blobs = self._container(container)
        found = [blob.name for blob in blobs.list_blobs(name_starts_with=path) if _is_in(blob.name, path)]
        if not found:
            raise RefusedError(404, "PathNotFound")
        for name in found:
            blobs.delete_blob(name)
        return web.Response(status=200)

    def _access_list(self, _: web.Request, container: str, __: str, ___: bytes) -> web.Response:
        if not self.may_look:
            raise RefusedError(403, "AuthorizationPermissionMismatch")
        if not self._container(container).exists():
            raise RefusedError(404, "FilesystemNotFound")
        if not self.hierarchical:
            raise RefusedError(400, "HierarchicalNamespaceNotEnabled")
        told = {"x-ms-owner": "$superuser", "x-ms-group": "$superuser", "x-ms-permissions": "rwxr-x---"}
        return web.Response(status=200, headers=told)

    def _create_path(self, request: web.Request, container: str, path: str, _: bytes) -> web.Response:
        _check_name(path)
        if request.query["resource"] == "directory":
            self._make_directories(container, f"{path}/")
        else:
            self._refuse_directory(container, path)
            self._container(container).upload_blob(path, b"", overwrite=True)
            self._make_directories(container, path)
        return web.Response(status=201)

    def _append(self, request: web.Request, container: str, path: str, body: bytes) -> web.Response:
        name = f"{container}/{path}"
        if int(request.query["position"]) == 0:
            self._appended[name] = b""
        self._appended[name] += body
        return web.Response(status=202)

    def _flush(self, request: web.Request, container: str, path: str, _: bytes) -> web.Response:
        content = self._appended[f"{container}/{path}"][: int(request.query["position"])]
        self._container(container).upload_blob(path, content, overwrite=True)
        return web.Response(status=200)

    def _rename(self, request: web.Request, container: str, path: str, _: bytes) -> web.Response:
        source_container, source = _parts(f"/{ACCOUNT_NAME}{request.headers['x-ms-rename-source']}")
        blob = self._container(source_container).get_blob_client(source)
        try:
            content, metadata = blob.download_blob().readall(), blob.get_blob_properties().metadata
        except ResourceNotFoundError as error:
            raise RefusedError(404, "SourcePathNotFound") from error
        self._container(container).upload_blob(path, content, metadata=metadata, overwrite=True)
        self._make_directories(container, path)
        blob.delete_blob()
        return web.Response(status=201)

    # --- directories -------------------------------------------------------------------------------------------------

    def _container(self, name: str) -> ContainerClient:
        return self._blobs.get_container_client(name)

    def _make_directories(self, container: str, path: str) -> None:
        parents = path.split("/")[:-1]
        for depth in range(1, len(parents) + 1):
            directory = "/".join(parents[:depth])
            with suppress(ResourceExistsError):
                self._container(container).upload_blob(directory, b"", metadata=MARKER)

    def _refuse_directory(self, container: str, path: str) -> None:
        with suppress(ResourceNotFoundError):
            properties = self._container(container).get_blob_client(path).get_blob_properties()
            if _is_marker(properties.metadata):
                raise RefusedError(400, "OperationNotSupportedOnDirectory")


@contextmanager
def running(azurite: Azurite) -> Iterator[HierarchicalAccount]:
    """Serve an account over Azurite's blobs until the block ends."""
    account = HierarchicalAccount(azurite)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = asyncio.run_coroutine_threadsafe(_serve(account), loop).result()
    try:
        yield account
    finally:
        asyncio.run_coroutine_threadsafe(_end(account, runner), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _serve(account: HierarchicalAccount) -> web.AppRunner:
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", account.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    account.port = runner.addresses[0][1]
    return runner


async def _end(account: HierarchicalAccount, runner: web.AppRunner) -> None:
    await runner.cleanup()
    await account.close()
    await asyncio.get_running_loop().shutdown_default_executor()


def _parts(target: str) -> tuple[str, str]:
    """Give container and path of a request's target; the root directory's path is empty."""
    _, _, container, *path = target.partition("?")[0].split("/", 3)
    return container, unquote(path[0]).strip("/") if path else ""


def _is_in(name: str, path: str) -> bool:
    return name == path or name.startswith(f"{path}/")


def _is_marker(metadata: dict[str, str] | None) -> bool:
    return (metadata or {}).get("hdi_isfolder") == "true"


def _check_name(path: str) -> None:
    segments = path.split("/")
    if len(segments) + 2 > MAX_SEGMENTS or any(len(segment) > MAX_SEGMENT_CHARS for segment in segments):
        raise RefusedError(400, "InvalidUri")
    if any(segment in ("", ".", "..") for segment in segments):
        raise RefusedError(400, "InvalidUri")
