"""Each transport on a running host: everything is delivered, nothing is left, and the metadata say how it went."""

import pytest

from tests.end_to_end.conftest import MakePipeline
from tests.end_to_end.pipeline import requests


@pytest.mark.parametrize("transport", ["upload", "import", "blob", "auto"])
def test_a_transport_delivers(make_pipeline: MakePipeline, transport: str) -> None:
    rows = [{"custom_id": "x/a.jsonl/1", "first": 1, "effect": "error", "status": 429}]
    pipeline = make_pipeline(
        plan={"rows": rows},
        transport=transport,
        max_requests_per_shard="3",
        azure_openai_api_version="2025-04-01-preview",
    )
    for name in ("x/a.jsonl", "b.jsonl"):
        pipeline.drop(name, requests(name, 5 if name == "x/a.jsonl" else 2))

    pipeline.wait_until_finished()

    assert pipeline.wrongs() == {}
    expected = {"auto": "upload"}.get(transport, transport)  # small shards are uploaded
    for name, count in (("x/a.jsonl", 5), ("b.jsonl", 2)):
        delivery = pipeline.delivery(name)
        assert delivery.answered == [f"{name}/{row}" for row in range(count)]
        assert {batch["transport"] for batch in delivery.metadata["batches"]} == {expected}
    calls = pipeline.service.counters()["calls"]
    assert ("upload" in calls, "import" in calls) == (expected == "upload", expected == "import")
