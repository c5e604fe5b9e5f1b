"""What a model answered to one row: read from the service's answer line, in whichever shape its endpoint gives it.

The readers never raise: an answer was paid for, whatever its shape. What has no column of its own is given as it came.
"""

import base64
import binascii
from array import array
from collections.abc import Iterable, Sequence
from sys import byteorder

import msgspec
from msgspec import Raw

from domain.service import plain_answers
from domain.service.bodies import filtered_in
from domain.service.plain_answers import NULL, RowAnswer

# Of a message or a choice: a value that says nothing.
_NOTHING = frozenset({b"null", b"[]", b"{}", b'""', b"false"})
_TEXT_KEYS = frozenset({"role", "content", "refusal"})
_ITEM_KEYS = frozenset({"id", "type", "status", "role", "content", "phase", "summary"})
_PART_KEYS = frozenset({"type", "text", "refusal"})


_Object = dict[str, Raw]

_decode_object = msgspec.json.Decoder(_Object).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode
_decode_any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


# --- the readers: each takes an answer line that was judged -----------------------------------------------------------


def of_messages(line: bytes) -> RowAnswer:
    """Read `choices[].message`; a refusal stands for the text it kept from us."""
    return plain_answers.of_message(line) or _of_messages(line)


def _of_messages(line: bytes) -> RowAnswer:
    whole, body = _body_of(line)
    choices = _choices(body)
    raw = [choice.get("message", NULL) for choice in choices]
    messages = [_object(message) for message in raw]
    more = _logprobs(choices)
    if not any(messages):
        more["message"] = whole
    elif any(map(_is_more_than_text, messages)):
        more["message"] = _only(raw)
    answer = _answer(line, body, _only(map(_text, messages)), _reasons(choices), more)
    return answer._replace(refusal=_word(messages[0].get("refusal"))) if _are_refused(messages) else answer


def of_texts(line: bytes) -> RowAnswer:
    """Read `choices[].text`."""
    return plain_answers.of_text(line) or _of_texts(line)


def _of_texts(line: bytes) -> RowAnswer:
    whole, body = _body_of(line)
    choices = _choices(body)
    texts = [choice.get("text", NULL) for choice in choices]
    more = _logprobs(choices) | (_unexpected(whole) if all(map(_is_null, texts)) else {})
    return _answer(line, body, _only(texts), _reasons(choices), more)


def of_output_items(line: bytes) -> RowAnswer:
    """Read the texts of `output[].content[]`, which together are one; thoughts before the answer are none."""
    return plain_answers.of_output_item(line) or _of_output_items(line)


def _of_output_items(line: bytes) -> RowAnswer:
    whole, body = _body_of(line)
    items = [_object(item) for item in _items(body.get("output", NULL))]
    parts = [part for item in items if _is_message(item) for part in _parts(item)]
    text, refusal = _joined(parts, "text"), _joined(parts, "refusal")
    more = {}
    if not items:
        text = body.get("output_text", NULL)
        if _is_nothing(text):
            more["output"] = whole
    elif (
        text is None
        or len(parts) > 1
        or any(map(_is_more_than_message, items))
        or any(map(_is_more_than_part, parts))
    ):
        more["output"] = body["output"]
    reason = _word(_object(body.get("incomplete_details", NULL)).get("reason")) or _word(body.get("status"))
    answer = _answer(line, body, text or refusal or NULL, [reason], more)
    return answer._replace(refusal=_word(refusal)) if text is None else answer


def _parts(item: _Object) -> list[_Object]:
    """Give the parts of a message; one that is a text alone as the part that it stands for."""
    content = item.get("content", NULL)
    return [{"text": content}] if _first(content) == b'"' else [_object(part) for part in _items(content)]


def of_vectors(line: bytes) -> RowAnswer:
    """Read `data[].embedding`, of which a row has one."""
    return plain_answers.of_vector(line) or _of_vectors(line)


def _of_vectors(line: bytes) -> RowAnswer:
    whole, body = _body_of(line)
    data = _items(body.get("data", NULL))
    vector = _object(data[0]).get("embedding", NULL) if data else NULL
    return _answer(line, body, _unpacked(vector), [], _unexpected(whole) if _is_null(vector) else {})


def _unexpected(whole: Raw) -> dict[str, Raw]:
    """Keep a body of another shape, where there is no column for it: in a mark."""
    return {} if _is_null(whole) else {"marks": Raw(_encode([f"unexpected: {bytes(whole).decode()}"]))}


def _answer(
    line: bytes, body: _Object, content: Raw, reasons: Sequence[str | None], more: dict[str, Raw]
) -> RowAnswer:
    reason = ", ".join(dict.fromkeys(reason for reason in reasons if reason)) or None
    marks = _marks(line, is_filtered=reason is not None and "content_filter" in reason)
    if marks:
        more["marks"] = Raw(_encode(marks + (_decode_any(more["marks"]) if "marks" in more else [])))
    return RowAnswer(content, reason, body.get("usage", NULL), more)


# --- parts of bodies --------------------------------------------------------------------------------------------------


def body_of(line: bytes) -> Raw:
    """Give what was answered, as JSON: the body; where there is none, the error or the text that came in its place."""
    found = _object(line)
    body = _object(found.get("response", NULL)).get("body", NULL)
    places = (body, found.get("error", NULL), found.get("unreadable", NULL), found.get("response", NULL))
    return next((place for place in places if not _is_null(place)), NULL)


def marks_of(line: bytes) -> list[str]:
    """Say how a line was kept that strict readers would have refused."""
    return _marks(line, is_filtered=False)


