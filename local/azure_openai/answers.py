"""The model's part: answers that follow from the request alone, so that anyone can compute them again."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from typing import Any, Literal

import msgspec

from local.azure_openai import json_schema

CHAT_MODEL = "gpt-4o-mini-2024-07-18"
COMPLETION_MODEL = "gpt-35-turbo-instruct"
EMBEDDING_DIMENSIONS = 1536
CHARACTERS_PER_TOKEN = 4

FinishReason = Literal["stop", "length", "content_filter"]

_CATEGORIES = (
    "billing",
    "delivery",
    "account access",
    "product fault",
    "feature request",
    "general question",
)
_PRIORITIES = ("low", "normal", "high", "urgent")
_SAFE = {"filtered": False, "severity": "safe"}
_HARMS = ("hate", "self_harm", "sexual", "violence")
_COMPLETION_FILTER = dict.fromkeys(_HARMS, _SAFE)
_PROMPT_FILTER = {**_COMPLETION_FILTER, "jailbreak": {"filtered": False, "detected": False}}


def tokens_in(text: str) -> int:
    """The simulator's token count: a token per four characters, at least one."""
    return max(1, len(text) // CHARACTERS_PER_TOKEN)


def request_text(body: dict[str, Any]) -> str:
    """What was asked: the last user message of a chat, the last input or prompt of another request."""
    if "messages" in body:
        users = [m for m in body["messages"] if isinstance(m, dict) and m.get("role") == "user"]
        return _content_text(users[-1].get("content")) if users else ""
    return _content_text(body.get("prompt") or body.get("input", ""))


def answer_text(body: dict[str, Any]) -> str:
    """The answer to a request for text: fits the JSON schema if one is asked for, else two short sentences."""
    text = request_text(body)
    digest = hashlib.sha256(f"{body.get('model', '')}\n{text}".encode()).hexdigest()
    asked = body.get("response_format") or (body.get("text") or {}).get("format") or {}
    if asked.get("type") == "json_schema":
        schema = asked.get("json_schema", asked).get("schema", {})
        return msgspec.json.encode(json_schema.instance(schema, digest)).decode()
    opening = " ".join(text.split()[:12])
    category = _CATEGORIES[int(digest[:4], 16) % len(_CATEGORIES)]
    priority = _PRIORITIES[int(digest[4:8], 16) % len(_PRIORITIES)]
    if asked.get("type") == "json_object":
        found = {"category": category, "priority": priority, "about": opening, "reference": digest[:8]}
        return msgspec.json.encode(found).decode()
    return f"This is about {category}, {priority} priority: {opening!r}. Reference {digest[:8]}."


def chat_completion(
    body: dict[str, Any], *, created: float, finish_reason: FinishReason = "stop"
) -> dict[str, Any]:
    """A chat completion object with Azure's content filter blocks."""
    content = _cut(answer_text(body), finish_reason)
    prompt_tokens = sum(tokens_in(_content_text(m.get("content"))) for m in body.get("messages", ()))
    completion_tokens = tokens_in(content)
    return {
        "id": f"chatcmpl-{_id(body, 29)}",
        "object": "chat.completion",
        "created": int(created),
        "model": CHAT_MODEL,
        "choices": [
            {
                "index": 0,
                "finish_reason": finish_reason,
                "logprobs": None,
                "message": {"role": "assistant", "content": content, "refusal": None},
                "content_filter_results": _COMPLETION_FILTER,
            }
        ],
        "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": _PROMPT_FILTER}],
        "system_fingerprint": "fp_local",
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


