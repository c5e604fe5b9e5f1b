"""What comes out of an answer line, for each of the endpoints."""

import base64
import json
import struct
from typing import Any

import msgspec
import pytest

from domain.service.endpoints import ENDPOINTS, Task


def line(body: dict[str, Any]) -> bytes:
    return json.dumps(
        {"custom_id": "row-0", "response": {"status_code": 200, "body": body}, "error": None}
    ).encode()


def choice(content: Any, reason: str | None = "stop", **message: Any) -> dict[str, Any]:
    return {
        "index": 0,
        "finish_reason": reason,
        "message": {"role": "assistant", "content": content, **message},
    }


def output(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "reasoning", "summary": []}, {"type": "message", "content": list(parts)}]


@pytest.mark.parametrize(
    ("task", "body", "content", "reason"),
    [
        ("chat", {"choices": [choice("hi é\n")]}, "hi é\n", "stop"),
        ("chat", {"choices": [choice("cut", "length")]}, "cut", "length"),
        ("chat", {"choices": [choice("a"), choice("b")]}, ["a", "b"], "stop"),
        ("chat", {"choices": [choice(None, refusal="I will not.")]}, "I will not.", "stop"),
        ("chat", {"choices": [choice(None, None)]}, None, None),
        ("chat", {"choices": []}, None, None),
        (
            "responses",
            {"status": "completed", "output": output({"type": "output_text", "text": "hi"})},
            "hi",
            "completed",
        ),
        (
            "responses",
            {
                "status": "incomplete",
                "incomplete_details": {"reason": "max_output_tokens"},
                "output": output({"type": "output_text", "text": "a"}, {"type": "output_text", "text": "b"}),
            },
            "ab",
            "max_output_tokens",
        ),
        ("responses", {"output": output({"type": "refusal", "refusal": "No."})}, "No.", None),
        ("responses", {"output": []}, None, None),
        ("completions", {"choices": [{"text": " é\n", "finish_reason": "length"}]}, " é\n", "length"),
        ("completions", {"choices": [{"text": "a"}, {"text": "b", "index": 1}]}, ["a", "b"], None),
        ("completions", {"choices": [{"text": ""}]}, "", None),
        ("completions", {"choices": []}, None, None),
        ("embeddings", {"data": [{"index": 0, "embedding": [0.5, -1]}]}, [0.5, -1], None),
        (
            "embeddings",
            {"data": [{"embedding": base64.b64encode(struct.pack("<2f", 0.5, -1.0)).decode()}]},
            [0.5, -1.0],
            None,
        ),
        ("embeddings", {"data": []}, None, None),
    ],
)
def test_the_content_of_an_answer(task: Task, body: dict[str, Any], content: Any, reason: str | None) -> None:
    answer = ENDPOINTS[task].read_answer(line({**body, "usage": {"total_tokens": 3}}))
    assert json.loads(bytes(answer.content)) == content
    assert answer.finish_reason == reason
    assert json.loads(bytes(answer.usage)) == {"total_tokens": 3}


def test_an_answer_may_say_nothing_of_its_usage() -> None:
    assert bytes(ENDPOINTS["chat"].read_answer(line({"choices": [choice("hi")]})).usage) == b"null"


def test_a_body_of_another_kind_is_told() -> None:
    with pytest.raises(msgspec.ValidationError):
        ENDPOINTS["chat"].read_answer(line({"choices": "none"}))
