"""Lenient reading, exact writing: an answer that strict readers refuse is written so that all of them take it.

An answer was paid for, whatever is odd about its text: half of an emoji, a NaN among the logprobs, bytes that are no UTF-8, a
number beyond the 64-bit floats. What was changed is told by marks, and nothing is left out.
"""

import json
import math
import re
from typing import Any

import msgspec

from domain.json_depth import TOO_DEEP, is_too_deep

# What may have been changed, and how it stands in the text now.
INVALID_UTF8 = "invalid_utf8"  # U+FFFD in place of bytes that are no UTF-8
HALF_CHARACTER = "half_character"  # U+FFFD in place of half a surrogate pair
NOT_A_NUMBER = "not_a_number"  # the text "NaN", "Infinity" or "-Infinity"
NUMBER_OUT_OF_RANGE = "number_out_of_range"  # the digits as a text
MARKS = (INVALID_UTF8, HALF_CHARACTER, NOT_A_NUMBER, NUMBER_OUT_OF_RANGE)

UNREADABLE = "unreadable"  # key of a line that is none: the text that stood in its place

_BOM = b"\xef\xbb\xbf"
_MOST_DIGITS = 4300  # of a whole number; Python reads no longer ones

# A pair of surrogates, half of one, or any other escape, which may be that of a backslash.
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.",
    re.DOTALL,
)
_CUSTOM_ID = re.compile(rb'"custom_id"\s*:\s*("(?:[^"\\]|\\.)*+")')

_encode = msgspec.json.Encoder().encode
_decode_any = msgspec.json.Decoder().decode


def repaired(line: bytes) -> bytes:
    """Give an answer line as strict JSON; its key `marks` lists what was changed.

    Raises msgspec.DecodeError for what is no JSON object however leniently it is read: half a line, a web page.
    """
    found, marks = read_leniently(line)
    if not isinstance(found, dict):
        raise msgspec.DecodeError("The line is no JSON object.")
    return _encode(found | {"marks": marks} if marks else found)


def salvaged(line: bytes) -> bytes | None:
    """Give a line that is no JSON as one that holds its text; None where no `custom_id` can be made out in it."""
    found = _CUSTOM_ID.search(line)
    if found is None:
        return None
    custom_id, _ = read_leniently(found.group(1))
    return _encode({"custom_id": custom_id, UNREADABLE: line.decode("utf-8", "replace")})


def renamed(line: bytes, custom_id: str) -> bytes:
    """Give a line that `salvaged` has made with another `custom_id`, in the text of the line as well."""
    parts: dict[str, str] = _decode_any(line)
    text = _CUSTOM_ID.sub(
        lambda found: found[0].removesuffix(found[1]) + _encode(custom_id),
        parts[UNREADABLE].encode(),
        count=1,
    )
    return _encode({"custom_id": custom_id, UNREADABLE: text.decode()})


def read_leniently(text: bytes) -> tuple[Any, list[str]]:
    """Read any JSON; gives what can be written as strict JSON, and the marks. Numbers keep their digits.

    Raises msgspec.DecodeError.
    """
    if is_too_deep(text):
        raise msgspec.DecodeError(TOO_DEEP)
    reader = _Reader()
    return reader.read(text), [mark for mark in MARKS if mark in reader.marks]


def is_strict(text: bytes) -> bool:
    """Tell whether a text is JSON that every reader takes."""
    try:
        _decode_any(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return not is_too_deep(text)


class _Reader:
    def __init__(self) -> None:
        self.marks: set[str] = set()

    def read(self, text: bytes) -> Any:
        decoder = json.JSONDecoder(
            # Control characters within strings are read, and written as escapes.
            strict=False,
            parse_int=self._whole_number,
            parse_float=self._number,
            parse_constant=self._constant,
        )
        try:
            return decoder.decode(self._whole(self._decoded(text.strip().removeprefix(_BOM))))
        except (ValueError, RecursionError) as error:
            raise msgspec.DecodeError(f"JSON is malformed: {error}") from error

    def _decoded(self, text: bytes) -> str:
        try:
            return text.decode()
        except UnicodeDecodeError:
            self.marks.add(INVALID_UTF8)
        try:
            # Surrogates that were written as if they were characters: two of them are one after all.
            return _paired(text.decode("utf-8", "surrogatepass"))
        except UnicodeDecodeError:
            return text.decode("utf-8", "replace")

    def _whole_number(self, digits: str) -> Any:
        if len(digits) > _MOST_DIGITS:
            self.marks.add(NUMBER_OUT_OF_RANGE)
            return digits
        return msgspec.Raw(digits.encode())

    def _number(self, digits: str) -> Any:
        if math.isinf(float(digits)):
            self.marks.add(NUMBER_OUT_OF_RANGE)
            return digits
        return msgspec.Raw(digits.encode())

    def _constant(self, name: str) -> str:
        self.marks.add(NOT_A_NUMBER)
        return name

    def _whole(self, text: str) -> str:
        whole = with_whole_characters(text)
        if whole is not text:
            self.marks.add(HALF_CHARACTER)
        return whole


def with_whole_characters(text: str) -> str:
    """Give the text of JSON with U+FFFD in place of halves of surrogate pairs; the very same text where there are none."""
    if "\\u" not in text:
        return text
    whole = _ESCAPE.sub(lambda found: "\\ufffd" if found.lastgroup else found.group(), text)
    return text if whole == text else whole


def _paired(text: str) -> str:
    """Join surrogates that belong together; those that stand alone become U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
