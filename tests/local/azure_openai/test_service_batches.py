"""Batches of the local service: validation, listing, quota, every ending and every shape of an answer."""

from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai import OpenAI

from local.azure_openai import RunningService, running
from local.azure_openai.batches import BatchOrder, BatchStore
from local.azure_openai.settings import Settings
from tests.local.azure_openai.batch_work import (
    TERMINAL,
    chat_row,
    chat_rows,
    codes,
    create,
    dated_client,
    ended,
    jsonl,
    lines,
    responses_row,
    run,
    submit,
    until,
    upload,
    v1_client,
)

GOOD = jsonl([chat_row("a")])


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"", "empty_file", None),
        (b"\n \n", "empty_file", None),
        (GOOD + b"{not json}\n", "invalid_json_line", 2),
        (GOOD + b'{"custom_id": "b"', "invalid_json_line", 2),
        (GOOD + b"\n" + jsonl([chat_row("b")]), "invalid_json_line", 2),
        (
            b'{"custom_id": 1, "method": "POST", "url": "/chat/completions", "body": {}}\n',
            "invalid_request",
            1,
        ),
        (jsonl([{**chat_row("a"), "method": "GET"}]), "invalid_request", 1),
        (jsonl([{**chat_row("a"), "url": "/v1/embeddings"}]), "url_mismatch", 1),
        (jsonl([chat_row("a"), responses_row("b")]), "url_mismatch", 2),
        (jsonl([chat_row("a", model="missing-model")]), "model_not_found", None),
        (jsonl([chat_row("a"), chat_row("b", model="other")]), "model_mismatch", 2),
        (jsonl([chat_row("a"), chat_row("a")]), "duplicate_custom_id", 2),
        (jsonl([chat_row("a", model=None)]), "invalid_request", 1),
    ],
)
def test_a_bad_file_fails_validation_and_names_the_line(
    client: OpenAI, content: bytes, code: str, line: int | None
) -> None:
    batch = run(client, content)
    assert batch.status == "failed"
    assert batch.failed_at
    assert batch.output_file_id is None
    assert batch.error_file_id is None
    assert codes(batch) == [code]
    assert batch.errors
    assert batch.errors.data
    assert batch.errors.data[0].line == line


def test_a_byte_order_mark_gets_the_message_about_the_deployment(client: OpenAI) -> None:
    batch = run(client, b"\xef\xbb\xbf" + GOOD)
    assert batch.status == "failed"
    assert batch.errors
    assert batch.errors.data
    assert "A valid model deployment name couldn't be extracted" in str(batch.errors.data[0].message)


def test_blank_lines_at_the_end_are_tolerated(client: OpenAI) -> None:
    assert run(client, GOOD + b"\n\n").status == "completed"


def test_a_window_other_than_24h_fails(client: OpenAI) -> None:
    assert codes(run(client, GOOD, completion_window="1h")) == ["invalid_request"]


def test_only_so_many_requests_and_only_known_deployments() -> None:
    settings: dict[str, Any] = {
        "requests_per_file": 2,
        "deployments": "gpt-4o-batch",
        "batch_embeddings": True,
    }
    with running(speed=4000, **settings) as service, v1_client(service) as client:
        assert codes(run(client, chat_rows(3))) == ["too_many_tasks"]
        assert run(client, chat_rows(2)).status == "completed"
        unknown = run(client, jsonl([chat_row("a", model="gpt-5")]))
        assert codes(unknown) == ["model_not_found"]
        assert "Valid deployments are 'gpt-4o-batch'" in unknown.to_json()
        body = {"model": "gpt-4o-batch", "input": ["one", "two"]}
        row = {"custom_id": "e", "method": "POST", "url": "/v1/embeddings", "body": body}
        (line,) = lines(client, run(client, jsonl([row])).output_file_id)
        assert len(line["response"]["body"]["data"]) == 2


@pytest.mark.parametrize(
    "order",
    [
        {"input_file_id": None},
        {"input_file_id": "file-unknown"},
        {"metadata": {f"key{number}": "" for number in range(17)}},
        {"metadata": {"key": 1}},
        {"metadata": {"key": "x" * 513}},
        {"output_expires_after": {"anchor": "created_at", "seconds": 3600}},
        {"input_blob": "http://127.0.0.1/blob", "output_folder": {"url": "http://127.0.0.1/out"}},
    ],
)
def test_an_order_that_cannot_be_met_is_refused_at_once(
    client: OpenAI, service: RunningService, order: dict[str, Any]
) -> None:
    file = upload(client, GOOD)
    whole = {"input_file_id": file.id, "endpoint": "/chat/completions", "completion_window": "24h", **order}
    with pytest.raises(openai.APIStatusError) as refused:
        client.post("/batches", body=whole, cast_to=openai.types.Batch)
    assert refused.value.status_code in (400, 404)
    assert service.batches() == []


