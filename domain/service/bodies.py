"""What the body of a successful answer holds: an answer, or what came in its place.

Bodies are read as they come, whatever the service puts in the place of an object or a list. From "Azure OpenAI REST API
reference" (chat completions, responses, embeddings) and "Content filtering", read 2026-11.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from domain.json_depth import is_too_deep

MAX_SHOWN_CHARS = 500
MAX_ERROR_CHARS = 2000  # of the service's own words
MAX_BARE_ERROR_CHARS = 1000  # of an error that is a text alone
MOST_TOKENS = 2**40  # a count of so many is none
NO_REASON = "The service gave no reason."
FILTERED = "content_filter"

# Of an error that came with status 200: the request may be answered another time.
_PASSING_CODES = frozenset(
    {
        "server_error",
        "internal_error",
        "internal_server_error",
        "internalservererror",
        "rate_limit_exceeded",
        "too_many_requests",
        "toomanyrequests",
        "timeout",
        "request_timeout",
        "operationtimeout",
        "vector_store_timeout",
        "service_unavailable",
        "serviceunavailable",
        "engine_overloaded",
    }
)
_PASSING_STATUSES = frozenset({408, 409, 425, 429})
# Of a response that has come to its end with something to read. What has no status is judged by what it holds.
_ENDED = (None, "completed", "incomplete")

# Of a message: what is there beside an answer, or before it.
_NO_ANSWERS = frozenset({"role", "name", "reasoning", "reasoning_content"})

# Values that say nothing.
_NOTHING: tuple[Any, ...] = (None, [], {}, "", False)

_decode = msgspec.json.Decoder().decode


class Lack(NamedTuple):
    """Why there is no answer. `passing`: another attempt may end better."""

    code: str
    message: str
    passing: bool = False


def unpacked(body: Any) -> Any:
    """Give the body; one that was written as a text within the JSON, as what the text says."""
    if not isinstance(body, str) or not body.lstrip().startswith("{"):
        return body
    text = body.encode()
    try:
        return body if is_too_deep(text) else _decode(text)
    except (msgspec.DecodeError, RecursionError):
        return body


def lack_in(body: Any, *, is_cut: bool = False) -> Lack | None:
    """Say why the body of a successful answer holds none; None where it holds one.

    What was cut may be cut before its first word: then there is all that was paid for.
    """
    if not isinstance(body, dict):
        return Lack(
            "odd_answer", f"The service answered with success, and {shown(body)} in place of an answer."
        )
    error = body.get("error")
    status = body.get("status")
    if error or status == "failed":
        code, message = code_and_message(error, "response_failed")
        return Lack(code, message + told(filtered_in(error, body)), is_passing(code))
    if "choices" not in body and status not in _ENDED:
        return Lack(f"response_{status}"[:100], f"The service gave the response back as {shown(status)}.")
    return None if _has_answer(body, is_cut=is_cut) else _nothing(body)


def _nothing(body: dict[str, Any]) -> Lack:
    reasons = finish_reasons(body)
    if FILTERED in reasons:
        return Lack(FILTERED, f"The answer was filtered.{told(filtered_in(body))}")
    because = f" It ended with {', '.join(map(shown, reasons))}." if reasons else ""
    return Lack("empty_answer", f"The service answered with success, and nothing in it.{because}")


# --- where an answer lies ---------------------------------------------------------------------------------------------


def _has_answer(body: dict[str, Any], *, is_cut: bool) -> bool:
    if any(_is_choice(choice, is_cut=is_cut) for choice in objects(body.get("choices"))):
        return True
    if any(_is_vector(part.get("embedding")) for part in objects(body.get("data"))):
        return True
    if any(map(_is_output, objects(body.get("output")))) or body.get("output_text"):
        return True
    return is_cut and body.get("status") == "incomplete"


def _is_choice(choice: dict[str, Any], *, is_cut: bool) -> bool:
    message = choice.get("message")
    if not isinstance(message, dict):
        return isinstance(choice.get("text"), str)
    if is_cut or isinstance(message.get("content"), str):
        return True
    return any(value not in _NOTHING for key, value in message.items() if key not in _NO_ANSWERS)


def _is_output(item: dict[str, Any]) -> bool:
    """Tell whether an item of a response is more than the thoughts before the answer."""
    kind = item.get("type")
    if kind == "message" or (kind is None and "content" in item):
        return bool(item.get("content"))
    return kind != "reasoning"


def _is_vector(vector: Any) -> bool:
    if not isinstance(vector, str):
        return isinstance(vector, list) and bool(vector)
    try:
        return bool(vector) and len(base64.b64decode(vector)) % 4 == 0
    except (binascii.Error, ValueError):
        return False


def finish_reasons(body: dict[str, Any]) -> list[Any]:
    """Give what the choices say of their end, or why a response is incomplete."""
    reasons = [reason for choice in objects(body.get("choices")) if (reason := choice.get("finish_reason"))]
    if body.get("status") == "incomplete":
        details = body.get("incomplete_details")
        reasons.append((details.get("reason") if isinstance(details, dict) else None) or "length")
    return reasons


# --- errors -----------------------------------------------------------------------------------------------------------


def code_and_message(error: Any, fallback: str) -> tuple[str, str]:
    """Read an error in any of its shapes; the code is `fallback` where it has none."""
    if not isinstance(error, dict):
        return fallback, str(error)[:MAX_BARE_ERROR_CHARS] if error else NO_REASON
    code = error.get("code") or error.get("type") or fallback
    return str(code)[:200], str(error.get("message") or NO_REASON)[:MAX_ERROR_CHARS]


def is_passing(code: str) -> bool:
    """Tell, by its code, whether an error that came without a status of its own may be gone another time."""
    if code.isascii() and code.isdigit() and len(code) == len("500"):
        return is_passing_status(int(code))
    return code.lower() in _PASSING_CODES


def is_passing_status(status: int) -> bool:
    """Tell whether a request that was answered with a status may be answered otherwise another time.

    A status below 100 is none: the service has written 0 for calls that came to nothing.
    """
    return status in _PASSING_STATUSES or status >= 500 or status < 100


# --- content filter ---------------------------------------------------------------------------------------------------


def filtered_in(*parts: Any) -> list[str]:
    """Name the categories that a content filter says it has filtered, wherever in an error or a body it says so."""
    found: dict[str, None] = {}
    for part in parts:
        for results in _filter_results(part):
            for category, verdict in results.items():
                if isinstance(verdict, dict) and (verdict.get("filtered") is True):
                    severity = verdict.get("severity")
                    named = f"{category} ({severity})" if isinstance(severity, str) else str(category)
                    found[named[:100]] = None
    return list(found)[:20]


def _filter_results(part: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(part, dict):
        return
    holders: list[Any] = [part, part.get("innererror"), part.get("inner_error")]
    for key in ("choices", "prompt_filter_results", "content_filters"):
        holders += objects(part.get(key))
    for holder in holders:
        for key in ("content_filter_result", "content_filter_results"):
            results = holder.get(key) if isinstance(holder, dict) else None
            if isinstance(results, dict):
                yield results


def told(categories: list[str]) -> str:
    """Say which categories were filtered, as a sentence behind others; nothing where there are none."""
    return f" Filtered: {', '.join(categories)}." if categories else ""


def objects(found: Any) -> list[dict[str, Any]]:
    """Give the objects of a list; none where it is no list."""
    return [part for part in found if isinstance(part, dict)] if isinstance(found, list) else []


def shown(value: Any) -> str:
    """Show what came, cut to a readable length."""
    if isinstance(value, str):
        text = repr(value[: MAX_SHOWN_CHARS + 1]) if value else "an empty text"
    elif value is None:
        text = "nothing (null)"
    else:
        text = msgspec.json.encode(value).decode()
    return text if len(text) <= MAX_SHOWN_CHARS else text[:MAX_SHOWN_CHARS] + "…"


def token_count(usage: Any, names: Iterable[str]) -> int:
    """Give the first count of tokens among the names that is one; 0 without."""
    for name in names:
        count = usage.get(name) if isinstance(usage, dict) else None
        if isinstance(count, int | float) and not isinstance(count, bool) and 0 <= count < MOST_TOKENS:
            return int(count)
    return 0
