"""Answers as services give them on a bad day, or to unusual wishes: by name, for rules with the effect `odd`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Body = dict[str, Any]

_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "open_ticket", "arguments": '{"street": "Mill Lane"}'},
}
_LOGPROBS = {"content": [{"token": "yes", "logprob": -0.25, "bytes": [121, 101, 115], "top_logprobs": []}]}
_CITATION = {"type": "url_citation", "url_citation": {"url": "https://example.org", "title": "Source"}}
_FILTERED = {"violence": {"filtered": True, "severity": "medium"}, "hate": {"filtered": False}}
_TEXT_PART = {"type": "output_text", "text": "found it", "annotations": []}


def _message(**parts: Any) -> Callable[[Body], Any]:
    return lambda body: {
        **body,
        "choices": [{**body["choices"][0], "message": {"role": "assistant", **parts}}],
    }


def _choice(**parts: Any) -> Callable[[Body], Any]:
    return lambda body: {**body, "choices": [{**body["choices"][0], **parts}]}


def _item(**parts: Any) -> Callable[[Body], Any]:
    return lambda body: {**body, "output": [*body["output"], {"id": "item_1", **parts}]}


def _part(**parts: Any) -> Callable[[Body], Any]:
    message = {"type": "message", "role": "assistant", "status": "completed", "content": [parts]}
    return lambda body: {**body, "output": [message]}


def _with(**parts: Any) -> Callable[[Body], Any]:
    return lambda body: {**body, **parts}


# Name -> what becomes of the body of a usual answer; the first ones are of chat completions.
BODIES: dict[str, Callable[[Body], Any]] = {
    "tool_calls": lambda body: _choice(finish_reason="tool_calls")(
        _message(content=None, tool_calls=[_CALL])(body)
    ),
    "refusal": _message(content=None, refusal="I cannot help with that."),
    "audio": _message(content=None, audio={"id": "audio_1", "data": "QUFBQQ==", "transcript": "hello"}),
    "annotations": _message(content="see [1]", annotations=[_CITATION]),
    "reasoning": _message(content="42", reasoning_content="thinking aloud"),
    "only_reasoning": _message(content=None, reasoning_content="thinking aloud"),
    "content_parts": _message(content=[{"type": "text", "text": "in "}, {"type": "text", "text": "parts"}]),
    "logprobs": _choice(logprobs=_LOGPROBS),
    "two_choices": lambda body: {
        **body,
        "choices": [
            {"index": 1, "finish_reason": "length", "message": {"role": "assistant", "content": "second"}},
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "first"}},
        ],
    },
    "filtered": lambda body: _choice(finish_reason="content_filter", content_filter_results=_FILTERED)(
        _message(content=None)(body)
    ),
    "partly_filtered": _choice(finish_reason="content_filter", content_filter_results=_FILTERED),
    "content_null": _message(content=None),
    "message_null": _choice(message=None),
    "choices_null": _with(choices=None),
    "choices_empty": _with(choices=[]),
    # of responses
    "function_call": lambda body: {
        **body,
        "output": [{"type": "function_call", "call_id": "c", "name": "open_ticket", "arguments": "{}"}],
    },
    "image": _item(type="image_generation_call", status="completed", result="iVBORw0KGgo="),
    "web_search": _item(type="web_search_call", status="completed", action={"type": "search", "query": "q"}),
    "mcp_call": _item(type="mcp_call", name="n", arguments="{}", output="told", content="a text"),
    "thoughts": _item(
        type="reasoning",
        summary=[{"type": "summary_text", "text": "in short"}],
        content=[{"type": "reasoning_text", "text": "thinking aloud"}],
    ),
    "empty_thoughts": _item(type="reasoning", summary=[]),
    "citation": _part(
        **{**_TEXT_PART, "annotations": [{"type": "url_citation", "url": "https://example.org"}]}
    ),
    "response_refusal": _part(type="refusal", refusal="I cannot help with that."),
    "response_failed": _with(
        status="failed", output=[], error={"code": "server_error", "message": "It broke."}
    ),
    "response_prompt_refused": _with(
        status="failed", output=[], error={"code": "invalid_prompt", "message": "Not this."}
    ),
    "response_queued": _with(status="queued", output=[]),
    "response_cut_at_once": _with(
        status="incomplete", incomplete_details={"reason": "max_output_tokens"}, output=[]
    ),
    # of any
    "body_null": lambda _: None,
    "body_empty": lambda _: {},
    "body_empty_text": lambda _: "",
    "body_text": lambda _: "Service unavailable",
    "body_list": lambda body: [body],
    "body_as_text": json.dumps,
    "body_error": lambda _: {"error": {"code": "content_filter", "message": "Filtered."}},
    "body_server_error": lambda _: {"error": {"code": "server_error", "message": "It broke."}},
    "usage_null": _with(usage=None),
    "usage_text": _with(usage="many"),
    "usage_floats": lambda body: {**body, "usage": dict.fromkeys(body["usage"], 7.0)},
    "wide_number": _with(service_tier_id=123456789012345678901234567890),
}

# Name -> what becomes of the line of a usual answer, whose text is `_TEXT` where the answer is one.
_TEXT = "TEXT-OF-THE-ANSWER"
LINES: dict[str, Callable[[bytes], bytes]] = {
    "half_character": lambda line: line.replace(_TEXT.encode(), rb"cut here \ud83d"),
    "half_character_first": lambda line: line.replace(_TEXT.encode(), rb"\ude00 cut here"),
    "half_character_as_bytes": lambda line: line.replace(_TEXT.encode(), b"cut here \xed\xa0\xbd"),
    "whole_character_as_halves": lambda line: line.replace(_TEXT.encode(), b"smile \xed\xa0\xbd\xed\xb8\x80"),
    "latin_1": lambda line: line.replace(_TEXT.encode(), b"caf\xe9"),
    "line_separators": lambda line: line.replace(_TEXT.encode(), "a\u2028b\u2029c\u0085d".encode()),
    "control_character": lambda line: line.replace(_TEXT.encode(), b"a\tb"),
    "nan": lambda line: line.replace(b'"usage":', b'"score":NaN,"usage":'),
    "infinity": lambda line: line.replace(b'"usage":', b'"score":-Infinity,"usage":'),
    "number_out_of_range": lambda line: line.replace(b'"usage":', b'"score":-1e400,"usage":'),
    "status_text": lambda line: line.replace(b'"status_code":200', b'"status_code":"200"'),
    "status_missing": lambda line: line.replace(b',"status_code":200', b""),
    "status_float": lambda line: line.replace(b'"status_code":200', b'"status_code":200.0'),
    "status_zero": lambda line: line.replace(b'"status_code":200', b'"status_code":0'),
    "twice": lambda line: line + b"\n" + line,
    "carriage_return": lambda line: line + b"\r",
    "byte_order_mark": lambda line: b"\xef\xbb\xbf" + line,
    "too_deep": lambda line: line.replace(b'"usage":', b'"deep":' + b"[" * 2000 + b"]" * 2000 + b',"usage":'),
    "nothing": lambda line: json.dumps(
        {"custom_id": json.loads(line)["custom_id"], "response": None, "error": None}
    ).encode(),
}
NAMES = (*BODIES, *LINES)
# They are about the line around a body, which a live call's answer does not have.
OF_LINES_ALONE = frozenset(
    {"status_text", "status_missing", "status_float", "status_zero", "twice", "carriage_return", "nothing"}
)


def odd_line(name: str, custom_id: str, body: Body, request_id: str) -> bytes:
    """The line of an odd answer, without its end."""
    if name in BODIES:
        return _line(custom_id, BODIES[name](body), request_id)
    return LINES[name](_line(custom_id, _with_text(body), request_id))


def odd_body(name: str, body: Body) -> bytes:
    """The body of an odd answer to a live call; an oddity of a line is one of the body where it can be."""
    if name in BODIES:
        return json.dumps(BODIES[name](body)).encode()
    return LINES[name](json.dumps(_with_text(body), ensure_ascii=False, separators=(",", ":")).encode())


def _with_text(body: Body) -> Body:
    if "choices" in body:
        return dict(_message(content=_TEXT)(body))
    return dict(_part(**{**_TEXT_PART, "text": _TEXT})(body)) if "output" in body else body


def _line(custom_id: str, body: Any, request_id: str) -> bytes:
    response = {"body": body, "request_id": request_id, "status_code": 200}
    line = {"custom_id": custom_id, "response": response, "error": None}
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode()
