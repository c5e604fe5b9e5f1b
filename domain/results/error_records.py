"""One line of an error file: which request, what became of it, why, and the request itself."""

from typing import Any

import msgspec

from domain.errors import PipelineError
from domain.json_depth import TOO_DEEP, is_too_deep
from domain.names import ROW_PREFIX
from domain.service.answers import body_of, marks_of
from domain.service.outcomes import Outcome, ShardOutcome
from domain.service.request_lines import BadLine

MAX_SHOWN_CHARS = 2000  # of a line that is no JSON; the archived input has all of it

_encode = msgspec.json.Encoder().encode


class ErrorRecord(msgspec.Struct, frozen=True, kw_only=True):
    """`request` is the request as JSON; where it did not come to one, the row's values or the raw text.

    `row` counts from 0 and is there for rows of tables; `line` counts from 1. `answer` is what the service answered with, whole;
    `earlier_answers` are those that were paid before it, where none was good;
    `marks` say how it was kept.
    """

    file: str
    row: int | msgspec.UnsetType = msgspec.UNSET
    line: int | None
    custom_id: str | None
    outcome: Outcome
    code: str
    message: str
    attempts: int
    request: Any
    answer: Any = msgspec.UNSET
    earlier_answers: list[msgspec.Raw] | msgspec.UnsetType = msgspec.UNSET
    marks: list[str] | msgspec.UnsetType = msgspec.UNSET


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


def of_bad_row(path: str, row: int, line: int | None, why: PipelineError, shown: Any) -> bytes:
    """Write the record of a row that never became a request; `shown` are its values, or its raw text."""
    record = ErrorRecord(
        file=path,
        row=row,
        line=line,
        custom_id=f"{ROW_PREFIX}{row}",
        outcome=Outcome.INVALID,
        code=why.code,
        message=str(why),
        attempts=0,
        request=shown,
    )
    return _line(record)


def of_row_outcome(path: str, row: int, line: int | None, request: bytes, ended: ShardOutcome) -> bytes:
    """Write the record of a row that was sent, or should have been, and ended badly."""
    return _of_ended(path, row, line, request, ended)


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
    return _of_ended(path, msgspec.UNSET, number, line, ended)


def _of_ended(
    path: str, row: int | msgspec.UnsetType, line: int | None, request: bytes, ended: ShardOutcome
) -> bytes:
    answer = bytes(ended.answer)
    return _line(
        ErrorRecord(
            file=path,
            row=row,
            line=line,
            custom_id=ended.custom_id,
            outcome=ended.outcome or Outcome.MISSING,
            code=ended.code or "unknown",
            message=ended.message or "",
            attempts=ended.attempts,
            request=msgspec.Raw(request),
            answer=body_of(answer) if answer else msgspec.UNSET,
            earlier_answers=[body_of(bytes(before)) for before in ended.earlier] or msgspec.UNSET,
            marks=(answer and marks_of(answer)) or msgspec.UNSET,
        )
    )


def _line(record: ErrorRecord) -> bytes:
    return _encode(record) + b"\n"


def _shown(line: bytes) -> Any:
    try:
        return _decoded(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = line[: 4 * MAX_SHOWN_CHARS].decode("utf-8", errors="replace")
        return text if len(text) <= MAX_SHOWN_CHARS else text[:MAX_SHOWN_CHARS] + "…"


def _decoded(line: bytes) -> Any:
    if is_too_deep(line):
        raise RecursionError(TOO_DEEP)
    return msgspec.json.decode(line)


class _Reason(msgspec.Struct):
    code: str
    message: str


_decode_reason = msgspec.json.Decoder(_Reason).decode


def reason_of(record: bytes) -> tuple[str, str]:
    """Read the code and the message of a record."""
    found = _decode_reason(record)
    return found.code, found.message
