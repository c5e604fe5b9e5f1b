"""The Azure OpenAI Batch API: files and batches.

Service rules: "How to use global batch" and the 2025-04-01-preview specification, read 2026-11.
"""

import logging
from collections.abc import Iterator, Mapping
from io import IOBase
from itertools import islice
from typing import Any, BinaryIO, NamedTuple, cast

import httpx2
import openai
from openai import AzureOpenAI, OpenAI

from adapters.openai.errors import asked_wait, root_of, token_provider, translated
from adapters.openai.replies import foreign, named_object, own_error, page_of, without_signatures
from adapters.openai.tls import tls_context
from domain.errors import ConfigurationError, NotFoundError, PassingError, RefusedError, UnsupportedError
from domain.service.batch_states import BatchView, read_batch
from domain.service.transports import WRITING_REMEDY

PAGE_SIZE = 100
GOING = frozenset({"deleted", "deleting"})  # states of a file
PIECE_BYTES = 1024 * 1024  # of a download
CREATE_TIMEOUT_SECONDS = 120.0
CALL_TIMEOUT_SECONDS = 60.0
TRANSFER_TIMEOUT_SECONDS = 600.0
SDK_WAIT_SECONDS = 5.0  # what the SDK may sleep; longer waits the orchestration spends on other work
FIRST_DATED_VERSION_WITH_EXPIRY = "2025-03-01"  # older ones take `expires_after` and ignore it

_CONTENT_CODES = frozenset(
    {
        "empty_file",
        "invalid_json_line",
        "too_many_tasks",
        "url_mismatch",
        "model_mismatch",
        "duplicate_custom_id",
        "invalid_request",
    }
)
_NO_SUCH_OPERATION = frozenset({404, 405})

for _chatty in ("httpx2", "openai"):  # a line per call drowns what the app itself has to say
    logging.getLogger(_chatty).setLevel(logging.WARNING)

log = logging.getLogger(__name__)


class CreatedBatch(NamedTuple):
    """A new batch, and what the service says about its deployment's queue, in tokens; None where it says nothing."""

    batch: BatchView
    enqueued_tokens: int | None
    enqueued_limit: int | None


class Imports:
    """What this process has found out about imports; None: nothing against them."""

    def __init__(self) -> None:
        self.unsupported: str | None = None  # the service knows none
        self.failing: str | None = None  # it knows them, and the last one failed


