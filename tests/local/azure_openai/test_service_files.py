"""Files of the local service: both URL forms and keys, upload, import, listing, limits."""

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

import httpx2
import openai
import pytest
from openai import OpenAI

from local.azure_openai import RunningService, running
from tests.local.azure_openai.batch_work import (
    FORTNIGHT,
    chat_rows,
    create,
    dated_client,
    ended,
    run,
    upload,
    v1_client,
)

JWT = "eyJhbGciOiJub25lIn0.e30.c2ln"  # {"alg": "none"}


@pytest.fixture
def source() -> Iterator[str]:
    """A URL that gives content only with its signature."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            allowed = self.path.endswith("?sig=secret")
            self.send_response(200 if allowed else 403)
            self.end_headers()
            self.wfile.write(chat_rows(5) if allowed else b"")

        def log_message(self, *_: Any) -> None:
            """Keep the test output quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/input.jsonl?sig=secret"
        server.shutdown()


def import_file(client: OpenAI, url: str) -> dict[str, Any]:
    order = {"purpose": "batch", "filename": "imported.jsonl", "content_url": url, **FORTNIGHT}
    answer = client.post("/files/import", body=order, cast_to=httpx2.Response)
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("api_version", ["2024-10-21", "2025-04-01-preview"])
def test_the_dated_form_serves_a_whole_batch(service: RunningService, api_version: str) -> None:
    with dated_client(service, api_version) as client:
        batch = run(client, chat_rows(3))
        assert batch.status == "completed"
        assert [found.id for found in client.batches.list()] == [batch.id]


def test_a_web_token_opens_both_forms(service: RunningService) -> None:
    dated = openai.AzureOpenAI(
        azure_endpoint=service.url, api_version="2024-10-21", azure_ad_token_provider=lambda: JWT
    )
    with dated, OpenAI(base_url=f"{service.url}/openai/v1", api_key=lambda: JWT) as v1:
        assert dated.files.list().data == []
        assert v1.batches.list().data == []


@pytest.mark.parametrize("key", ["wrong", "a.b.c"])
def test_a_wrong_key_is_refused(service: RunningService, key: str) -> None:
    with v1_client(service, default_headers={"authorization": f"Bearer {key}"}) as client:
        with pytest.raises(openai.AuthenticationError) as refused:
            client.files.list()
        assert isinstance(refused.value.body, dict)
        assert refused.value.body["code"] == "401"
    assert service.counters()["calls"] == {"list_files": {"total": 1, "401": 1}}


def test_an_api_key_header_opens_the_v1_form_and_no_key_does_not(service: RunningService) -> None:
    connection = http.client.HTTPConnection(urlsplit(service.url).netloc)
    for headers, status in (({"api-key": service.key}, 200), ({}, 401)):
        connection.request("GET", "/openai/v1/batches", headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()


@pytest.mark.parametrize("api_version", ["2024-05-13", "", "v1"])
def test_an_unknown_api_version_is_not_found(service: RunningService, api_version: str) -> None:
    with dated_client(service, api_version) as client, pytest.raises(openai.NotFoundError) as missing:
        client.batches.list()
    assert missing.value.body == {"code": "404", "message": "Resource not found"}


def test_an_upload_is_pending_before_it_is_processed() -> None:
    with running(file_pending_seconds=3600) as service, v1_client(service) as client:
        file = client.files.create(file=("a.jsonl", chat_rows(1)), purpose="batch")
        assert (file.status, file.bytes) == ("pending", len(chat_rows(1)))
        with pytest.raises(openai.BadRequestError, match="is in 'pending' state"):
            create(client, file.id)
        assert service.batches() == []


def test_expiry_is_taken_dotted_and_bracketed(service: RunningService, client: OpenAI) -> None:
    bracketed = upload(client, chat_rows(1))
    fields = {"purpose": "batch", "expires_after.seconds": "1209600", "expires_after.anchor": "created_at"}
    dotted = client.post(
        "/files",
        cast_to=openai.types.FileObject,
        body=fields,
        files={"file": ("a.jsonl", chat_rows(1))},
        options={"headers": {"content-type": "multipart/form-data"}},
    )
    for file in (bracketed, dotted):
        assert file.expires_at == file.created_at + 1_209_600


def test_an_old_api_version_ignores_the_expiry(service: RunningService) -> None:
    with dated_client(service, "2024-10-21") as client:
        assert upload(client, chat_rows(1)).expires_at is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"purpose": "vision"}, "purpose"),
        ({"file": ("work.txt", b"{}")}, "jsonl"),
        ({"extra_body": {"expires_after": {"anchor": "created_at", "seconds": 60}}}, "expires_after"),
    ],
)
def test_an_upload_that_breaks_a_rule_is_refused(
    client: OpenAI, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=message):
        client.files.create(**{"file": ("work.jsonl", b"{}"), "purpose": "batch", **changed})


