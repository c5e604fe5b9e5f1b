"""The usual answers, which hold text alone or a vector, read in one pass over their line: nearly all of them are.

Each reader gives None for an answer that holds anything else, which `domain.service.answers` then takes apart.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, Raw

NULL = Raw(b"null")
NO_MORE: Mapping[str, Raw] = MappingProxyType({})
FILTERED = "content_filter"

Body = TypeVar("Body")
Item = TypeVar("Item")
Empty = Annotated[list[Any], Meta(max_length=0)]
One = Annotated[list[Item], Meta(min_length=1, max_length=1)]


class RowAnswer(NamedTuple):
    """`content` as JSON: the text (a list of texts when several were asked for), or a vector; `null` where there is none.

    `more` holds, by the name of its column, what is more than text, as JSON. `refusal`: the words of a model that refused, where
    they are all there is.
    """

    content: Raw
    finish_reason: str | None
    usage: Raw
    more: Mapping[str, Raw] = NO_MORE
    refusal: str | None = None


class _Response(msgspec.Struct, Generic[Body]):
    body: Body


class _Line(msgspec.Struct, Generic[Body]):
    response: _Response[Body]
    marks: None = None


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    content: str
    role: str = ""
    refusal: None = None
    annotations: Empty | None = None
    tool_calls: Empty | None = None
    function_call: None = None
    audio: None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None
    logprobs: None = None


class _Text(msgspec.Struct):
    text: str
    finish_reason: str | None = None
    logprobs: None = None


class _Choices(msgspec.Struct, Generic[Item]):
    choices: One[Item]
    usage: Raw = NULL


class _Part(msgspec.Struct, forbid_unknown_fields=True):
    text: str
    type: Literal["output_text"]
    annotations: Empty | None = None
    logprobs: Empty | None = None


class _Item(msgspec.Struct, forbid_unknown_fields=True):
    content: One[_Part]
    type: Literal["message"] = "message"
    id: str = ""
    status: str | None = None
    role: str = ""
    phase: str | None = None


class _Output(msgspec.Struct):
    output: One[_Item]
    status: Literal["completed"] | None = None
    usage: Raw = NULL


class _Vector(msgspec.Struct):
    embedding: Raw


class _Vectors(msgspec.Struct):
    data: One[_Vector]
    usage: Raw = NULL


_decode_message = msgspec.json.Decoder(_Line[_Choices[_Choice]]).decode
_decode_text = msgspec.json.Decoder(_Line[_Choices[_Text]]).decode
_decode_output = msgspec.json.Decoder(_Line[_Output]).decode
_decode_vector = msgspec.json.Decoder(_Line[_Vectors]).decode
_encode = msgspec.json.Encoder().encode


def of_message(line: bytes) -> RowAnswer | None:
    """Read the one choice of a chat."""
    try:
        body = _decode_message(line).response.body
    except msgspec.ValidationError:
        return None
    choice = body.choices[0]
    if choice.finish_reason == FILTERED:
        return None
    return RowAnswer(Raw(_encode(choice.message.content)), choice.finish_reason, body.usage)


def of_text(line: bytes) -> RowAnswer | None:
    """Read the one choice of a completion."""
    try:
        body = _decode_text(line).response.body
    except msgspec.ValidationError:
        return None
    choice = body.choices[0]
    if choice.finish_reason == FILTERED:
        return None
    return RowAnswer(Raw(_encode(choice.text)), choice.finish_reason, body.usage)


def of_output_item(line: bytes) -> RowAnswer | None:
    """Read the one message of a response that was completed."""
    try:
        body = _decode_output(line).response.body
    except msgspec.ValidationError:
        return None
    return RowAnswer(Raw(_encode(body.output[0].content[0].text)), body.status, body.usage)


def of_vector(line: bytes) -> RowAnswer | None:
    """Read the one vector, where it is a list."""
    try:
        body = _decode_vector(line).response.body
    except msgspec.ValidationError:
        return None
    vector = body.data[0].embedding
    return RowAnswer(vector, None, body.usage) if bytes(memoryview(vector)[:1]) == b"[" else None
