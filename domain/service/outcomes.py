"""How a request ends: read the service's answer lines, judge each, put one outcome beside each request of a shard."""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Any

import msgspec

from domain.json_depth import MAX_JSON_DEPTH, TOO_DEEP, is_too_deep
from domain.service.answer_repair import UNREADABLE
from domain.service.bodies import (
    FILTERED,
    code_and_message,
    filtered_in,
    finish_reasons,
    is_passing_status,
    lack_in,
    shown,
    token_count,
    told,
    unpacked,
)
from domain.service.endpoints import CUT_REASONS, INPUT_COUNTS, OUTPUT_COUNTS, cached_count, chat_counts


class Outcome(StrEnum):
    """The end of one request. Every request has exactly one."""

    OK = "ok"  # there is an answer, even where it was truncated or filtered
    FAILED = "failed"  # the service answered with an error, or with nothing that is an answer
    INVALID = "invalid"  # never sent: the line or row is no request
    INVALID_OUTPUT = "invalid_output"  # answered, but not in the form that was asked for
    EXPIRED = "expired"  # not done within the completion window
    CANCELLED = "cancelled"  # the batch was cancelled before its turn came
    MISSING = "missing"  # the batch ended and neither result file has it


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one answer line says about its request.

    `passing`: another attempt may end better. `has_text`: something came that belongs into the error record, whole. `complaint`: what the model is told when it is asked again.
    """

    custom_id: str
    outcome: Outcome
    code: str | None = None
    message: str | None = None
    passing: bool = False
    flag: str | None = None  # "truncated" or "filtered": answered, but not in full
    has_text: bool = False
    complaint: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0  # a part of the input


def is_plain(verdict: Verdict) -> bool:
    """Tell an answer of which there is nothing more to say: in full, and not asked for again."""
    return verdict.outcome is Outcome.OK and not (
        verdict.passing or verdict.flag or verdict.code or verdict.message or verdict.has_text
    )


# Of a request whose file people have cancelled before it was sent, or before its batch did anything.
AS_ASKED = Verdict(
    custom_id="",
    outcome=Outcome.CANCELLED,
    code="cancelled",
    message="Its file was cancelled, as people asked, before it was sent. It is in the retry file.",
)
NO_ANSWER = msgspec.Raw(b"")  # left out when written: msgspec omits a default that is this very object


class ShardOutcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a shard's outcomes in `work/`, in the order of the shard's requests.

    Either an outcome, or `passed_on`: the request went into a child shard, whose outcomes hold it. `answer` is the
    service's own line: of an answer, and of what came in its place. `earlier` are those of attempts before, where none was an answer.
    """

    custom_id: str
    outcome: Outcome | None = None
    passed_on: bool = False
    code: str | None = None
    message: str | None = None
    attempts: int = 1
    flag: str | None = None
    answer: msgspec.Raw = NO_ANSWER
    earlier: list[msgspec.Raw] = []


class Tally(msgspec.Struct, kw_only=True):
    """Counts over outcomes; tokens as the service reports them per row, cached ones included in the input."""

    ok: int = 0
    failed: int = 0
    invalid: int = 0
    invalid_output: int = 0
    expired: int = 0
    cancelled: int = 0
    missing: int = 0
    truncated: int = 0
    filtered: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0

    @property
    def total(self) -> int:
        """Requests that have their outcome."""
        return sum(getattr(self, outcome) for outcome in Outcome)

    @property
    def errors(self) -> int:
        """Requests that ended in the errors."""
        return self.total - self.ok

    def count(self, outcome: Outcome, *, flag: str | None = None) -> None:
        """Count one outcome."""
        setattr(self, outcome.value, getattr(self, outcome.value) + 1)
        if flag:
            setattr(self, flag, getattr(self, flag) + 1)

    def add(self, other: "Tally") -> None:
        """Add another tally to this one."""
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


_decode = msgspec.json.Decoder().decode


def judge(line: bytes) -> Verdict | None:
    """Read one line of an output or error file, in whatever shape the service gives it; None for a blank one.

    Raises msgspec.DecodeError (or UnicodeDecodeError) for a line that is no strict JSON, and for one without a `custom_id`.
    """
    if not line.strip():
        return None
    try:
        found = _decode(line)
    except RecursionError as error:
        raise msgspec.DecodeError(TOO_DEEP) from error
    plain = _judge_plain(found, line)
    if plain is not None:
        return plain
    if is_too_deep(line):
        raise msgspec.DecodeError(TOO_DEEP)
    custom_id = found.get("custom_id") if isinstance(found, dict) else None
    if not isinstance(custom_id, str):
        raise msgspec.DecodeError("The line has no `custom_id`.")
    return _judge(custom_id, found)