def test_the_limits_on_files_count_inputs_only() -> None:
    limits: dict[str, Any] = {"files_without_expiry": 1, "files_with_expiry": 2, "upload_limit_bytes": 2000}
    with running(speed=4000, **limits) as service, v1_client(service) as client:
        with pytest.raises(openai.BadRequestError, match="larger than 2000 bytes"):
            upload(client, b" " * 2001)
        assert run(client, chat_rows(1)).status == "completed"
        upload(client, chat_rows(1))
        with pytest.raises(openai.BadRequestError) as full:
            upload(client, chat_rows(1))
        assert full.value.code == "quotaExceeded"
        plain = client.files.create(file=("a.jsonl", b"{}"), purpose="batch")
        with pytest.raises(openai.BadRequestError, match=r"without expiry is reached\. The maximum is 1\."):
            client.files.create(file=("a.jsonl", b"{}"), purpose="batch")
        client.files.delete(plain.id)
        client.files.create(file=("a.jsonl", b"{}"), purpose="batch")


def test_a_file_is_got_listed_and_deleted(client: OpenAI) -> None:
    files = [upload(client, chat_rows(1), f"{name}.jsonl") for name in "abc"]
    assert client.files.retrieve(files[0].id).filename == "a.jsonl"
    assert client.files.content(files[0].id).read() == chat_rows(1)
    assert [file.filename for file in client.files.list(purpose="batch", limit=2).data] == [
        "c.jsonl",
        "b.jsonl",
    ]
    assert [f.filename for f in client.files.list(order="asc", after=files[0].id).data] == [
        "b.jsonl",
        "c.jsonl",
    ]
    assert client.files.list(purpose="assistants").data == []
    assert client.files.delete(files[0].id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(files[0].id)


def test_paging_ends_without_has_more(client: OpenAI) -> None:
    for name in "abc":
        upload(client, chat_rows(1), f"{name}.jsonl")
    assert [file.filename for file in client.files.list(limit=2)] == ["c.jsonl", "b.jsonl", "a.jsonl"]
    assert "has_more" not in client.files.list().to_dict()


def test_the_oldest_listing_repeats_itself_for_ever(service: RunningService) -> None:
    with dated_client(service, "2024-10-21") as client:
        upload(client, chat_rows(1))
        assert len(list(islice(client.files.list(), 5))) == 5


def test_a_file_is_imported_by_its_signed_url(service: RunningService, source: str) -> None:
    with dated_client(service) as client:
        imported = import_file(client, source)
        assert imported["status"] == "pending"
        assert "bytes" not in imported
        file = client.files.wait_for_processing(imported["id"], poll_interval=0.01)
        assert (file.status, file.bytes) == ("processed", len(chat_rows(5)))
        batch = ended(client, create(client, file.id))
        assert batch.request_counts
        assert batch.request_counts.completed == 5


@pytest.mark.parametrize("broken", ["?sig=wrong", None])
def test_a_failed_import_ends_in_error_and_keeps_the_signature(
    service: RunningService, source: str, broken: str | None
) -> None:
    url = source.replace("?sig=secret", broken) if broken else "http://127.0.0.1:9/a.jsonl?sig=secret"
    with dated_client(service) as client:
        file = client.files.wait_for_processing(import_file(client, url)["id"], poll_interval=0.01)
    assert file.status == "error"
    assert str(file.status_details).startswith("fileImportFailed")
    assert "sig=" not in str(file.status_details)


def test_import_under_v1_is_a_setting(client: OpenAI, source: str) -> None:
    with pytest.raises(openai.NotFoundError):
        import_file(client, source)
    settings: dict[str, Any] = {"v1_import": True, "files_list": "has_more", "created_status": 200}
    with running(speed=4000, **settings) as service, v1_client(service) as opened:
        imported = import_file(opened, source)
        assert opened.files.wait_for_processing(imported["id"], poll_interval=0.01).status == "processed"
        assert opened.files.list().to_dict()["has_more"] is False
        assert service.counters()["calls"]["import"] == {"total": 1, "200": 1}


def test_uploads_per_second_may_be_limited() -> None:
    with running(speed=0.01, file_pending_seconds=0, uploads_per_second=2) as service:
        with v1_client(service) as client:
            for _ in range(2):
                upload(client, chat_rows(1))
            with pytest.raises(openai.RateLimitError) as limited:
                upload(client, chat_rows(1))
        assert int(limited.value.response.headers["retry-after"]) > 0
