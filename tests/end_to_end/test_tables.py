"""Tables on a running host: chat by batches, embeddings by live calls, and a job spec that is mended while files wait for it."""

import io
import json
from typing import Any

import pandas as pd
import pytest

from tests.end_to_end.conftest import MakePipeline
from tests.end_to_end.pipeline import Pipeline

ROWS = 5
TABLE = pd.DataFrame({"id": range(ROWS), "text": [f"Text of row {number}." for number in range(ROWS)]})
CHAT = b'messages: [{role: user, content: "{{ text }}"}]\noutput: {columns: [id]}\n'
EMBEDDINGS = b'endpoint: embeddings\ndeployment: embedder\ninput: "{{ text }}"\noutput: {format: parquet}\n'
BROKEN = b"messages: [{role: usr}]\n"


@pytest.fixture(scope="module")
def pipeline(make_pipeline: MakePipeline) -> Pipeline:
    return make_pipeline()


def records(pipeline: Pipeline, folder: str) -> list[dict[str, Any]]:
    (content,) = (
        content
        for name, content in pipeline.containers.read("processed").items()
        if name.startswith(f"{folder}/") and "_output." in name
    )
    if content.startswith(b"PAR1"):
        return [dict(record) for record in pd.read_parquet(io.BytesIO(content)).to_dict("records")]
    return [json.loads(line) for line in content.splitlines()]


def waiting(pipeline: Pipeline) -> set[str]:
    return {entry["file"] for entry in pipeline.host.get("/api/files").json()["waiting"]}


def test_tables_are_answered_and_one_waits_until_its_job_spec_is_mended(pipeline: Pipeline) -> None:
    drop = pipeline.containers.drop
    drop("sick/_batch.yaml", BROKEN)
    drop("sick/table.csv", TABLE.to_csv(index=False).encode())
    drop("chat/_batch.yaml", CHAT)
    drop("chat/table.csv", TABLE.to_csv(index=False).encode())
    drop("vectors/_batch.yaml", EMBEDDINGS)
    drop("vectors/table.parquet", TABLE.to_parquet(index=False))
    specs = {"sick/_batch.yaml", "chat/_batch.yaml", "vectors/_batch.yaml"}
    pipeline.wait_until(lambda: pipeline.containers.waiting() == specs | {"sick/table.csv"})
    pipeline.wait_until(lambda: waiting(pipeline) == {"sick/table.csv"})
    pipeline.wait_until(lambda: "sick/_batch.yaml_error.json" in pipeline.containers.read("error"))

    drop("sick/_batch.yaml", CHAT)
    pipeline.wait_until(lambda: pipeline.containers.waiting() == specs)
    pipeline.wait_until(lambda: not pipeline.containers.notes())

    for folder in ("sick", "chat"):
        assert [(record["row"], record["id"]) for record in records(pipeline, folder)] == [
            (number, str(number)) for number in range(ROWS)
        ]
    vectors = records(pipeline, "vectors")
    assert [record["row"] for record in vectors] == list(range(ROWS))
    assert {len(record["embeddings"]) for record in vectors} == {1536}
    assert "sick/_batch.yaml_error.json" not in pipeline.containers.read("error")
    assert waiting(pipeline) == set()
    counters = pipeline.service.counters()
    assert counters["batches_created"] == 2
    assert not any(counters["files"].values())
