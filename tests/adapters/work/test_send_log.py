"""The log of live calls on real storage: one writer at a time, and nothing that is true is lost."""

import json
from typing import Any

import msgspec
import pytest

from adapters.storage.append_blob import MAX_APPEND_BYTES, AppendBlob
from adapters.storage.blobs import Container
from adapters.work.send_log import SendLog
from adapters.work.store import WorkStore
from domain.direct.sending import SendBook, SendRecord
from domain.errors import ConflictError, NotFoundError, PassingError

ROWS = 9


class Writer:
    """A slice: its book, and its way to the log."""

    def __init__(self, store: WorkStore) -> None:
        self.book = SendBook(ROWS)
        self.log = store.send_logs.of("a/log.jsonl", 0, self.book.note)
        self.log.open()

    def intend(self, *rows: int) -> None:
        self.log.append(intended=list(rows), facts=[])


def answer(row: int, text: str = "") -> SendRecord:
    return SendRecord(
        row=row, answer=msgspec.Raw(json.dumps({"custom_id": f"row-{row}", "text": text}).encode())
    )


def test_what_one_slice_has_written_the_next_one_knows(store: WorkStore) -> None:
    first = Writer(store)
    first.intend(0, 1, 2)
    first.log.append(intended=[3], facts=[answer(0), SendRecord(taken_back=[2])])
    second = Writer(store)
    for writer in (first, second):
        assert writer.book.to_send(most_tries=1) == [2, 4, 5, 6, 7, 8]
        assert [row for row in range(ROWS) if writer.book.is_in_doubt(row)] == [1, 3]


def test_whoever_was_overtaken_cannot_write_an_intent(store: WorkStore) -> None:
    first, second = Writer(store), Writer(store)
    with pytest.raises(ConflictError):
        first.intend(0)
    second.intend(0)
    assert Writer(store).book.to_send(most_tries=1) == list(range(1, ROWS))


def test_whoever_was_overtaken_may_still_tell_facts_and_disturbs_nobody(store: WorkStore) -> None:
    first = Writer(store)
    first.intend(0, 1)
    second = Writer(store)
    assert second.book.is_in_doubt(0)
    first.log.add_facts([answer(0), SendRecord(taken_back=[1])])
    second.intend(2)
    assert second.book.is_answered(0)
    assert second.book.to_send(most_tries=1) == [1, 3, 4, 5, 6, 7, 8]


def test_an_append_whose_answer_was_lost_is_not_taken_for_somebody_elses(
    store: WorkStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, append = Writer(store), AppendBlob.append

    def twice(self: AppendBlob, content: bytes, *, position: int | None) -> None:
        append(self, content, position=position)
        append(self, content, position=position)  # as the SDK does when no answer comes

    monkeypatch.setattr(AppendBlob, "append", twice)
    writer.intend(0)
    writer.intend(1)
    monkeypatch.undo()
    again = Writer(store)
    assert [row for row in range(ROWS) if again.book.is_in_doubt(row)] == [0, 1]
    assert again.book.tries(0) == 1


def test_an_append_of_which_nobody_knows_whether_it_was_done_is_found_out_by_the_next_one(
    store: WorkStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, append = Writer(store), AppendBlob.append

    def fails(self: AppendBlob, content: bytes, *, position: int | None) -> None:
        append(self, content, position=position)
        raise PassingError("no answer")

    monkeypatch.setattr(AppendBlob, "append", fails)
    with pytest.raises(PassingError):
        writer.intend(0)
    monkeypatch.undo()
    writer.log.append(intended=[], facts=[SendRecord(taken_back=[0])])
    assert writer.book.to_send(most_tries=1) == Writer(store).book.to_send(most_tries=1) == list(range(ROWS))


def test_a_line_that_was_cut_off_spoils_no_other(store: WorkStore, container: Container) -> None:
    writer = Writer(store)
    writer.intend(0)
    AppendBlob(container, "a/log.jsonl").append(b'{"row":0,"answer":{"custom', position=None)
    again = Writer(store)
    assert again.book.is_in_doubt(0)
    again.log.append(intended=[1], facts=[answer(0)])
    last = Writer(store)
    assert (last.book.is_answered(0), last.book.is_in_doubt(1)) == (True, True)


def test_answers_larger_than_a_block_come_back_whole(store: WorkStore, container: Container) -> None:
    text = "x" * (MAX_APPEND_BYTES + 1000)
    writer = Writer(store)
    writer.log.append(intended=[3], facts=[answer(0, text), answer(1), answer(2, text)])
    found: list[SendRecord] = []
    log = SendLog(AppendBlob(container, "a/log.jsonl"), 0, found.append)
    log.open()
    answers: list[Any] = [json.loads(bytes(record.answer)) for record in found if record.row is not None]
    assert [len(each["text"]) for each in answers] == [len(text), 0, len(text)]
    assert [record.intended for record in found if record.intended] == [[3]]


def test_a_log_that_was_removed_with_its_file_does_not_come_again(
    store: WorkStore, container: Container
) -> None:
    writer = Writer(store)
    container.delete("a/log.jsonl")
    with pytest.raises(NotFoundError):
        writer.intend(0)
    assert list(container.list("a/")) == []


def test_a_log_that_is_nearly_full_says_so(store: WorkStore) -> None:
    writer = Writer(store)
    assert not writer.log.is_full
    writer.log._blob.blocks = 48_000
    assert writer.log.is_full