class BatchApi:
    """Files and batches of one resource. Every method raises errors of `domain.errors` only."""

    def __init__(self, client: OpenAI, *, completion_window: str, expiry_seconds: int | None) -> None:
        self._client = client
        # For what must not be done twice: neither by the SDK nor by following a redirect.
        self._once = client.with_options(max_retries=0, http_client=_http(follow_redirects=False))
        self._window = completion_window
        self._expiry_seconds = expiry_seconds
        self.imports = Imports()

    # --- files -------------------------------------------------------------------------------------------------------

    def upload(self, filename: str, content: IOBase) -> tuple[str, str]:
        """Upload a batch input file; gives its id and its status. A repeated upload makes a second file."""
        about = f"upload of {filename}"
        with translated(about, effect=True):
            answer = self._once.files.with_raw_response.create(
                file=(filename, cast("BinaryIO", content)),
                purpose="batch",
                timeout=TRANSFER_TIMEOUT_SECONDS,
                **self._expiry(),
            )
        return _new_file(answer.http_response, about)

    def import_from(self, filename: str, content_url: str) -> tuple[str, str]:
        """Let the service fetch a batch input file; gives its id and its status, which is not `processed` yet.

        A repeated import makes a second file. `content_url` may be signed and is shown nowhere. Raises UnsupportedError
        where the service knows no import: the operation is documented for dated api-versions only.
        """
        about = f"import of {filename}"
        order = {"purpose": "batch", "filename": filename, "content_url": content_url, **self._expiry()}
        with translated(about, effect=True):
            try:
                answer = self._once.post(
                    "/files/import",
                    cast_to=httpx2.Response,
                    body=order,
                    options={"timeout": CREATE_TIMEOUT_SECONDS},
                )
            except openai.APIStatusError as error:
                if error.status_code not in _NO_SUCH_OPERATION:
                    raise
                self.imports.unsupported = "the service knows no import in this api-version"
                raise UnsupportedError(f"{about}: {self.imports.unsupported}.") from error
        return _new_file(answer, about)

    def _expiry(self) -> dict[str, Any]:
        if not self._expiry_seconds:
            return {}
        return {"expires_after": {"anchor": "created_at", "seconds": self._expiry_seconds}}

    def file_status(self, file_id: str) -> str:
        """Give a file's status: `processed` when batches may use it. Raises NotFoundError."""
        return str(self._file(file_id).get("status"))

    def file_size(self, file_id: str) -> int | None:
        """Give a file's size in bytes as the service tells it; None where it does not. Raises NotFoundError."""
        told = self._file(file_id).get("bytes")
        return told if isinstance(told, int) and told > 0 else None

    def file_complaint(self, file_id: str) -> str:
        """Give what the service says about a file it could not use; empty where it says nothing."""
        return without_signatures(str(self._file(file_id).get("status_details") or ""))

    def _file(self, file_id: str) -> dict[str, Any]:
        about = f"file {file_id}"
        answer = self._get(f"/files/{file_id}", about)
        return named_object(answer, about, kind="file", object_id=file_id)

    def _get(self, path: str, about: str, query: dict[str, Any] | None = None) -> httpx2.Response:
        options: Any = {"params": query or {}, "timeout": CALL_TIMEOUT_SECONDS}
        with translated(about):
            return self._client.get(path, cast_to=httpx2.Response, options=options)

    def files_named(self, prefix: str) -> Iterator[tuple[str, str, str]]:
        """List id, status and name of the batch input files whose names start with `prefix`."""
        for page in self._pages("/files", "list of files", {"purpose": "batch"}):
            for file in page:
                if str(file.get("filename")).startswith(prefix):
                    yield str(file["id"]), str(file.get("status")), str(file["filename"])

    def _pages(self, path: str, about: str, query: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
        """Give a list page by page, each item once, to its end.

        Azure's list of files has no cursor fields and some versions know no paging. Where it is not said whether there is
        more, the next page is asked for, until one has nothing new: the SDK's own rule would repeat the first one forever.
        """
        seen: set[str] = set()
        while True:
            items, has_more = page_of(self._get(path, about, query), about)
            new = [item for item in items if item["id"] not in seen]
            seen.update(str(item["id"]) for item in new)
            yield new
            if has_more is False or not new:
                return
            query = {**query, "after": items[-1]["id"]}

    def content(self, file_id: str) -> Iterator[bytes]:
        """Stream a result file's bytes in pieces.

        Raises NotFoundError; PassingError when it breaks off in the middle, after what has come, or is a page for people.
        """
        about = f"content of file {file_id}"
        with (
            translated(about),
            self._client.files.with_streaming_response.content(
                file_id, timeout=TRANSFER_TIMEOUT_SECONDS
            ) as response,
        ):
            if "html" in response.headers.get("content-type", "").lower():
                response.http_response.read()
                raise foreign(response.http_response, about, effect=False)
            yield from _pieces(response.iter_bytes())

    def delete_file(self, file_id: str) -> None:
        """Delete a file; one that is gone already counts as deleted. Raises PassingError for one that is still there."""
        about = f"deletion of file {file_id}"
        try:
            with translated(about):
                answer = self._client.delete(
                    f"/files/{file_id}", cast_to=httpx2.Response, options={"timeout": CALL_TIMEOUT_SECONDS}
                )
        except NotFoundError:
            log.debug("file %s was gone already", file_id)
            return
        if answer.content:
            named_object(answer, about, kind="file", object_id=file_id)
        else:  # the service may answer so, and something else in its place
            self._make_sure_it_is_gone(file_id, about)

    def _make_sure_it_is_gone(self, file_id: str, about: str) -> None:
        try:
            status = self.file_status(file_id)
        except NotFoundError:
            return
        if status not in GOING:
            raise PassingError(
                f"{about}: the answer was empty, and the file is still there.", code="file_not_deleted"
            )

    # --- batches -----------------------------------------------------------------------------------------------------

    def create(self, input_file_id: str, endpoint: str, metadata: dict[str, str]) -> CreatedBatch:
        """Create a batch: this is what costs money. Never repeated by the SDK, which has no idempotency key to send.

        Raises LostAnswerError when it is unknown whether it was created.
        """
        return self._create(f"batch for {input_file_id}", input_file_id, endpoint, metadata=metadata)

    def _create(self, about: str, input_file_id: str | None, endpoint: str, **more: Any) -> CreatedBatch:
        with translated(about, effect=True):
            answer = self._once.batches.with_raw_response.create(
                input_file_id=input_file_id,  # type: ignore[arg-type] # null where a blob takes its place
                endpoint=endpoint,  # type: ignore[arg-type] # the SDK lists OpenAI's endpoints, Azure has its own
                completion_window=self._window,  # type: ignore[arg-type]
                timeout=CREATE_TIMEOUT_SECONDS,
                **more,
            )
        batch = read_batch(named_object(answer.http_response, about, kind="batch", effect=True))
        if batch.input_file_id not in (None, input_file_id):
            raise foreign(answer.http_response, about, effect=True)
        headers = answer.headers
        return CreatedBatch(
            batch, _tokens(headers, "enqueued-tokens"), _tokens(headers, "maximum-enqueued-tokens")
        )

    def create_from_blob(self, input_blob: str, output_folder: str, endpoint: str) -> CreatedBatch:
        """Create a batch that reads a blob and writes into a folder, both given as URLs that hold no signature.

        Takes no metadata: one page says that it is not supported there. A refusal that is not about the requests is about
        the account, its roles or the api-version. Raises LostAnswerError as `create` does.
        """
        order = {"input_blob": input_blob, "output_folder": {"url": output_folder}}
        try:
            return self._create(f"batch for {input_blob}", None, endpoint, extra_body=order)
        except RefusedError as error:
            if error.code in _CONTENT_CODES:
                raise
            raise ConfigurationError(f"{error} {WRITING_REMEDY}", code=error.code) from error

    def batch(self, batch_id: str) -> BatchView:
        """Look at one batch. Raises NotFoundError."""
        about = f"batch {batch_id}"
        return read_batch(
            named_object(self._get(f"/batches/{batch_id}", about), about, kind="batch", object_id=batch_id)
        )

    def cancel(self, batch_id: str) -> None:
        """Ask for a batch's cancellation. Raises RefusedError for one that has ended."""
        about = f"cancellation of batch {batch_id}"
        with translated(about):
            try:
                answer = self._once.post(
                    f"/batches/{batch_id}/cancel",
                    cast_to=httpx2.Response,
                    options={"timeout": CALL_TIMEOUT_SECONDS},
                )
            # Elsewhere a passing one; here there is nothing left to cancel.
            except openai.ConflictError as error:
                if not own_error(error):
                    raise
                raise RefusedError(f"{about}: {error}", code="conflict") from error
        named_object(answer, about, kind="batch", object_id=batch_id)

    def batches(self, *, pages: int | None = None) -> Iterator[BatchView]:
        """List batches, newest first as far as the service keeps that order; `pages` bounds the calls."""
        for page in islice(self._pages("/batches", "list of batches", {"limit": PAGE_SIZE}), pages):
            yield from map(read_batch, page)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._once.close()


def _pieces(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Put the chunks of a body together into larger pieces. What came before it broke off comes as well."""
    piece = bytearray()
    try:
        for chunk in chunks:
            piece += chunk
            if len(piece) >= PIECE_BYTES:
                yield bytes(piece)
                piece.clear()
    except httpx2.TransportError:
        yield bytes(piece)
        raise
    if piece:
        yield bytes(piece)


def _new_file(answer: httpx2.Response, about: str) -> tuple[str, str]:
    file = named_object(answer, about, kind="file", effect=True)
    return str(file["id"]), str(file.get("status"))


def open_batch_api(
    *,
    endpoint: str,
    api_version: str,
    api_key: str | None,
    scope: str,
    completion_window: str,
    expiry_days: int,
    credential: Any = None,
) -> BatchApi:
    """Connect to the resource: by key where one is given, else by identity: the app's, or the one that is given."""
    root = root_of(endpoint)
    expiry = expiry_days * 86_400 if expiry_days and honours_expiry(api_version) else None
    client: OpenAI
    common: dict[str, Any] = {"max_retries": 2, "http_client": _http(follow_redirects=True)}
    if api_version == "v1":
        client = OpenAI(
            base_url=f"{root}/openai/v1/", api_key=api_key or token_provider(scope, credential), **common
        )
    elif api_key:
        client = AzureOpenAI(azure_endpoint=root, api_version=api_version, api_key=api_key, **common)
    else:
        client = AzureOpenAI(
            azure_endpoint=root,
            api_version=api_version,
            azure_ad_token_provider=token_provider(scope, credential),
            **common,
        )
    return BatchApi(client, completion_window=completion_window, expiry_seconds=expiry)


def _http(*, follow_redirects: bool) -> httpx2.Client:
    return openai.DefaultHttpxClient(
        event_hooks={"response": [_keep_from_long_waits]},
        follow_redirects=follow_redirects,
        verify=tls_context(),
    )


def _keep_from_long_waits(response: Any) -> None:
    """Tell the SDK, in the header it listens to, not to sleep as long as the service asks for."""
    if (asked_wait(response.headers) or 0.0) > SDK_WAIT_SECONDS:
        response.headers["x-should-retry"] = "false"


def honours_expiry(api_version: str) -> bool:
    """Tell whether the service acts on `expires_after` in this api-version."""
    return api_version == "v1" or api_version[:10] >= FIRST_DATED_VERSION_WITH_EXPIRY


def _tokens(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(f"deployment-{name}", "")
    return int(value) if value.isdecimal() else None
