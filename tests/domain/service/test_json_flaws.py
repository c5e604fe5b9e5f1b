"""What is no JSON is explained as people would."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.service.json_flaws import why_invalid


def why(text: bytes) -> str:
    with pytest.raises(msgspec.DecodeError) as caught:
        msgspec.json.decode(text)
    return why_invalid(text, caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"a": "x\\ud83d"}', r"half a character (\ud83d)"),
        (b'{"a": "x\\ud83d", "b": "\\ud83d\\ude00"}', r"half a character (\ud83d)"),
        (b'{"a": "\\ud83d\\ude00 \\ude00 x"}', r"half a character (\ude00)"),
        (b'{"a": "\\ud83d\\u0041"}', r"half a character (\ud83d)"),
        (b'{"a": "\\ud83d-\\ude00"}', r"half a character (\ud83d)"),
        (b'{"a": "\\\\ud83d", "b": 1', "truncated"),
        (b'{"a": "\\ud83d\\ude00"', "truncated"),
        (b'{"a": NaN}', "it says NaN"),
        (b'{"a": [1, -Infinity]}', "it says -Infinity"),
        (b'{"a": None}', "it says None"),
        (b'{"a": True}', "it says True"),
        (b"{'a': 1}", "double quotes"),
        (b'[{"a": 1},]', "a comma stands before a closing bracket"),
        (b'{"a": 1, }', "a comma stands before a closing bracket"),
        (b'{"a": "NaN, None", "b": }', "byte"),
        (b"nonsense", "byte 4"),
    ],
)
def test_a_flaw_is_named_by_what_made_it(text: bytes, reason: str) -> None:
    assert reason in why(text)
    assert why(text).startswith("Not valid JSON: ")


@given(st.text(), st.integers(1, 20))
def test_a_text_that_was_cut_off_is_told_as_such(text: str, left_out: int) -> None:
    for ascii_only in (True, False):
        whole = json.dumps({"a": text}, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        assert why_invalid(whole[:-left_out], msgspec.DecodeError("Input data was truncated")).endswith(".")
