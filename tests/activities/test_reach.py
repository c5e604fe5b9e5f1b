"""How far a refusal reaches: what one deployment answers to one operation stops that, and nothing beside it."""

import json
from typing import Any

import pytest

from domain.service.reach import reaches_to
from local.azure_openai import RunningService
from local.azurite import Azurite
from local.fault_proxies import storage as storage_proxy
from tests.activities.conftest import MakePipeline
from tests.activities.request_files import requests

CHAT, EMBEDDINGS, RESPONSES = "/chat/completions", "/v1/embeddings", "/v1/responses"


def line(custom_id: str, url: str, model: str) -> bytes:

    body = {"model": model, "input": "a text"}
    return json.dumps({"custom_id": custom_id, "method": "POST", "url": url, "body": body}).encode() + b"\n"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, ""),
        (404, "DeploymentNotFound"),
        (400, "OperationNotSupported"),
        (401, ""),
        (403, "PermissionDenied"),
    ],
)
def test_whatever_live_calls_are_refused_stops_no_batch_of_the_same_deployment(
    make_pipeline: MakePipeline, service: RunningService, status: int, code: str
) -> None:
    service.plan(calls=[{"operation": "live", "status": status, "code": code}])
    pipeline = make_pipeline()
    pipeline.drop("live.jsonl", line("a", EMBEDDINGS, "gpt"))
    pipeline.drop("batch.jsonl", requests(["b"]))
    flow = pipeline.begin()
    pipeline.live(flow, until=lambda: flow.totals.done == 1)
    assert set(flow.pauses.by_model) == {f"live gpt {EMBEDDINGS}"}


@pytest.mark.parametrize(
    ("refused", "everything_refused", "reach"),
    [
        ({"status": 404, "code": "DeploymentNotFound"}, False, "gpt"),
        ({"status": 400, "code": "OperationNotSupported"}, False, f"gpt {CHAT}"),
        ({"status": 404}, False, f"gpt {CHAT}"),
        ({"status": 403}, False, f"gpt {CHAT}"),
        ({"status": 401}, False, f"gpt {CHAT}"),
        ({"status": 403}, True, "*"),
        ({"status": 401}, True, "*"),
    ],
)
def test_a_refused_batch_stops_what_the_refusal_is_about(
    make_pipeline: MakePipeline,
    service: RunningService,
    refused: dict[str, Any],
    everything_refused: bool,
    reach: str,
) -> None:
    calls = [{"operation": "create_batch", **refused}]
    if everything_refused:
        calls.append({"operation": "list_batches", **refused})
    service.plan(calls=calls)
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", requests(["a"]))
    flow = pipeline.begin()
    pipeline.live(flow, until=lambda: bool(flow.pauses.by_model))
    assert set(flow.pauses.by_model) == {reach}
    held = {url: reach in reaches_to("batch", "gpt", url) for url in (CHAT, RESPONSES)}
    assert held == {CHAT: True, RESPONSES: reach in ("gpt", "*")}


def test_a_refused_upload_is_every_batchs(make_pipeline: MakePipeline, service: RunningService) -> None:
    service.plan(calls=[{"operation": "upload", "status": 404}])
    pipeline = make_pipeline()
    pipeline.drop("a.jsonl", requests(["a"]))
    flow = pipeline.begin()
    pipeline.live(flow, until=lambda: bool(flow.pauses.by_model))
    assert set(flow.pauses.by_model) == {"*"}


@pytest.mark.parametrize("code", ["AuthorizationPermissionMismatch", "ContainerNotFound"])
def test_what_storage_refuses_while_a_shard_is_submitted_is_that_shards_affair(
    make_pipeline: MakePipeline, azurite: Azurite, code: str
) -> None:
    with storage_proxy.running(azurite) as proxy:
        pipeline = make_pipeline(DATA=proxy.connection_string)
        pipeline.drop("a.jsonl", requests(["a"]))
        pipeline.drop("b.jsonl", requests(["b"]))
        proxy.fault = storage_proxy.Fault("write work/ledger", code, times=1)
        flow = pipeline.begin()
        paused: set[str] = set()
        pipeline.live(flow, look=lambda: paused.update(flow.pauses.by_model))
        assert (proxy.fault.met, flow.totals.done, paused) == (1, 2, set())
