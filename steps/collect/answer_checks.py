"""Hold structured answers against the schema they were asked for; what does not fit is tried again."""

import msgspec

from domain.service.outcomes import Outcome, Verdict, judge
from domain.spec.job_spec import JobSpec
from domain.spec.structured import AnswerChecker


class CheckedAnswers:
    """Judges answer lines like `domain.service.outcomes.judge`, and looks into those that are answers."""

    def __init__(self, spec: JobSpec) -> None:
        self._read_answer = spec.target.read_answer
        schema = spec.answer_schema
        self._checker = AnswerChecker(schema) if schema is not None else None

    def judge(self, line: bytes) -> Verdict | None:
        """Judge one line. Raises msgspec.DecodeError for one that is no answer."""
        verdict = judge(line)
        if verdict is None or verdict.outcome is not Outcome.OK or self._checker is None:
            return verdict
        answer = self._read_answer(line)
        reason = self._checker.reason_against(msgspec.json.decode(answer.content))
        if reason is None:
            return verdict
        if verdict.flag:
            reason += f" (It ended early: {answer.finish_reason}.)"
        return msgspec.structs.replace(
            verdict, outcome=Outcome.INVALID_OUTPUT, passing=True, code="invalid_output", message=reason
        )