def text_completion(body: dict[str, Any], *, created: float) -> dict[str, Any]:
    """A legacy completion object; a choice per prompt."""
    prompts = inputs(body, "prompt")
    texts = [answer_text({**body, "prompt": prompt}) for prompt in prompts]
    prompt_tokens, completion_tokens = sum(map(tokens_in, prompts)), sum(map(tokens_in, texts))
    return {
        "id": f"cmpl-{_id(body, 29)}",
        "object": "text_completion",
        "created": int(created),
        "model": COMPLETION_MODEL,
        "choices": [
            {
                "index": index,
                "finish_reason": "stop",
                "logprobs": None,
                "text": text,
                "content_filter_results": _COMPLETION_FILTER,
            }
            for index, text in enumerate(texts)
        ],
        "prompt_filter_results": [
            {"prompt_index": index, "content_filter_results": _PROMPT_FILTER} for index in range(len(prompts))
        ],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    }


def response_object(
    body: dict[str, Any], *, created: float, finish_reason: FinishReason = "stop"
) -> dict[str, Any]:
    """A Response object; one that was cut off has the status `incomplete` and says why."""
    content = _cut(answer_text(body), finish_reason)
    input_tokens, output_tokens = tokens_in(request_text(body)), tokens_in(content)
    reasons = {
        "stop": None,
        "length": {"reason": "max_output_tokens"},
        "content_filter": {"reason": "content_filter"},
    }
    status = "completed" if finish_reason == "stop" else "incomplete"
    return {
        "id": f"resp_{_id(body, 48)}",
        "object": "response",
        "created_at": float(int(created)),
        "status": status,
        "background": False,
        "content_filters": [
            {"blocked": False, "source_type": "prompt", "content_filter_results": _PROMPT_FILTER}
        ],
        "error": None,
        "incomplete_details": reasons[finish_reason],
        "instructions": body.get("instructions"),
        "metadata": {},
        "model": body.get("model", ""),
        "output": [
            {
                "id": f"msg_{_id(body, 48)}",
                "type": "message",
                "status": status,
                "role": "assistant",
                "content": [{"type": "output_text", "text": content, "annotations": []}],
            }
        ],
        "parallel_tool_calls": True,
        "store": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": input_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": input_tokens + output_tokens,
        },
    }


def embedding(text: str, dimensions: int = EMBEDDING_DIMENSIONS) -> list[float]:
    """A vector of length 1 that only depends on the text and the dimensions."""
    raw = hashlib.shake_256(text.encode()).digest(2 * dimensions)
    numbers = struct.unpack(f"<{dimensions}h", raw)
    length = math.sqrt(sum(number * number for number in numbers)) or 1.0
    return [number / length for number in numbers]


def embeddings(body: dict[str, Any]) -> dict[str, Any]:
    """An embeddings list; a vector per input, as floats or base64 of little-endian 32-bit floats."""
    texts = inputs(body, "input")
    dimensions = body.get("dimensions") or EMBEDDING_DIMENSIONS
    data = []
    for index, text in enumerate(texts):
        vector: Any = embedding(text, dimensions)
        if body.get("encoding_format") == "base64":
            vector = base64.b64encode(struct.pack(f"<{dimensions}f", *vector)).decode()
        data.append({"object": "embedding", "index": index, "embedding": vector})
    tokens = sum(map(tokens_in, texts))
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": body.get("model", ""), "usage": usage}


def inputs(body: dict[str, Any], key: str) -> list[str]:
    """The texts that a body asks about under a key, one by one; token arrays are written as JSON."""
    given = body.get(key, "")
    if isinstance(given, str):
        return [given]
    if given and isinstance(given[0], int):
        return [msgspec.json.encode(given).decode()]
    return [item if isinstance(item, str) else msgspec.json.encode(item).decode() for item in given]


def _content_text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not content:
        return ""
    if isinstance(content[0], dict) and "content" in content[0]:  # items of a responses request
        return _content_text(content[-1].get("content"))
    parts = [part.get("text", "") if isinstance(part, dict) else str(part) for part in content]
    return "\n".join(part for part in parts if part)


def _cut(text: str, finish_reason: FinishReason) -> str:
    if finish_reason == "content_filter":
        return ""
    return text[: len(text) // 2] if finish_reason == "length" else text


def _id(body: dict[str, Any], length: int) -> str:
    return hashlib.sha256(msgspec.json.encode(body)).hexdigest()[:length]
