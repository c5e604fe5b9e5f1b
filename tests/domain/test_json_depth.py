"""The depth of JSON is measured, not left to the interpreter."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import json_depth
from domain.json_depth import MAX_JSON_DEPTH, is_too_deep
from domain.service.request_lines import Request, RequestChecker
from domain.spec.structured import AnswerChecker
from formats.rows import Row
from formats.text.json_rows import json_row
from steps.collect.answer_spool import AnswerSpool


def nested(levels: int) -> bytes:
    return (
        b'{"a":' * (levels // 2)
        + b"[" * (levels - levels // 2)
        + b"]" * (levels - levels // 2)
        + b"}" * (levels // 2)
    )


def test_the_limit_is_one_number() -> None:
    assert not is_too_deep(nested(MAX_JSON_DEPTH))
    assert is_too_deep(nested(MAX_JSON_DEPTH + 1))


@pytest.mark.parametrize("levels", [MAX_JSON_DEPTH, MAX_JSON_DEPTH + 1])
def test_everything_that_reads_json_has_the_same_limit(levels: int) -> None:
    """A request, a row, an answer, and the text of a structured answer: each has the levels around what is nested."""
    fits = levels == MAX_JSON_DEPTH
    body = b'{"model":"m","x":' + nested(levels - 2) + b"}"
    request = b'{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":' + body + b"}"
    checker = RequestChecker(None)
    for line in (request, request.replace(b'"a"', b'"b"', 1)):  # by every rule, then like the one before
        assert isinstance(checker.check(line), Request) is fits
    assert isinstance(json_row(0, nested(levels)), Row) is fits
    usage = b'"usage":' + nested(levels - 3)
    answer = b'{"custom_id":"a","response":{"body":{"choices":[{"text":"x"}],' + usage + b"}}}"
    with AnswerSpool() as spool:
        spool.add(answer)
        verdict, _ = spool.take("a") or (None, b"")
    assert verdict is not None
    assert (verdict.code == "unreadable_answer") is not fits
    assert (AnswerChecker({}).reason_against(nested(levels).decode()) is None) is fits


@pytest.mark.parametrize(
    ("text", "deep"),
    [
        (b"[" * 100_000, True),
        (b"[" * MAX_JSON_DEPTH + b" " * 10_000, False),
        (b"[" * (MAX_JSON_DEPTH + 1) + b" " * 1_000, True),
        (b"[" * (MAX_JSON_DEPTH + 1) + b" " * 10_000, True),
        (b"]" * 100_000, False),
        (b'"' + b"[" * 100_000 + b'"', False),
        (b'"\\"' + b"[" * 100_000 + b'"', False),
        (b'"\\\\"' + b"[" * 100_000, True),
        (b"[" + b"[]," * 100_000 + b"[]]", False),
        (b"[" + b'{"a":"]"},' * 100_000 + b"[]]", False),
        (b'"' + b"[" * 100_000, False),
        (b"", False),
    ],
)
def test_brackets_count_where_they_nest(text: bytes, deep: bool) -> None:
    assert is_too_deep(text) is deep


def depth_of(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


texts = st.text(st.sampled_from('[]{}"\\a\n'), max_size=6)
values = st.recursive(
    st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=30,
)


@given(values, st.integers(0, 8))
def test_any_json_is_measured_as_it_is(value: Any, limit: int) -> None:
    text = json.dumps(value).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_depth, "MAX_JSON_DEPTH", limit)
        assert is_too_deep(text) is (depth_of(value) > limit)


@given(st.binary(max_size=60))
def test_any_bytes_are_measured(text: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_depth, "MAX_JSON_DEPTH", 2)
        is_too_deep(text)
