"""What a model answered to one row: read from the service's answer line, in whichever shape its endpoint gives it."""

import base64
from array import array
from collections.abc import Iterable
from sys import byteorder
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from domain.service.answer_lines import AnswerLine


class RowAnswer(NamedTuple):
    """`content` as JSON: the text (a list of texts when several were asked for), or a vector; `null` where there is none."""

    content: Raw
    finish_reason: str | None
    usage: Raw


class _Message(msgspec.Struct):
    content: Raw = Raw(b"null")
    refusal: str | None = None


class _Choice(msgspec.Struct):
    message: _Message = msgspec.field(default_factory=_Message)
    text: Raw = Raw(b"null")
    finish_reason: str | None = None


class _Vector(msgspec.Struct):
    embedding: Raw


class _Part(msgspec.Struct):
    type: str = ""
    text: str | None = None
    refusal: str | None = None


class _Item(msgspec.Struct):
    content: list[_Part] | None = None


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class _Body(msgspec.Struct):
    """The fields of all shapes together; each answer has some of them."""

    choices: list[_Choice] = []
    data: list[_Vector] = []
    output: list[_Item] = []
    status: str | None = None
    incomplete_details: _Incomplete | None = None
    usage: Raw = Raw(b"null")


_decode = msgspec.json.Decoder(AnswerLine[_Body]).decode
_decode_any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


# --- the readers: each takes an answer line of status 200, and raises msgspec.ValidationError for another shape --------


def of_messages(line: bytes) -> RowAnswer:
    """Read `choices[].message`; a refusal stands for the text it kept from us."""
    body = _body_of(line)
    return RowAnswer(_only(map(_text, body.choices)), _finish_reason(body), body.usage)


def of_texts(line: bytes) -> RowAnswer:
    """Read `choices[].text`."""
    body = _body_of(line)
    return RowAnswer(_only(choice.text for choice in body.choices), _finish_reason(body), body.usage)


def of_output_items(line: bytes) -> RowAnswer:
    """Read the texts of `output[].content[]`, which together are one."""
    body = _body_of(line)
    reason = body.incomplete_details.reason if body.incomplete_details else None
    return RowAnswer(_output_text(body), reason or body.status, body.usage)


def of_vectors(line: bytes) -> RowAnswer:
    """Read `data[].embedding`, of which a row has one."""
    body = _body_of(line)
    return RowAnswer(_vector(body), None, body.usage)


# --- parts of bodies --------------------------------------------------------------------------------------------------


def _body_of(line: bytes) -> _Body:
    response = _decode(line).response
    if response is None or response.body is None:
        raise msgspec.ValidationError("The line holds no body.")
    return response.body


def _vector(body: _Body) -> Raw:
    if not body.data:
        return Raw(b"null")
    vector = body.data[0].embedding
    return vector if bytes(memoryview(vector)[:1]) == b"[" else Raw(_encode(_floats(_decode_any(vector))))


def _floats(packed: str) -> list[float]:
    """Unpack a vector that was asked for as base64: 32-bit floats, little-endian."""
    floats = array("f", base64.b64decode(packed))
    if byteorder == "big":
        floats.byteswap()
    return floats.tolist()


def _only(texts: Iterable[Raw]) -> Raw:
    """Give the text of the only choice, or a list of all of them."""
    found = list(texts)
    if len(found) == 1:
        return found[0]
    return Raw(_encode(found)) if found else Raw(b"null")


def _finish_reason(body: _Body) -> str | None:
    return body.choices[0].finish_reason if body.choices else None


def _text(choice: _Choice) -> Raw:
    message = choice.message
    is_empty = bytes(message.content) in (b"null", b'""')
    return Raw(_encode(message.refusal)) if is_empty and message.refusal else message.content


def _output_text(body: _Body) -> Raw:
    parts = [part for item in body.output for part in item.content or ()]
    texts: list[Any] = [part.text for part in parts if part.text is not None]
    texts = texts or [part.refusal for part in parts if part.refusal is not None]
    return Raw(_encode("".join(texts))) if texts else Raw(b"null")