def _marks(line: bytes, *, is_filtered: bool) -> list[str]:
    """Give the marks of a line, and what the content filter took from its answer."""
    if b'"marks"' not in line and not is_filtered:
        return []
    found = _decode_any(line)
    marks = found.get("marks") if isinstance(found, dict) else None
    kept = [mark for mark in marks if isinstance(mark, str)] if isinstance(marks, list) else []
    if is_filtered:
        body = found["response"]["body"]
        kept += [f"filtered: {category}" for category in filtered_in(body)]
    return kept


def _body_of(line: bytes) -> tuple[Raw, _Object]:
    """Give the body as it came, and its parts."""
    whole = _object(_object(line).get("response", NULL)).get("body", NULL)
    if _first(whole) == b'"':  # written as a text within the JSON
        return whole, _object(Raw(_decode_any(whole).encode()))
    return whole, _object(whole)


def _object(raw: Raw | bytes) -> _Object:
    """Give the parts of an object; none where it is no object."""
    try:
        return _decode_object(raw)
    except msgspec.DecodeError:
        return {}


def _items(raw: Raw) -> list[Raw]:
    """Give the items of a list; none where it is no list."""
    try:
        return _decode_list(raw)
    except msgspec.DecodeError:
        return []


def _choices(body: _Object) -> list[_Object]:
    """Give the choices in the order of their numbers."""
    found = [_object(choice) for choice in _items(body.get("choices", NULL))]
    numbers = [_decode_any(choice.get("index", NULL)) for choice in found]
    if len(found) > 1 and all(type(number) is int for number in numbers):
        found = [choice for _, choice in sorted(zip(numbers, found, strict=True), key=lambda pair: pair[0])]
    return found


def _first(raw: Raw) -> bytes:
    """Give the first byte of a value, which tells its type."""
    return bytes(memoryview(raw)[:1])


def _is_null(raw: Raw) -> bool:
    return len(memoryview(raw)) == len(b"null") and bytes(raw) == b"null"


def _is_nothing(raw: Raw) -> bool:
    return len(memoryview(raw)) <= len(b"false") and bytes(raw) in _NOTHING


def _only(parts: Iterable[Raw]) -> Raw:
    """Give what the only choice has, or a list of what all of them have."""
    found = list(parts)
    if len(found) == 1:
        return found[0]
    return Raw(_encode(found)) if found else NULL


def _reasons(choices: list[_Object]) -> list[str | None]:
    return [_word(choice.get("finish_reason")) for choice in choices]


def _word(raw: Raw | None) -> str | None:
    word = _decode_any(raw) if raw is not None else None
    return word if isinstance(word, str) else None


def _logprobs(choices: list[_Object]) -> dict[str, Raw]:
    found = [choice.get("logprobs", NULL) for choice in choices]
    return {} if all(map(_is_nothing, found)) else {"logprobs": _only(found)}


def _text(message: _Object) -> Raw:
    content, refusal = message.get("content", NULL), message.get("refusal", NULL)
    if _is_nothing(content) and not _is_nothing(refusal):
        return refusal
    if _first(content) == b"[":  # parts, as some models give them
        return _joined([_object(part) for part in _items(content)], "text") or NULL
    return content


def _are_refused(messages: list[_Object]) -> bool:
    """Tell whether refusals are all that there is."""
    return bool(messages) and all(
        _is_nothing(message.get("content", NULL)) and not _is_nothing(message.get("refusal", NULL))
        for message in messages
    )


def _joined(parts: list[_Object], key: str) -> Raw | None:
    """Join what the parts of a message have under a key; None where none of them has a text there."""
    texts = [text for part in parts if (text := _word(part.get(key))) is not None and _is_said(part)]
    return Raw(_encode("".join(texts))) if texts else None


def _is_said(part: _Object) -> bool:
    """Tell what is said from what is thought."""
    kind = _word(part.get("type")) or ""
    return "reasoning" not in kind and "thinking" not in kind


def _is_message(item: _Object) -> bool:
    return "type" not in item or _word(item["type"]) == "message"


def _is_more_than_text(message: _Object) -> bool:
    content = message.get("content", NULL)
    return (
        _first(content) not in (b'"', b"n")
        or not _is_nothing(message.get("refusal", NULL))
        or _has_others(message, _TEXT_KEYS)
    )


def _is_more_than_message(item: _Object) -> bool:
    """Tell whether an item of a response is more than a message: a call, a picture, thoughts that can be read."""
    if _word(item.get("type")) not in (None, "message", "reasoning"):
        return True
    thoughts = not _is_message(item) and not _is_nothing(item.get("content", NULL))
    return thoughts or not _is_nothing(item.get("summary", NULL)) or _has_others(item, _ITEM_KEYS)


def _is_more_than_part(part: _Object) -> bool:
    return not _is_nothing(part.get("refusal", NULL)) or _has_others(part, _PART_KEYS)


def _has_others(parts: _Object, known: frozenset[str]) -> bool:
    return any(key not in known and not _is_nothing(value) for key, value in parts.items())


def _unpacked(vector: Raw) -> Raw:
    """Give a vector as a list of numbers, also one that was asked for as base64: 32-bit floats, little-endian."""
    if _first(vector) != b'"':
        return vector
    try:
        floats = array("f", base64.b64decode(_decode_any(vector)))
    except (binascii.Error, ValueError):
        return vector
    if byteorder == "big":
        floats.byteswap()
    return Raw(_encode(floats.tolist()))
