"""Small steps that every test of the local service takes: make rows, hand them in, wait for the end, read the files."""

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

import openai
from openai import OpenAI
from openai.types import Batch, FileObject

from local.azure_openai import RunningService

TERMINAL = frozenset({"completed", "failed", "expired", "cancelled"})
FORTNIGHT = {"expires_after": {"anchor": "created_at", "seconds": 1_209_600}}
PATIENCE_SECONDS = 30.0


def v1_client(service: RunningService, **options: Any) -> OpenAI:
    return OpenAI(base_url=f"{service.url}/openai/v1/", api_key=service.key, **{"max_retries": 0, **options})


def dated_client(service: RunningService, api_version: str = "2025-04-01-preview") -> openai.AzureOpenAI:
    return openai.AzureOpenAI(
        azure_endpoint=service.url, api_version=api_version, api_key=service.key, max_retries=0
    )


def chat_row(custom_id: str, text: str = "my parcel never arrived", **body: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": "Triage."}, {"role": "user", "content": text}]
    whole = {"model": "gpt-4o-batch", "messages": messages, **body}
    return {"custom_id": custom_id, "method": "POST", "url": "/chat/completions", "body": whole}


def responses_row(custom_id: str, text: str = "my parcel never arrived", **body: Any) -> dict[str, Any]:
    whole = {"model": "gpt-4o-batch", "input": text, **body}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/responses", "body": whole}


def jsonl(rows: Iterable[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def chat_rows(count: int) -> bytes:
    return jsonl(chat_row(f"row-{number}", f"parcel {number} never arrived") for number in range(count))


def upload(client: OpenAI, content: bytes, filename: str = "work.jsonl") -> FileObject:
    file = client.files.create(file=(filename, content), purpose="batch", extra_body=FORTNIGHT)
    return client.files.wait_for_processing(file.id, poll_interval=0.01)


def create(client: OpenAI, input_file_id: str, **options: Any) -> Batch:
    order: dict[str, Any] = {"endpoint": "/chat/completions", "completion_window": "24h", **options}
    return client.batches.create(input_file_id=input_file_id, **order)


def submit(client: OpenAI, content: bytes, filename: str = "work.jsonl", **options: Any) -> Batch:
    return create(client, upload(client, content, filename).id, **options)


def until(client: OpenAI, batch: Batch, is_reached: Callable[[Batch], bool]) -> Batch:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_reached(batch):
        assert time.monotonic() < deadline, f"still {batch.status}"
        time.sleep(0.01)
        batch = client.batches.retrieve(batch.id)
    return batch


def ended(client: OpenAI, batch: Batch) -> Batch:
    return until(client, batch, lambda seen: seen.status in TERMINAL)


def run(client: OpenAI, content: bytes, filename: str = "work.jsonl", **options: Any) -> Batch:
    return ended(client, submit(client, content, filename, **options))


def lines(client: OpenAI, file_id: str | None) -> list[dict[str, Any]]:
    assert file_id
    content = client.files.content(file_id).read()
    return [json.loads(line) for line in content.split(b"\n") if line]


def codes(batch: Batch) -> list[str | None]:
    assert batch.errors
    assert batch.errors.data
    return [error.code for error in batch.errors.data]
