"""The Batch API through the real SDK, over HTTP, against a service that fails on request."""

import json
import time
from collections.abc import Callable
from io import BytesIO
from typing import Any, TypeVar

import pytest

from adapters.openai.batch_api import BatchApi, honours_expiry
from domain.errors import (
    ConfigurationError,
    LostAnswerError,
    NotFoundError,
    PassingError,
    PipelineError,
    QuotaFullError,
    RefusedError,
    UnsupportedError,
)
from domain.service.batch_states import BatchView
from local.azure_openai import RunningService, running
from tests.adapters.conftest import MakeApi

T = TypeVar("T")
VERSIONS = ["v1", "2024-10-21", "2025-04-01-preview"]
ENDPOINT = "/chat/completions"


def content(count: int = 3, model: str = "gpt") -> bytes:
    body = {"model": model, "messages": [{"role": "user", "content": "my parcel never arrived"}]}
    lines = [
        {"custom_id": f"row-{number}", "method": "POST", "url": ENDPOINT, "body": body}
        for number in range(count)
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def upload(api: BatchApi, name: str = "a.jsonl", **options: Any) -> str:
    file_id, status = api.upload(name, BytesIO(content(**options)))
    return until(
        lambda: file_id if status == "processed" or api.file_status(file_id) == "processed" else None
    )


def until(look: Callable[[], T | None]) -> T:
    """What `look` gives, as soon as it gives something."""
    deadline = time.monotonic() + 30
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return found


def ended(api: BatchApi, batch_id: str) -> BatchView:
    def look() -> BatchView | None:
        batch = api.batch(batch_id)
        return batch if batch.ended else None

    return until(look)


# --- the way of a batch ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api_version", VERSIONS)
def test_a_batch_goes_from_upload_to_results(open_api: MakeApi, api_version: str) -> None:
    api = open_api(api_version=api_version)
    file_id = upload(api)
    created = api.create(file_id, ENDPOINT, {"shard": "0000"})
    assert created.batch.input_file_id == file_id
    assert created.enqueued_limit is not None
    batch = ended(api, created.batch.batch_id)
    assert (batch.status, batch.completed, batch.failed) == ("completed", 3, 0)
    assert batch.output_file_id
    answers = b"".join(api.content(batch.output_file_id)).splitlines()
    assert sorted(json.loads(answer)["custom_id"] for answer in answers) == ["row-0", "row-1", "row-2"]
    assert [listed.batch_id for listed in api.batches()] == [batch.batch_id]
    api.delete_file(file_id)
    api.delete_file(file_id)
    with pytest.raises(NotFoundError):
        api.file_status(file_id)


@pytest.mark.parametrize(
    "tail", ["", "/", "/openai", "/openai/v1/", "/openai/deployments/gpt/chat/completions"]
)
@pytest.mark.parametrize("api_version", ["v1", "2024-10-21"])
def test_the_endpoint_may_be_given_as_people_copy_it(
    open_api: MakeApi, service: RunningService, tail: str, api_version: str
) -> None:
    assert list(open_api(api_version=api_version, endpoint=service.url + tail).batches()) == []


@pytest.mark.parametrize(
    ("api_version", "expected"),
    [("v1", True), ("2025-03-01-preview", True), ("2025-04-01-preview", True), ("2024-10-21", False)],
)
def test_files_expire_only_where_the_service_acts_on_it(
    open_api: MakeApi, api_version: str, expected: bool
) -> None:
    assert honours_expiry(api_version) is expected
    api = open_api(api_version=api_version)
    file_id = upload(api)
    told = api._client.files.retrieve(file_id)
    assert (told.expires_at is not None) is expected
    assert honours_expiry("2025-01-01-preview") is False


def test_expiry_can_be_switched_off(open_api: MakeApi) -> None:
    api = open_api(expiry_days=0)
    assert api._client.files.retrieve(upload(api)).expires_at is None


# --- imports ---------------------------------------------------------------------------------------------------------


def test_an_import_is_pending_at_first_and_expires_like_an_upload(open_api: MakeApi) -> None:
    api = open_api(api_version="2025-04-01-preview")
    file_id, status = api.import_from("a.jsonl", "http://127.0.0.1:9/a.jsonl?sig=secret")
    assert status == "pending"
    until(lambda: api.file_status(file_id) == "error")
    assert api._client.files.retrieve(file_id).expires_at is not None
    assert api.file_complaint(file_id).startswith("fileImportFailed")
    assert [found[0] for found in api.files_named("a.jsonl")] == [file_id]


@pytest.mark.parametrize("status", [404, 405])
def test_a_service_without_imports_is_remembered(
    open_api: MakeApi, service: RunningService, status: int
) -> None:
    api = open_api(api_version="2025-04-01-preview")
    service.plan(calls=[{"operation": "import", "status": status}])
    assert api.imports.unsupported is None
    with pytest.raises(UnsupportedError) as caught:
        api.import_from("a.jsonl", "http://127.0.0.1:9/a.jsonl?sig=secret")
    assert "secret" not in str(caught.value)
    assert api.imports.unsupported


def test_a_signature_that_the_service_repeats_is_not_passed_on(
    open_api: MakeApi, service: RunningService
) -> None:
    told = "Cannot read 'https://a.blob.core.windows.net/work/x%20y.jsonl?sv=1&sig=secret', sorry."
    service.plan(calls=[{"operation": "import", "status": 400, "message": told}])
    with pytest.raises(RefusedError) as caught:
        open_api(api_version="2025-04-01-preview").import_from("a.jsonl", "http://127.0.0.1:9/?sig=secret")
    assert str(caught.value).endswith("'https://a.blob.core.windows.net/work/x%20y.jsonl?...', sorry.")


# --- listings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("style", ["plain", "has_more", "whole"])
def test_files_are_found_by_name_in_any_style_of_listing_and_the_search_ends(style: str) -> None:
    with running(speed=20_000, files_list=style, file_pending_seconds=0) as service:
        from adapters.openai.batch_api import open_batch_api  # noqa: PLC0415 - beside the service it belongs to

        api = open_batch_api(
            endpoint=service.url,
            api_version="v1",
            api_key=service.key,
            scope="",
            completion_window="24h",
            expiry_days=14,
        )
        ids = {name: upload(api, name) for name in ("x-1.jsonl", "x-10.jsonl", "y-1.jsonl")}
        assert {found[0] for found in api.files_named("x-1")} == {ids["x-1.jsonl"], ids["x-10.jsonl"]}
        assert list(api.files_named("x-1.jsonl")) == [(ids["x-1.jsonl"], "processed", "x-1.jsonl")]
        assert list(api.files_named("z")) == []
        assert service.counters()["calls"]["list_files"]["total"] <= 9
        api.close()


def test_batches_are_listed_over_pages_each_of_them_once(api: BatchApi, service: RunningService) -> None:
    file_id = upload(api, count=1)
    made = {api.create(file_id, ENDPOINT, {}).batch.batch_id for _ in range(103)}
    listed = [batch.batch_id for batch in api.batches()]
    assert set(listed) == made
    assert len(listed) == len(made)
    assert service.counters()["calls"]["list_batches"]["total"] == 2
    assert len(list(api.batches(pages=1))) == 100


# --- whose errors they are -------------------------------------------------------------------------------------------


class Known:
    """A file and a batch that the service knows, and the calls about them."""

    def __init__(self, api: BatchApi) -> None:
        self.api, self.file_id = api, upload(api)
        self.batch_id = api.create(self.file_id, ENDPOINT, {}).batch.batch_id
        api._client.max_retries = 0

    def call(self, operation: str) -> object:
        api = self.api
        calls: dict[str, Callable[[], object]] = {
            "upload": lambda: api.upload("a.jsonl", BytesIO(content())),
            "import": lambda: api.import_from("a.jsonl", "http://127.0.0.1:9/a.jsonl?sig=secret"),
            "create_batch": lambda: api.create(self.file_id, ENDPOINT, {}),
            "get_file": lambda: api.file_status(self.file_id),
            "get_batch": lambda: api.batch(self.batch_id),
            "list_batches": lambda: list(api.batches()),
            "list_files": lambda: list(api.files_named("")),
            "content": lambda: list(api.content(self.file_id)),
            "delete_file": lambda: api.delete_file(self.file_id),
            "cancel_batch": lambda: api.cancel(self.batch_id),
        }
        return calls[operation]()


@pytest.fixture
def known(open_api: MakeApi) -> Known:
    return Known(open_api(api_version="2025-04-01-preview"))


EFFECTS = ["upload", "import", "create_batch"]
LOOKS = ["get_file", "get_batch", "list_batches", "list_files", "content", "delete_file"]


@pytest.mark.parametrize("operation", EFFECTS)
@pytest.mark.parametrize(
    "how",
    [
        {"status": 500},
        {"status": 502},
        {"status": 504},
        {"status": 408},
        {"connection": "reset"},
        {"connection": "lost"},
    ],
)
def test_an_effect_without_an_answer_is_in_doubt_and_never_repeated_by_the_sdk(
    known: Known, service: RunningService, operation: str, how: dict[str, Any]
) -> None:
    service.plan(calls=[{"operation": operation, **how}])
    with pytest.raises(LostAnswerError) as caught:
        known.call(operation)
    assert 0 < caught.value.doubt_seconds <= LostAnswerError.longest_doubt_seconds
    outcome = how.get("connection", str(how.get("status")))
    assert service.counters()["calls"][operation][outcome] == 1


@pytest.mark.parametrize("operation", LOOKS)
@pytest.mark.parametrize("how", [{"status": 500}, {"status": 429}, {"connection": "reset"}])
def test_a_look_that_fails_passes_by_itself(
    known: Known, service: RunningService, operation: str, how: dict[str, Any]
) -> None:
    service.plan(calls=[{"operation": operation, "retry_after": "0.01", **how}])
    with pytest.raises(PassingError) as caught:
        known.call(operation)
    assert not isinstance(caught.value, LostAnswerError)


@pytest.mark.parametrize(
    ("operation", "refusal", "ours"),
    [
        ("upload", (429, ""), PassingError),
        ("create_batch", (429, ""), PassingError),
        ("create_batch", (409, ""), PassingError),
        ("upload", (400, "quotaExceeded"), QuotaFullError),
        ("create_batch", (400, "token_limit_exceeded"), QuotaFullError),
        ("create_batch", (429, "token_limit_exceeded"), QuotaFullError),
        ("create_batch", (400, "model_not_found"), ConfigurationError),
        ("create_batch", (404, "DeploymentNotFound"), ConfigurationError),
        ("create_batch", (404, "404"), ConfigurationError),
        ("upload", (404, "404"), ConfigurationError),
        ("upload", (400, "OperationNotSupported"), ConfigurationError),
        ("import", (400, "quotaExceeded"), QuotaFullError),
        ("import", (400, "invalidPayload"), RefusedError),
        ("import", (403, ""), ConfigurationError),
        ("import", (429, ""), PassingError),
        ("upload", (401, "PermissionDenied"), ConfigurationError),
        ("get_batch", (403, ""), ConfigurationError),
        ("list_batches", (401, ""), ConfigurationError),
        ("create_batch", (400, "empty_file"), RefusedError),
        ("upload", (413, ""), RefusedError),
        ("get_file", (400, ""), RefusedError),
        ("get_file", (404, ""), NotFoundError),
        ("get_batch", (404, ""), NotFoundError),
        ("content", (404, ""), NotFoundError),
        ("content", (410, ""), RefusedError),
        ("cancel_batch", (409, ""), RefusedError),
        ("cancel_batch", (400, ""), RefusedError),
        ("cancel_batch", (404, ""), NotFoundError),
    ],
)
def test_every_refusal_becomes_the_error_that_says_what_to_do(
    known: Known, service: RunningService, operation: str, refusal: tuple[int, str], ours: type[PipelineError]
) -> None:
    status, code = refusal
    service.plan(calls=[{"operation": operation, "status": status, "code": code, "retry_after": "0.01"}])
    with pytest.raises(PipelineError) as caught:
        known.call(operation)
    assert type(caught.value) is ours
    assert "Planned fault" in str(caught.value)


def test_a_file_that_is_still_being_processed_is_waited_for() -> None:
    with running(speed=1, file_pending_seconds=600) as service:
        from adapters.openai.batch_api import open_batch_api  # noqa: PLC0415 - beside the service it belongs to

        api = open_batch_api(
            endpoint=service.url,
            api_version="v1",
            api_key=service.key,
            scope="",
            completion_window="24h",
            expiry_days=14,
        )
        file_id, status = api.upload("a.jsonl", BytesIO(content()))
        assert status == "pending"
        with pytest.raises(PassingError):
            api.create(file_id, ENDPOINT, {})
        api.close()


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("7", 7.0),
        ("0.5", 0.5),
        ("121", 121.0),
        ("1e9", 3600.0),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 3600.0),
        ("Fri, 01 Jan 1999 00:00:00 GMT", None),
        ("soon", None),
        ("-5", None),
        ("inf", None),
        ("nan", None),
        ("0", 0.0),
        ("", None),
    ],
)
def test_the_time_the_service_names_is_passed_on(
    known: Known, service: RunningService, retry_after: str, seconds: float | None
) -> None:
    service.plan(calls=[{"operation": "create_batch", "status": 429, "retry_after": retry_after}])
    with pytest.raises(PassingError) as caught:
        known.call("create_batch")
    assert caught.value.retry_after == seconds