def test_a_batch_keeps_its_metadata_and_its_outputs_their_expiry(client: OpenAI) -> None:
    expiry = {"anchor": "created_at", "seconds": 1_209_600}
    batch = run(client, GOOD, metadata={"shard": "s-1"}, output_expires_after=expiry)
    assert batch.metadata == {"shard": "s-1"}
    output = client.files.retrieve(str(batch.output_file_id))
    assert output.purpose == "batch_output"
    assert output.expires_at == output.created_at + 1_209_600


def test_the_v1_prefix_of_a_chat_endpoint_is_dropped(client: OpenAI) -> None:
    assert submit(client, GOOD, endpoint="/v1/chat/completions").endpoint == "/chat/completions"
    responses = run(client, jsonl([responses_row("a")]), endpoint="/v1/responses")
    assert responses.endpoint == "/v1/responses"
    (line,) = lines(client, responses.output_file_id)
    body = line["response"]["body"]
    assert (body["object"], body["status"], body["model"]) == ("response", "completed", "gpt-4o-batch")
    assert body["usage"]["total_tokens"] == body["usage"]["input_tokens"] + body["usage"]["output_tokens"]


def test_batches_are_listed_newest_first_page_by_page(client: OpenAI) -> None:
    file = upload(client, GOOD)
    ids = [create(client, file.id).id for _ in range(5)][::-1]
    page = client.batches.list(limit=2)
    assert [batch.id for batch in page.data] == ids[:2]
    whole = page.to_dict()
    assert (whole["first_id"], whole["last_id"], whole["has_more"]) == (ids[0], ids[1], True)
    assert [batch.id for batch in client.batches.list(limit=2)] == ids
    with pytest.raises(openai.BadRequestError):
        client.batches.list(after="batch_unknown")
    with pytest.raises(openai.BadRequestError, match="limit"):
        client.batches.list(limit=101)


def test_preview_filters_are_refused_by_name(service: RunningService) -> None:
    with dated_client(service) as client:
        for name in ("$filter", "$orderby"):
            with pytest.raises(openai.BadRequestError, match=name.replace("$", r"\$")):
                client.batches.list(extra_query={name: "created_at asc"})


def test_a_cancelled_batch_leaves_partial_results() -> None:
    settings: dict[str, Any] = {
        "validating_seconds": 0,
        "duration_seconds": 2,
        "speed": 1,
        "cancelling_seconds": 0,
    }
    with running(file_pending_seconds=0, **settings) as service, v1_client(service) as client:
        batch = submit(client, chat_rows(100))
        until(
            client, batch, lambda seen: seen.request_counts is not None and seen.request_counts.completed > 0
        )
        cancelling = client.batches.cancel(batch.id)
        assert (cancelling.status, bool(cancelling.cancelling_at)) == ("cancelling", True)
        batch = ended(client, cancelling)
        assert batch.status == "cancelled"
        assert batch.request_counts
        assert 0 < batch.request_counts.completed < 100
        assert len(lines(client, batch.output_file_id)) == batch.request_counts.completed
        assert lines(client, batch.error_file_id) == []
        assert service.counters()["answers"]["requests_served"] == batch.request_counts.completed
        with pytest.raises(openai.ConflictError):
            client.batches.cancel(batch.id)


def test_a_batch_cancelled_while_validating_leaves_no_results(
    service: RunningService, client: OpenAI
) -> None:
    batch = submit(client, chat_rows(5))
    service.force(batch.id, "validating")
    assert client.batches.cancel(batch.id).status == "cancelling"
    assert client.batches.cancel(batch.id).status == "cancelling"
    batch = ended(client, batch)
    assert (batch.status, batch.output_file_id) == ("cancelled", None)


