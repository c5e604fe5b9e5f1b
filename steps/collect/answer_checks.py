"""Hold answers against what the job spec says: the schema they were asked for, and what becomes of those that fall short."""

import msgspec

from domain.results.columns import MARKS
from domain.service.asking_again import with_complaint, with_room
from domain.service.bodies import FILTERED, MAX_ERROR_CHARS
from domain.service.outcomes import Outcome, Verdict, judge
from domain.service.plain_answers import RowAnswer
from domain.spec.job_spec import JobSpec
from domain.spec.structured import AnswerChecker

REFUSED = "refusal"
TRUNCATED = "truncated"
INVALID_OUTPUT = "invalid_output"


class CheckedAnswers:
    """Judges answer lines like `domain.service.outcomes.judge`, and looks into those that are answers.

    `wide` names, after that, the properties of structured answers that hold whole numbers beyond 64 bits.
    """

    def __init__(self, spec: JobSpec) -> None:
        self._spec = spec
        self._read_answer = spec.target.read_answer
        schema = spec.answer_schema
        self._checker = AnswerChecker(schema) if schema is not None else None
        self.wide: set[str] = set()

    def judge(self, line: bytes) -> Verdict | None:
        """Judge one line. Raises msgspec.DecodeError for one that is no answer."""
        verdict = judge(line)
        if verdict is None or verdict.outcome is not Outcome.OK:
            return verdict
        answer = self._read_answer(line)
        return self._held_against(verdict, answer, self._misfit(answer))

    def _held_against(self, verdict: Verdict, answer: RowAnswer, reason: str | None) -> Verdict:
        """Judge an answer; `reason`: why it does not fit the schema."""
        if answer.refusal is not None and (reason or self._spec.on_refused == "fail"):
            return _ended(verdict, reason, REFUSED, f"The model refused: {answer.refusal}")
        if verdict.flag == "filtered" and (reason or self._spec.on_filtered == "fail"):
            return _ended(verdict, reason, FILTERED, _told_of_filter(answer))
        if verdict.flag == "truncated" and (reason or self._spec.on_truncated != "keep"):
            return self._cut(verdict, answer, reason)
        if reason is None:
            return verdict
        return msgspec.structs.replace(
            _ended(verdict, reason, INVALID_OUTPUT, reason),
            passing=self._spec.on_invalid_output != "fail",
            complaint=reason if self._spec.on_invalid_output == "ask_again" else None,
        )

    def request_again(self, request: bytes, verdict: Verdict, answer: bytes) -> bytes:
        """Give the request as it is sent the next time."""
        spec = self._spec
        if verdict.complaint is not None:
            said = msgspec.json.decode(self._read_answer(answer).content)
            text = said if isinstance(said, str) else ""
            return with_complaint(request, spec.target, answer=text, complaint=verdict.complaint)
        if verdict.flag == "truncated" and spec.retry_output_tokens:
            return with_room(request, spec.target, most=spec.retry_output_tokens)
        return request

    def _misfit(self, answer: RowAnswer) -> str | None:
        """Say why an answer does not fit the schema; None where it does, and where there is none."""
        if self._checker is None:
            return None
        content = msgspec.json.decode(answer.content)
        if not content and "message" in answer.more and "tools" in self._spec.parameters:
            return None  # it calls a tool first, as it may
        reason = self._checker.reason_against(content)
        if reason is None:
            self.wide |= self._checker.wide_in(content)
        return reason

    def _cut(self, verdict: Verdict, answer: RowAnswer, reason: str | None) -> Verdict:
        """Judge an answer that was cut: with a schema it is none, without one the job spec says."""
        again = self._spec.on_truncated == "retry"
        if reason is None and again:
            return msgspec.structs.replace(verdict, passing=True)  # kept, unless another is better
        told = reason or "The answer was cut at its limit of tokens."
        message = f"{told} (It ended early: {answer.finish_reason}.)"
        return msgspec.structs.replace(_ended(verdict, reason, TRUNCATED, message), passing=again)


def _ended(verdict: Verdict, reason: str | None, code: str, message: str) -> Verdict:
    """Give the verdict on an answer that is not kept as one: it does not fit the schema, or is not wanted."""
    return msgspec.structs.replace(
        verdict,
        outcome=Outcome.INVALID_OUTPUT if reason else Outcome.FAILED,
        code=code,
        message=message[:MAX_ERROR_CHARS],
        has_text=True,
    )


def _told_of_filter(answer: RowAnswer) -> str:
    """Say that an answer was filtered, and which categories took it."""
    marks = msgspec.json.decode(answer.more.get(MARKS, b"[]"), type=list[str])
    return " ".join(
        ["The content filter cut the answer short.", *(f"It is marked {mark!r}." for mark in marks)]
    )
