"""What comes out of an answer line, for each of the endpoints."""

import base64
import json
import struct
from typing import Any

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
        ("responses", {"output": [{"type": "message", "content": "as a text"}]}, "as a text", None),
        ("responses", {"output_text": "told beside", "output": []}, "told beside", None),
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


@pytest.mark.parametrize("task", ENDPOINTS)
@pytest.mark.parametrize("body", [{"choices": "none", "output": 3, "data": {}}, {}, "text", None, [1], 7])
def test_a_body_of_another_kind_is_no_answer_and_no_exception(task: Task, body: Any) -> None:
    answer = ENDPOINTS[task].read_answer(line(body))
    assert json.loads(bytes(answer.content)) is None
    kept = [json.loads(bytes(value)) for value in answer.more.values()]
    assert body is None or body in kept or kept == [[f"unexpected: {json.dumps(body)}"]]


def test_a_body_that_was_written_as_a_text_is_read_as_what_it_says() -> None:
    answer = ENDPOINTS["chat"].read_answer(line(json.dumps({"choices": [choice("hi")]})))  # type: ignore[arg-type]
    assert json.loads(bytes(answer.content)) == "hi"


@pytest.mark.parametrize(
    ("task", "body", "column"),
    [
        ("chat", {"choices": [choice(None, tool_calls=[{"id": "c"}])]}, "message"),
        ("chat", {"choices": [choice("a", reasoning_content="b")]}, "message"),
        ("chat", {"choices": [choice([{"type": "text", "text": "a"}])]}, "message"),
        ("chat", {"choices": [choice(None, refusal="No.")]}, "message"),
        ("chat", {"choices": [choice("a"), choice("b", audio={"id": "x"})]}, "message"),
        ("chat", {"choices": [{**choice("a"), "logprobs": {"content": []}}]}, "logprobs"),
        ("completions", {"choices": [{"text": "a", "logprobs": {"tokens": ["a"]}}]}, "logprobs"),
        ("responses", {"output": [{"type": "image_generation_call", "result": "aGk="}]}, "output"),
        ("responses", {"output": output({"type": "output_text", "text": "a", "logprobs": [1]})}, "output"),
        ("responses", {"output": output({"type": "refusal", "refusal": "No."})}, "output"),
        ("responses", {"output": [{"type": "message", "content": ["of another kind"]}]}, "output"),
    ],
)
def test_what_is_more_than_text_is_given_as_it_came(task: Task, body: dict[str, Any], column: str) -> None:
    answer = ENDPOINTS[task].read_answer(line(body))
    assert list(answer.more) == [column]
    assert json.loads(bytes(answer.more[column]))


@pytest.mark.parametrize(
    ("task", "body"),
    [
        ("chat", {"choices": [choice("a", refusal=None, annotations=[], audio=None, tool_calls=None)]}),
        ("chat", {"choices": [choice("a"), choice("b")]}),
        ("responses", {"output": output({"type": "output_text", "text": "a", "annotations": []})}),
        ("embeddings", {"data": [{"embedding": [1]}]}),
    ],
)
def test_text_alone_needs_no_column_beside_it(task: Task, body: dict[str, Any]) -> None:
    assert not ENDPOINTS[task].read_answer(line(body)).more


def test_choices_come_in_the_order_of_their_numbers() -> None:
    body = {"choices": [choice("second", "length") | {"index": 1}, choice("first")]}
    answer = ENDPOINTS["chat"].read_answer(line(body))
    assert json.loads(bytes(answer.content)) == ["first", "second"]
    assert answer.finish_reason == "stop, length"


def test_thoughts_are_no_part_of_the_answer() -> None:
    thought = {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "secret"}]}
    answer = ENDPOINTS["responses"].read_answer(
        line({"output": [thought, *output({"type": "output_text", "text": "open"})]})
    )
    assert json.loads(bytes(answer.content)) == "open"
    assert json.loads(bytes(answer.more["output"]))[0] == thought
