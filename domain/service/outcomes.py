"""How a request ends: read the service's answer lines, judge each, put one outcome beside each request of a shard."""

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Any

import msgspec

from domain.service.answer_lines import AnswerLine
from domain.service.endpoints import CUT_REASONS, INPUT_COUNTS, OUTPUT_COUNTS


class Outcome(StrEnum):
    """The end of one request. Every request has exactly one."""

    OK = "ok"  # answered with status 200, even where the answer was truncated or filtered
    FAILED = "failed"  # the service answered with an error
    INVALID = "invalid"  # never sent: the line or row is no request
    INVALID_OUTPUT = "invalid_output"  # answered, but not in the form that was asked for
    EXPIRED = "expired"  # not done within the completion window
    CANCELLED = "cancelled"  # the batch was cancelled before its turn came
    MISSING = "missing"  # the batch ended and neither result file has it


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one answer line says about its request. `passing`: another attempt may end better."""

    custom_id: str
    outcome: Outcome
    code: str | None = None
    message: str | None = None
    passing: bool = False
    flag: str | None = None  # "truncated" or "filtered": answered, but not in full
    input_tokens: int = 0
    output_tokens: int = 0


NO_ANSWER = msgspec.Raw(b"")  # left out when written: msgspec omits a default that is this very object


class ShardOutcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a shard's outcomes in `work/`, in the order of the shard's requests.

    Either an outcome, or `passed_on`: the request went into a child shard, whose outcomes hold it. `answer` is the
    service's own line.
    """

    custom_id: str
    outcome: Outcome | None = None
    passed_on: bool = False
    code: str | None = None
    message: str | None = None
    attempts: int = 1
    flag: str | None = None
    answer: msgspec.Raw = NO_ANSWER


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


_PASSING_STATUSES = frozenset({408, 409, 425, 429})


_decode_answer = msgspec.json.Decoder(AnswerLine[Any]).decode


def judge(line: bytes) -> Verdict | None:
    """Read one line of an output or error file, in any of the shapes the service uses; None for a blank one.

    Raises msgspec.DecodeError (or UnicodeDecodeError) for a line that is no answer: a download cut in the middle.
    """
    if not line.strip():
        return None
    try:
        answer = _decode_answer(line)
    except RecursionError as error:
        raise msgspec.DecodeError("The JSON is nested too deeply.") from error
    if answer.response is not None and answer.response.status_code == 200 and not answer.error:
        return _judge_success(answer.custom_id, answer.response.body)
    return _judge_error(answer)


def _judge_success(custom_id: str, body: Any) -> Verdict:
    body = body if isinstance(body, dict) else {}
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    return Verdict(
        custom_id=custom_id,
        outcome=Outcome.OK,
        flag=_flag(body),
        input_tokens=_count(usage, INPUT_COUNTS),
        output_tokens=_count(usage, OUTPUT_COUNTS),
    )


def _count(usage: dict[str, Any], names: Iterable[str]) -> int:
    return next((usage[name] for name in names if isinstance(usage.get(name), int)), 0)


def _flag(body: dict[str, Any]) -> str | None:
    """Tell an answer that is 200 yet cut short: by the `finish_reason` of its choices, or by its `status`."""
    choices = body.get("choices")
    reasons = (
        [c.get("finish_reason") for c in choices if isinstance(c, dict)] if isinstance(choices, list) else []
    )
    if body.get("status") == "incomplete":
        details = body.get("incomplete_details")
        reasons.append(details.get("reason") if isinstance(details, dict) else "length")
    if "content_filter" in reasons:
        return "filtered"
    return "truncated" if any(reason in CUT_REASONS for reason in reasons) else None


def _judge_error(answer: AnswerLine[Any]) -> Verdict:
    status = answer.response.status_code if answer.response else None
    error = answer.error
    if not error and answer.response and isinstance(answer.response.body, dict):
        error = answer.response.body.get("error") or answer.response.body
    code, message = _code_and_message(error, status)
    outcome, passing = Outcome.FAILED, status is None or status in _PASSING_STATUSES or status >= 500
    if code == "batch_expired":
        outcome, passing = Outcome.EXPIRED, True
    elif code in ("batch_cancelled", "batch_canceled"):
        outcome, passing = Outcome.CANCELLED, False
    return Verdict(custom_id=answer.custom_id, outcome=outcome, code=code, message=message, passing=passing)


def _code_and_message(error: Any, status: int | None) -> tuple[str, str]:
    fallback = f"http_{status}" if status is not None else "no_answer"
    if not isinstance(error, dict):
        return fallback, str(error)[:1000] if error else "The service gave no reason."
    code = error.get("code") or error.get("type") or fallback
    return str(code), str(error.get("message") or "The service gave no reason.")[:2000]


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
                yield next(below)
            else:
                yield outcome
