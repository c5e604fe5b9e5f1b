"""Whose answer it is: the service's own, or that of something between it and us.

Gateways, proxies and login pages answer as well, with any status and any body, before a call reaches the service or after it
was carried out. What does not have the shape of the service's answers says nothing about the thing that was asked for.
"""

import re
from typing import Any

import httpx2
import msgspec
import openai

from domain.errors import FOREIGN_ANSWER, LostAnswerError, PassingError

MAX_SHOWN_CHARS = 300  # of an answer that is not the service's own

_URL_QUERY = re.compile(r"(https?://[^\s?\"'<>]*)\?[^\s\"'<>]*")


def without_signatures(text: str) -> str:
    """Cut the queries out of URLs that the service repeats: they may be signatures."""
    return _URL_QUERY.sub(r"\1?...", text)


def read_reply(response: httpx2.Response, about: str, *, effect: bool = False) -> dict[str, Any]:
    """Read an answer with a status of success as the JSON object that it has to be.

    Raises PassingError for anything else; of a call with an `effect` LostAnswerError, for that may have happened.
    """
    reply = _json_object(response)
    if reply is None:
        raise foreign(response, about, effect=effect)
    return reply


def foreign(response: httpx2.Response, about: str, *, effect: bool) -> PassingError:
    """Give the error for an answer that is not the service's own."""
    kind = LostAnswerError if effect else PassingError
    return kind(f"{about}: status {response.status_code}, but {described(response)}.", code=FOREIGN_ANSWER)


def described(response: httpx2.Response) -> str:
    """Say what came in place of an answer of the service."""
    begin = " ".join(without_signatures(response.text)[:MAX_SHOWN_CHARS].split())
    kind = response.headers.get("content-type", "").partition(";")[0] or "no content type"
    return f"no answer of the service ({kind}): {begin or 'empty'}"


def named_object(
    response: httpx2.Response, about: str, *, kind: str, object_id: str = "", effect: bool = False
) -> dict[str, Any]:
    """Read an answer that is a `file` or a `batch` with an id: the one that was asked for, where there was one.

    Raises as `read_reply` does.
    """
    reply = read_reply(response, about, effect=effect)
    has_id = _has_id(reply) and object_id in ("", reply["id"])
    if not has_id or reply.get("object") not in (kind, None):
        raise foreign(response, about, effect=effect)
    return reply


def page_of(response: httpx2.Response, about: str) -> tuple[list[dict[str, Any]], bool | None]:
    """Read a page of a list: its items, and whether there are more; None where the service does not say.

    One published sample wraps the items in `value`. Raises PassingError for what is no list: read as an empty one, it would
    say that nothing is there.
    """
    reply = read_reply(response, about)
    items = reply.get("data", reply.get("value"))
    if not isinstance(items, list) or not all(isinstance(item, dict) and _has_id(item) for item in items):
        raise foreign(response, about, effect=False)
    has_more = reply.get("has_more")
    return items, has_more if isinstance(has_more, bool) else None


def _has_id(item: dict[str, Any]) -> bool:
    found = item.get("id")
    return isinstance(found, str) and found != ""


def own_error(error: openai.APIStatusError) -> bool:
    """Tell whether an error has one of the service's own bodies: `{"error": {…}}` or `{"errors": {"data": […]}}`."""
    body = _json_object(error.response) or {}
    told, listed = body.get("error"), body.get("errors")
    if isinstance(told, dict):
        return any(told.get(name) for name in ("code", "message", "type"))
    return isinstance(listed, dict | list) and bool(listed)


def says_come_back(error: openai.APIStatusError) -> bool:
    """Tell a 429 that was given in place of an effect: by the service, or by a gateway that counts calls.

    A gateway says when to come back, or names the status in its body, as Azure API Management does.
    """
    if error.status_code != 429:
        return False
    headers, body = error.response.headers, _json_object(error.response) or {}
    return own_error(error) or "retry-after" in headers or body.get("statusCode") == 429


def _json_object(response: httpx2.Response) -> dict[str, Any] | None:
    try:
        body = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return body if isinstance(body, dict) else None
