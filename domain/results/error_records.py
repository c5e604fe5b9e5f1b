"""One line of an error file: which request, what became of it, why, and the request itself."""

from collections.abc import Callable
from typing import Any

import msgspec

from domain.errors import PipelineError
from domain.json_depth import TOO_DEEP, is_too_deep
from domain.names import ROW_PREFIX
from domain.service.answers import body_of, marks_of
from domain.service.outcomes import Outcome, ShardOutcome
from domain.service.request_lines import BadLine

MAX_SHOWN_CHARS = 2000  # of a line that is no JSON; the archived input has all of it
# The records of rows and lines that never became requests are as long together as so many bytes, or as the file itself so many
# times; then long texts are cut. A packed file of 1 kB may hold gigabytes.
WHOLE_BYTES = 50_000_000
WHOLE_TIMES = 4

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


class BadRecords:
    """The records of what never became a request, of one file; `size` is that of its bytes as they are stored."""

    def __init__(self, path: str, size: int, write: Callable[[bytes], object]) -> None:
        self._path, self._write = path, write
        self._whole_left = max(WHOLE_BYTES, WHOLE_TIMES * size)

    def add_line(self, bad: BadLine) -> None:
        """Write the record of a line."""
        self._add(
            ErrorRecord(
                file=self._path,
                line=bad.number,
                custom_id=bad.custom_id,
                outcome=Outcome.INVALID,
                code=bad.code,
                message=bad.message,
                attempts=0,
                request=_shown(bad.line),
            )
        )

    def add_row(self, row: int, line: int | None, why: PipelineError, shown: Any) -> None:
        """Write the record of a row; `shown` are its values, or its raw text."""
        self._add(
            ErrorRecord(
                file=self._path,
                row=row,
                line=line,
                custom_id=f"{ROW_PREFIX}{row}",
                outcome=Outcome.INVALID,
                code=why.code,
                message=str(why),
                attempts=0,
                request=shown,
            )
        )

    def _add(self, record: ErrorRecord) -> None:
        line = _line(record)
        if len(line) > max(self._whole_left, MAX_SHOWN_CHARS):
            line = _line(msgspec.structs.replace(record, request=_shortened(record.request)))
        self._whole_left -= len(line)
        self._write(line)


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
        return _cut(line[: 4 * MAX_SHOWN_CHARS].decode("utf-8", errors="replace"))


def _shortened(request: Any) -> Any:
    """Cut what is long of a row's values, or of a request; what is not text is shown as its JSON."""
    if isinstance(request, dict):
        return {name: _cut(value) for name, value in request.items()}
    return _cut(request)


def _cut(value: Any) -> Any:
    text = value if isinstance(value, str) else _encode(value).decode()
    return value if len(text) <= MAX_SHOWN_CHARS else text[:MAX_SHOWN_CHARS] + "…"


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
