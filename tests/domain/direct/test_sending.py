"""The log of live calls, and what it adds up to."""

from collections import Counter

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain.direct.sending import SendBook, SendRecord, records, to_line
from domain.service.outcomes import judge

ROWS = 6
rows = st.lists(st.integers(0, ROWS - 1), unique=True, max_size=ROWS)
answer = b'{"custom_id":"a","response":{"status_code":200,"request_id":"","body":{"data":[{"embedding":[1]}]}},"error":null}'
some_records = st.lists(
    st.one_of(
        st.builds(SendRecord, by=st.sampled_from(["x", "y"]), intended=rows),
        st.builds(SendRecord, taken_back=rows),
        st.builds(SendRecord, alone=rows),
        st.builds(SendRecord, split=st.lists(rows, max_size=3)),
        st.builds(SendRecord, row=st.integers(0, ROWS - 1), answer=st.just(msgspec.Raw(answer))),
    ),
    max_size=30,
)


def book_of(found: list[SendRecord]) -> SendBook:
    book = SendBook(ROWS)
    for record in found:
        book.note(record)
    return book


@given(some_records)
def test_a_record_comes_back_from_its_line(found: list[SendRecord]) -> None:
    lines = [to_line(record).removesuffix(b"\n") for record in found]
    assert not any(b"\n" in line for line in lines)
    again = list(records(lines))
    assert [to_line(record) for record in again] == [to_line(record) for record in found]


@given(some_records, st.integers(1, 3))
def test_a_row_is_sent_only_if_it_has_no_answer_and_no_open_intent_too_many(
    found: list[SendRecord], most_tries: int
) -> None:
    book, intents, answered = book_of(found), Counter[int](), set()
    for record in found:
        intents.update(record.intended)
        for row in record.taken_back:
            intents[row] = max(0, intents[row] - 1)
        answered |= {record.row} - {None}
    to_send = book.to_send(most_tries=most_tries)
    assert len(set(to_send)) == len(to_send)
    for row in range(ROWS):
        may = row not in answered and (intents[row] == 0 or intents[row] < most_tries)
        assert (row in to_send) == may
        assert book.is_in_doubt(row) == (row not in answered and intents[row] > 0)
        assert book.is_answered(row) == (row in answered)


def test_rows_in_doubt_come_after_those_that_were_never_sent() -> None:
    book = book_of([SendRecord(by="x", intended=[0, 2, 4])])
    assert book.to_send(most_tries=1) == [1, 3, 5]
    assert book.to_send(most_tries=2) == [1, 3, 5, 0, 2, 4]


@given(some_records.filter(bool), st.data())
def test_a_line_that_was_cut_off_is_as_if_it_had_never_been_written(
    found: list[SendRecord], data: st.DataObject
) -> None:
    lines = [to_line(record).removesuffix(b"\n") for record in found]
    cut = data.draw(st.integers(0, len(lines[-1]) - 1))
    assert len(list(records([*lines[:-1], lines[-1][:cut], b"", *lines]))) == 2 * len(lines) - 1


def test_rows_that_the_shard_does_not_have_are_left_out() -> None:
    book = book_of([SendRecord(intended=[ROWS], taken_back=[ROWS + 1], alone=[ROWS]), SendRecord(row=ROWS)])
    assert book.answered == 0
    assert book.to_send(most_tries=1) == list(range(ROWS))
    assert not book.is_in_doubt(ROWS)


def test_the_answer_in_a_record_is_a_line_that_the_rules_of_outcomes_read() -> None:
    (record,) = records([to_line(SendRecord(row=1, answer=msgspec.Raw(answer))).removesuffix(b"\n")])
    verdict = judge(bytes(record.answer))
    assert verdict is not None
    assert (verdict.custom_id, verdict.outcome) == ("a", "ok")