def test_a_look_that_has_to_wait_long_is_not_slept_through(api: BatchApi, service: RunningService) -> None:
    """A worker that sleeps for the SDK could be doing something else."""
    service.plan(calls=[{"operation": "list_batches", "status": 429, "retry_after": "60"}])
    with pytest.raises(PassingError) as caught:
        list(api.batches())
    assert caught.value.retry_after == 60.0
    assert service.counters()["calls"]["list_batches"] == {"429": 1, "total": 1}


def test_a_quota_that_is_full_is_back_pressure(api: BatchApi, service: RunningService) -> None:
    file_id = upload(api)
    service.plan(quota=[{"tries": 1}])
    with pytest.raises(QuotaFullError):
        api.create(file_id, ENDPOINT, {})
    assert api.create(file_id, ENDPOINT, {}).batch.batch_id


def test_a_deployment_that_does_not_exist_shows_in_the_reasons_of_the_batch(api: BatchApi) -> None:
    batch = api.create(upload(api, model="missing-deployment"), ENDPOINT, {}).batch
    (fault,) = ended(api, batch.batch_id).faults
    assert fault.code == "model_not_found"
    assert "missing-deployment" in fault.message


def test_a_wrong_key_is_a_matter_of_configuration_and_is_not_shown(open_api: MakeApi) -> None:
    with pytest.raises(ConfigurationError) as caught:
        list(open_api(key="hunter2").batches())
    assert "hunter2" not in str(caught.value)
    assert "Contributor" in str(caught.value)


def test_nobody_listening_passes_by_itself(open_api: MakeApi) -> None:
    api = open_api(endpoint="http://127.0.0.1:9")
    api._client.max_retries = 0
    with pytest.raises(PassingError):
        list(api.batches())


def test_results_that_break_off_in_the_middle_are_a_passing_fault(
    api: BatchApi, service: RunningService
) -> None:
    batch = ended(api, api.create(upload(api, count=200), ENDPOINT, {}).batch.batch_id)
    assert batch.output_file_id
    service.plan(calls=[{"operation": "content", "first": 1, "connection": "half"}])
    with pytest.raises(PassingError):
        list(api.content(batch.output_file_id))
    assert len(b"".join(api.content(batch.output_file_id)).splitlines()) == 200
