"""A request that is sent another time, so that it may end better: with what was wrong about the answer, or with more room."""

import msgspec
from msgspec import Raw

from domain.service.endpoints import Endpoint

MAX_QUOTED_CHARS = 20_000  # of the answer that was wrong

_Object = dict[str, Raw]
_NULL = Raw(b"null")

_decode_object = msgspec.json.Decoder(_Object).decode
_decode_list = msgspec.json.Decoder(list[Raw]).decode
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def with_complaint(line: bytes, endpoint: Endpoint, *, answer: str, complaint: str) -> bytes:
    """Give a request whose conversation goes on: with the answer that it had, and what is wrong about it."""
    key = endpoint.messages_key
    request = _decode_object(line)
    body = _decode_object(request["body"])
    if key is None or key not in body:
        return line
    said = answer if len(answer) <= MAX_QUOTED_CHARS else answer[:MAX_QUOTED_CHARS] + "…"
    added = [_message("assistant", said)] if said else []
    added.append(_message("user", f"{complaint} Answer again, with nothing but JSON that fits the schema."))
    body[key] = Raw(_encode(_messages(body[key]) + added))
    return _written(request, body)


def with_room(line: bytes, endpoint: Endpoint, *, most: int) -> bytes:
    """Give a request whose answer may be twice as long, though not longer than `most` tokens."""
    request = _decode_object(line)
    body = _decode_object(request["body"])
    for key in endpoint.limit_keys:
        limit = _decode(body.get(key, _NULL))
        if isinstance(limit, int) and 0 < limit < most:
            body[key] = Raw(_encode(min(2 * limit, most)))
    return _written(request, body)


def _messages(found: Raw) -> list[Raw]:
    """Give the messages of a conversation; a text alone is one of the user's."""
    if bytes(memoryview(found)[:1]) == b"[":
        return _decode_list(found)
    return [Raw(b'{"role":"user","content":' + bytes(found) + b"}")]


def _message(role: str, content: str) -> Raw:
    return Raw(_encode({"role": role, "content": content}))


def _written(request: _Object, body: _Object) -> bytes:
    return _encode(request | {"body": Raw(_encode(body))})
