"""The short way to a verdict says what the long one does, whatever comes in the place of a plain answer's parts."""

import json
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.json_depth import MAX_JSON_DEPTH
from domain.service import outcomes

PLAIN: dict[str, Any] = {
    "id": "batch_req_1",
    "custom_id": "a",
    "response": {
        "status_code": 200,
        "body": {
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "Hi \u2028"}}],
            "usage": {
                "prompt_tokens": 7,
                "completion_tokens": 0,
                "total_tokens": 9,
                "prompt_tokens_details": {"cached_tokens": 2},
            },
        },
    },
    "error": None,
}
PLACES: list[list[str | int]] = [
    ["custom_id"],
    ["error"],
    ["unreadable"],
    ["response"],
    ["response", "status_code"],
    ["response", "body"],
    ["response", "body", "error"],
    ["response", "body", "status"],
    ["response", "body", "choices"],
    ["response", "body", "choices", 0],
    ["response", "body", "choices", 0, "finish_reason"],
    ["response", "body", "choices", 0, "message"],
    ["response", "body", "choices", 0, "message", "content"],
    ["response", "body", "usage"],
    ["response", "body", "usage", "prompt_tokens"],
    ["response", "body", "usage", "input_tokens"],
    ["response", "body", "usage", "completion_tokens"],
    ["response", "body", "usage", "output_tokens"],
    ["response", "body", "usage", "input_tokens_details"],
    ["response", "body", "usage", "prompt_tokens_details"],
    ["response", "body", "usage", "prompt_tokens_details", "cached_tokens"],
]
GONE = object()
ODD = st.one_of(
    st.just(GONE),
    st.sampled_from(
        [
            None,
            True,
            False,
            0,
            -1,
            1,
            200,
            200.0,
            429,
            2**40,
            2**70,
            1.5,
            "",
            "200",
            "stop",
            "length",
            "content_filter",
            "incomplete",
            "{}",
            [],
            {},
            [{}],
            [{}, {}],
            [PLAIN["response"]["body"]["choices"][0]] * 2,
            {"cached_tokens": 3},
            {"code": "server_error"},
        ]
    ),
)


def put(line: Any, place: list[str | int], value: Any) -> None:
    *way, last = place
    try:
        for step in way:
            line = line[step]
        if value is GONE:
            del line[last]
        else:
            line[last] = value
    except (KeyError, TypeError, IndexError):
        return  # the place went with what was put in another


@given(st.lists(st.tuples(st.sampled_from(PLACES), ODD), max_size=3))
def test_both_ways_say_the_same(changes: list[tuple[list[str | int], Any]]) -> None:
    line = deepcopy(PLAIN)
    for place, value in changes:
        put(line, place, deepcopy(value) if value is not GONE else GONE)
    text = json.dumps(line).encode()
    plain = outcomes._judge_plain(msgspec.json.decode(text), text)
    if plain is not None:
        assert plain == outcomes._judge(plain.custom_id, msgspec.json.decode(text))
    if not changes:
        assert plain is not None


@pytest.mark.parametrize(
    "odd",
    [
        b'"\xff"',
        rb'"\ud800"',
        b"NaN",
        b"1e999",
        b"1" * 5000,
        b'"a\tb"',
        b"[" * MAX_JSON_DEPTH + b"]" * MAX_JSON_DEPTH,
    ],
)
def test_what_is_odd_anywhere_in_a_line_is_told_as_ever(odd: bytes) -> None:
    text = json.dumps(PLAIN).encode().replace(b'"batch_req_1"', odd)
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        outcomes.judge(text)
