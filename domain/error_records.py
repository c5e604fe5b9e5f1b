"""One line of an error file: which request, what became of it, why, and the request itself."""

from typing import Any

import msgspec

from domain.outcomes import Outcome, ShardOutcome
from domain.request_lines import BadLine

MAX_SHOWN_CHARS = 2000  # of a line that is no JSON; the archived input has all of it

_encode = msgspec.json.Encoder().encode


class ErrorRecord(msgspec.Struct, frozen=True, kw_only=True):
    """`request` is the request as JSON, or the text of a line that is none."""

    file: str
    line: int | None
    custom_id: str | None
    outcome: Outcome
    code: str
    message: str
    attempts: int
    request: Any


def of_bad_line(path: str, bad: BadLine) -> bytes:
    """Write the record of a line that never became a request."""
    return _line(
        ErrorRecord(
            file=path,
            line=bad.number,
            custom_id=bad.custom_id,
            outcome=Outcome.INVALID,
            code=bad.code,
            message=bad.message,
            attempts=0,
            request=_shown(bad.line),
        )
    )


def of_file(path: str, code: str, message: str) -> bytes:
    """Write the record of a file that was rejected before it had lines."""
    record = ErrorRecord(
        file=path,
        line=None,
        custom_id=None,
        outcome=Outcome.INVALID,
        code=code,
        message=message,
        attempts=0,
        request=None,
    )
    return _line(record)


def of_outcome(path: str, number: int, line: bytes, ended: ShardOutcome) -> bytes:
    """Write the record of a request that was sent, or should have been, and ended badly."""
    return _line(
        ErrorRecord(
            file=path,
            line=number,
            custom_id=ended.custom_id,
            outcome=ended.outcome or Outcome.MISSING,
            code=ended.code or "unknown",
            message=ended.message or "",
            attempts=ended.attempts,
            request=msgspec.Raw(line),
        )
    )


def _line(record: ErrorRecord) -> bytes:
    return _encode(record) + b"\n"


def _shown(line: bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = line[: 4 * MAX_SHOWN_CHARS].decode("utf-8", errors="replace")
        return text if len(text) <= MAX_SHOWN_CHARS else text[:MAX_SHOWN_CHARS] + "…"
