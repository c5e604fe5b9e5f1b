"""Embeddings through the running app, as live calls, and a host that is killed in the middle of them."""

import json

import pytest

from domain.direct.throttle import WIDEST
from tests.end_to_end.conftest import MakePipeline
from tests.end_to_end.pipeline import Pipeline

ROWS = 400
KILLS = 3
SLOWLY = {"calls": [{"operation": "live", "delay_seconds": 0.1}]}


def embeddings(name: str, rows: int) -> bytes:
    bodies = [{"model": "emb", "input": f"Say {name}/{row}.", "dimensions": 8} for row in range(rows)]
    lines = [
        {"custom_id": f"{name}/{row}", "method": "POST", "url": "/v1/embeddings", "body": body}
        for row, body in enumerate(bodies)
    ]
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@pytest.fixture(scope="module")
def pipeline(make_pipeline: MakePipeline) -> Pipeline:
    return make_pipeline(plan=SLOWLY)


def answers_given(pipeline: Pipeline) -> int:
    return int(pipeline.service.counters()["live_answers"]["requests_served"])


def wait_for_answers(pipeline: Pipeline, number: int) -> None:
    pipeline.wait_until(lambda: answers_given(pipeline) > number)


def test_a_file_of_embeddings_comes_back_in_order(pipeline: Pipeline) -> None:
    pipeline.drop("vectors/small.jsonl", embeddings("small", 20))
    pipeline.wait_until_finished()
    delivery = pipeline.delivery("vectors/small.jsonl")
    assert delivery.answered == [f"small/{row}" for row in range(20)]
    assert (delivery.metadata["engine"], delivery.metadata["batches"]) == ("direct", [])
    assert answers_given(pipeline) == 20


def test_a_host_killed_again_and_again_pays_no_row_twice(pipeline: Pipeline) -> None:
    before = answers_given(pipeline)
    pipeline.drop("vectors/large.jsonl", embeddings("large", ROWS))
    for kill in range(1, KILLS + 1):
        wait_for_answers(pipeline, before + kill * ROWS // 8)
        pipeline.host.kill()
        pipeline.host.start()
    pipeline.wait_until_finished()

    delivery = pipeline.delivery("vectors/large.jsonl")
    counted = pipeline.service.counters()["live_answers"]
    assert counted["served_more_than_once"] == {}
    assert len(delivery.answered) + len(delivery.failed) == ROWS
    assert delivery.answered == sorted(delivery.answered, key=lambda name: int(name.split("/")[1]))
    assert set(delivery.failed.values()) <= {("missing", "lost_answer")}
    assert len(delivery.failed) <= KILLS * (WIDEST + WIDEST // 4)
    assert delivery.metadata["outcomes"]["ok"] == len(delivery.answered)
    assert pipeline.wrongs() == {}
    assert len(delivery.answered) <= counted["requests_served"] - before <= ROWS