def _judge_plain(found: Any, line: bytes) -> Verdict | None:
    """Judge an answer that is as nearly all are, a chat's one choice with a text to its end; None for any other.

    What it says, `_judge` says of the same line: it only looks at fewer places.
    """
    try:
        custom_id, response = found["custom_id"], found["response"]
        body = response["body"]
        (choice,) = body["choices"]
        content, counts = choice["message"]["content"], chat_counts(body["usage"])
        is_plain_answer = (
            response["status_code"] == 200
            and choice["finish_reason"] == "stop"
            and type(content) is str
            and type(custom_id) is str
            and not (found.get("error") or body.get("error") or body.get("status") or UNREADABLE in found)
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    # What is left beside the text has rarely room for more levels than are allowed.
    if (
        not is_plain_answer
        or counts is None
        or (len(line) - len(content) > 2 * MAX_JSON_DEPTH and is_too_deep(line))
    ):
        return None
    read, written, cached = counts
    return Verdict(
        custom_id=custom_id,
        outcome=Outcome.OK,
        input_tokens=read,
        output_tokens=written,
        cached_tokens=cached,
    )


def _judge(custom_id: str, line: dict[str, Any]) -> Verdict:
    response, error = line.get("response"), line.get("error")
    if UNREADABLE in line:
        return Verdict(
            custom_id=custom_id,
            outcome=Outcome.FAILED,
            code="unreadable_answer",
            message="The line of the answer is no JSON; it is kept as a text.",
            has_text=True,
        )
    parts = response if isinstance(response, dict) else {}
    status, body = _status(parts.get("status_code")), unpacked(parts.get("body"))
    # Without a status it is what it holds.
    has_succeeded = body not in (None, {}) if status is None else 200 <= status < 300
    if has_succeeded and not error:
        return _judge_success(custom_id, body)
    if response and not parts:
        body, error = response, error or f"The response is {shown(response)}."
    return _judge_error(custom_id, status, body, error)


def _status(found: Any) -> int | None:
    """Read a status in any way that it may be written."""
    if isinstance(found, str) and found.strip().isascii() and found.strip().isdigit():
        return int(found[:9])
    return int(found) if isinstance(found, int | float) and not isinstance(found, bool) else None


def _judge_success(custom_id: str, body: Any) -> Verdict:
    tokens = _tokens(body)
    flag = _flag(body) if isinstance(body, dict) else None
    lack = lack_in(body, is_cut=flag == "truncated")
    if lack is None:
        return Verdict(
            custom_id=custom_id,
            outcome=Outcome.OK,
            flag=flag,
            input_tokens=tokens[0],
            output_tokens=tokens[1],
            cached_tokens=tokens[2],
        )
    return Verdict(
        custom_id=custom_id,
        outcome=Outcome.FAILED,
        code=lack.code,
        message=lack.message,
        passing=lack.passing,
        has_text=True,
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        cached_tokens=tokens[2],
    )


def _tokens(body: Any) -> tuple[int, int, int]:
    """Give the tokens in and out, and those in that were cached."""
    usage = body.get("usage") if isinstance(body, dict) else None
    return token_count(usage, INPUT_COUNTS), token_count(usage, OUTPUT_COUNTS), cached_count(usage)


def _flag(body: dict[str, Any]) -> str | None:
    """Tell an answer that is 200 yet cut short: by the `finish_reason` of its choices, or by its `status`."""
    reasons = finish_reasons(body)
    if FILTERED in reasons:
        return "filtered"
    return "truncated" if any(reason in CUT_REASONS for reason in reasons) else None


def _judge_error(custom_id: str, status: int | None, body: Any, error: Any) -> Verdict:
    inner = body if isinstance(body, dict) else {}
    said = error or inner.get("error") or inner or body
    code, message = code_and_message(said, f"http_{status}" if status is not None else "no_answer")
    categories, tokens = filtered_in(said, inner), _tokens(body)
    outcome, passing = Outcome.FAILED, status is None or is_passing_status(status)
    if code == "batch_expired":
        outcome, passing = Outcome.EXPIRED, True
    elif code in ("batch_cancelled", "batch_canceled"):
        outcome, passing = Outcome.CANCELLED, False
    return Verdict(
        custom_id=custom_id,
        outcome=outcome,
        code=code,
        message=message + told(categories),
        passing=passing and code != FILTERED,
        has_text=bool(body) or bool(error),
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        cached_tokens=tokens[2],
    )


# --- a batch as a whole ----------------------------------------------------------------------------------------------


def judge_absent(status: str) -> Verdict:
    """Judge a request that neither result file of an ended batch holds. `status` is the batch's last one."""
    code, outcome, passing, message = {
        "expired": (
            "batch_expired",
            Outcome.EXPIRED,
            True,
            "The batch expired before this request was answered.",
        ),
        "cancelled": (
            "batch_cancelled",
            Outcome.CANCELLED,
            False,
            "The batch was cancelled before its turn came.",
        ),
        "completed": (
            "no_answer",
            Outcome.MISSING,
            True,
            "The batch completed, but neither result file has it.",
        ),
    }.get(
        status,
        (
            f"batch_{status}",
            Outcome.MISSING,
            False,
            f"The batch was last seen as {status!r}, without an answer to it.",
        ),
    )
    return Verdict(custom_id="", outcome=outcome, code=code, message=message, passing=passing)


def join_passed_on(
    shards: Iterable[str],
    read: Callable[[str], Iterator[ShardOutcome]],
    children: Callable[[str], Iterable[str]],
) -> Iterator[ShardOutcome]:
    """Give the outcomes of all requests of `shards` in their order, following those that went into child shards.

    A shard's passed-on requests stand, in the same order, in its children taken one after the other.
    Raises StopIteration as RuntimeError when a child holds fewer than were passed on: outcomes are incomplete.
    """
    for shard in shards:
        below: Iterator[ShardOutcome] | None = None
        for outcome in read(shard):
            if outcome.passed_on:
                below = below or join_passed_on(children(shard), read, children)
                yield _with_earlier_answer(next(below), outcome)
            else:
                yield outcome


def _with_earlier_answer(ended: ShardOutcome, before: ShardOutcome) -> ShardOutcome:
    """Keep what an earlier attempt was answered, and was paid, where the last one came to no answer."""
    if ended.outcome is Outcome.OK or not before.answer:
        return ended
    return msgspec.structs.replace(ended, earlier=[before.answer, *ended.earlier])
