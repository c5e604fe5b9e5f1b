"""Answers are found again whatever the order, in memory and in the file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.service.outcomes import Outcome, Verdict
from steps.collect import answer_spool
from steps.collect.answer_spool import AnswerSpool

IDS = ["a", "b", "ü\n", ""]
SMALL = 64


def judged(line: bytes) -> Verdict:
    number, outcome, _ = line.split(b" ", 2)
    return Verdict(custom_id=IDS[int(number)], outcome=Outcome(outcome.decode()))


ANSWERS = st.lists(
    st.builds(
        lambda number, outcome, size: f"{number} {outcome} ".encode() + b"x" * size,
        st.integers(0, len(IDS) - 1),
        st.sampled_from([Outcome.OK, Outcome.FAILED]),
        st.integers(0, 2 * SMALL),
    ),
    max_size=12,
)


@given(before=ANSWERS, behind=ANSWERS, taken=st.lists(st.sampled_from(IDS)), small=st.booleans())
def test_each_request_has_its_first_answer_or_its_first_success(
    before: list[bytes], behind: list[bytes], taken: list[str], small: bool
) -> None:
    expected: dict[str, bytes] = {}

    def add(line: bytes) -> None:
        verdict = judged(line)
        kept = expected.get(verdict.custom_id)
        if kept is None or (verdict.outcome is Outcome.OK and judged(kept).outcome is not Outcome.OK):
            expected[verdict.custom_id] = line
        spool.add(line)

    def take(custom_id: str) -> None:
        line = expected.pop(custom_id, None)
        assert spool.take(custom_id) == (None if line is None else (judged(line), line))

    with pytest.MonkeyPatch.context() as patch:
        if small:
            patch.setattr(answer_spool, "SPOOL_BYTES", SMALL)
            patch.setattr(answer_spool, "READ_BYTES", SMALL)
        with AnswerSpool(judged) as spool:
            for line in before:
                add(line)
            for custom_id in taken:
                take(custom_id)
            for line in behind:
                add(line)
            for custom_id in IDS:
                take(custom_id)
            assert spool.unrequested == 0


def test_a_file_that_lost_its_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_spool, "SPOOL_BYTES", 1)
    with AnswerSpool(judged) as spool:
        spool.add(b"0 ok x")
        assert spool._file is not None
        spool._file.truncate(0)
        with pytest.raises(EOFError):
            spool.take(IDS[0])