def test_enqueued_tokens_fail_fast_until_the_running_batch_ends() -> None:
    content = chat_rows(20)
    limit = len(content) // 4 * 3 // 2
    with running(speed=4000, enqueued_token_limit=limit) as service, v1_client(service) as client:
        file = upload(client, content)
        first = client.batches.with_raw_response.create(
            input_file_id=file.id,
            endpoint="/chat/completions",  # type: ignore[arg-type] # the SDK lists OpenAI's endpoints, Azure has its own
            completion_window="24h",
        )
        assert int(first.headers["deployment-enqueued-tokens"]) == len(content) // 4
        assert int(first.headers["deployment-maximum-enqueued-tokens"]) == limit
        service.force(first.parse().id, "in_progress")
        with pytest.raises(openai.BadRequestError) as full:
            create(client, file.id)
        assert isinstance(full.value.body, dict)
        (item,) = full.value.body["errors"]["data"]
        assert item["code"] == "token_limit_exceeded"
        assert "for the deployment 'gpt-4o-batch'" in item["message"]
        assert service.counters()["enqueued_tokens"] == {"gpt-4o-batch": len(content) // 4}
        service.force(first.parse().id, "completed")
        ended(client, first.parse())
        assert ended(client, create(client, file.id)).status == "completed"


def test_enqueued_tokens_may_fail_slowly() -> None:
    with (
        running(speed=4000, enqueued_token_limit=10, quota_mode="slow") as service,
        v1_client(service) as client,
    ):
        batch = submit(client, chat_rows(20))
        assert batch.status == "validating"
        assert codes(ended(client, batch)) == ["token_limit_exceeded"]


def test_a_batch_beyond_its_window_expires_with_what_is_finished() -> None:
    settings: dict[str, Any] = {"overrun": "expire", "window_seconds": 200, "validating_seconds": 0}
    with running(speed=400, duration_seconds=400, **settings) as service, v1_client(service) as client:
        batch = run(client, chat_rows(40))
        assert (batch.status, bool(batch.expired_at)) == ("expired", True)
        finished, unfinished = lines(client, batch.output_file_id), lines(client, batch.error_file_id)
        assert 0 < len(finished) < 40
        assert len(finished) + len(unfinished) == 40
        assert {line["error"]["code"] for line in unfinished} == {"batch_expired"}
        assert {line["response"] for line in unfinished} == {None}


def test_without_expiry_a_batch_runs_on_beyond_its_window() -> None:
    with running(speed=4000, window_seconds=1) as service, v1_client(service) as client:
        assert run(client, GOOD).status == "completed"


def test_heavy_tailed_durations_depend_on_seed_and_content_alone() -> None:
    def durations(seed: int) -> list[float]:
        settings = Settings(duration="lognormal", duration_seconds=100, duration_sigma=1.5, seed=seed)
        store = BatchStore(settings)
        order = BatchOrder(endpoint="/chat/completions", completion_window="24h")
        batches = [store.new(order) for _ in range(500)]
        for number, batch in enumerate(batches):
            batch.content = str(number)
        return sorted(map(store.duration_of, batches))

    assert durations(1) == durations(1) != durations(2)
    assert 70 < durations(1)[250] < 140
    assert durations(1)[-1] > 1000


@pytest.mark.parametrize(
    ("variant", "is_expected"),
    [
        ("empty", lambda client, found: client.files.content(found).read() == b""),
        ("null", lambda _, found: found is None),
        ("blank", lambda _, found: found == ""),
    ],
)
def test_an_error_file_without_errors_has_three_forms(
    client: OpenAI, service: RunningService, variant: str, is_expected: Callable[[OpenAI, Any], bool]
) -> None:
    service.plan(batches=[{"error_file": variant}])
    batch = run(client, GOOD)
    assert batch.status == "completed"
    assert is_expected(client, batch.error_file_id)


def test_a_batch_whose_rows_all_fail_has_no_output_file(client: OpenAI, service: RunningService) -> None:
    service.plan(rows=[{"effect": "error", "status": 400, "code": "content_filter"}])
    batch = run(client, chat_rows(3))
    assert (batch.status, batch.output_file_id) == ("completed", None)
    assert batch.request_counts
    assert batch.request_counts.failed == 3
    bodies = [line["response"]["body"]["error"] for line in lines(client, batch.error_file_id)]
    assert {body["code"] for body in bodies} == {"content_filter"}
    assert service.counters()["answers"]["requests_served"] == 0


def test_the_odd_shapes_seen_in_the_wild() -> None:
    settings: dict[str, Any] = {
        "batch_style": "iso",
        "batch_ids": "hex",
        "errors_style": "single",
        "created_status": 200,
        "error_file": "null",
        "empty_output": "blank",
        "cancel_refusal": 400,
    }
    with running(speed=4000, **settings) as service, v1_client(service) as client:
        batch = submit(client, GOOD)
        assert str(batch.status) == "Validating"
        assert len(batch.id) == len("batch_") + 32
        assert isinstance(batch.to_dict(mode="python", warnings=False)["created_at"], str)
        batch = until(client, batch, lambda seen: seen.status.lower() in TERMINAL)
        assert (batch.status, batch.error_file_id) == ("Completed", None)
        with pytest.raises(openai.BadRequestError):
            client.batches.cancel(batch.id)
        failed = until(client, submit(client, b"{}"), lambda seen: seen.status.lower() in TERMINAL)
        errors: dict[str, Any] = failed.model_dump(warnings=False)["errors"]
        assert errors["data"]["line"] == "1"  # one, not a list
        service.plan(rows=[{"effect": "error"}])
        empty = until(client, submit(client, GOOD), lambda seen: seen.status.lower() in TERMINAL)
        assert empty.output_file_id == ""


def test_a_new_batch_may_be_blank() -> None:
    with running(batch_style="blank", file_pending_seconds=0) as service, v1_client(service) as client:
        batch = submit(client, GOOD).to_dict()
    assert (batch["endpoint"], batch["output_file_id"], batch["error_file_id"]) == (None, "", "")
    assert batch["request_counts"] == {"total": None, "completed": None, "failed": None}
