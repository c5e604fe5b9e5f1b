"""The depth of JSON is measured, not left to the interpreter."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import json_depth
from domain.json_depth import MAX_JSON_DEPTH, is_too_deep


@pytest.mark.parametrize("pair", [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"[\\"{":1},', b"]")])
def test_the_limit_is_the_same_number_whatever_is_nested(pair: tuple[bytes, bytes]) -> None:
    opening, closing = pair
    levels = opening.count(b"[", 0, 1) or 1
    deepest = MAX_JSON_DEPTH // levels
    inner = b"[]" if b"{" in opening[1:] else b"1"
    at_limit = opening * (deepest - (inner == b"[]")) + inner + closing * (deepest - (inner == b"[]"))
    assert not is_too_deep(at_limit)
    assert is_too_deep(opening + at_limit + closing)


@pytest.mark.parametrize(
    ("text", "deep"),
    [
        (b"[" * 100_000, True),
        (b"[" * MAX_JSON_DEPTH, False),
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
