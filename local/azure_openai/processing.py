"""Doing a batch's work: every row of the input becomes a line of the output file or of the error file."""

from __future__ import annotations

import random
import uuid
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec

from local.azure_openai import answers, odd_answers
from local.azure_openai.plan import RowRule, Subject
from local.azure_openai.rows import (
    EMBEDDINGS_URLS,
    RESPONSES_URLS,
    InputRow,
    answer_line,
    error_body,
    unfinished_line,
)
from local.azure_openai.validation import StoppedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.azure_openai.counters import Counters
    from local.azure_openai.faults import Faults


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done with an input file."""

    input_path: Path
    results_path: Path
    errors_path: Path
    shuffle_seed: str
    fraction: float = 1.0  # of the rows, processed before the end
    unfinished: str = ""  # `expired` or `cancelled` writes the other rows to the error file


class Tally(msgspec.Struct, kw_only=True):
    """What was done. `completed` and `failed` count requests; `unfinished` ones are in neither."""

    completed: int = 0
    failed: int = 0
    unfinished: int = 0
    result_lines: int = 0
    answered: list[str] = []  # custom_ids with a 200


class Processor:
    """Processes files. Called in worker threads, one file per call; memory does not grow with the file."""

    def __init__(self, faults: Faults, counters: Counters, *, now: Callable[[], float]) -> None:
        self._faults = faults
        self._counters = counters
        self._now = now
        self._decode = msgspec.json.Decoder(InputRow).decode

    def process(self, work: Work, is_stopping: Callable[[], bool]) -> Tally:
        """Answer the rows in shuffled order and write both files. Raises StoppedError when asked to stop."""
        tally = Tally()
        with (
            work.input_path.open("rb") as rows,
            work.results_path.open("wb") as results,
            work.errors_path.open("wb") as errors,
        ):
            offsets = _row_offsets(rows)
            random.Random(work.shuffle_seed).shuffle(offsets)  # noqa: S311 - an order, not a secret
            due = round(len(offsets) * work.fraction)
            for index, offset in enumerate(offsets):
                if index % 256 == 0 and is_stopping():
                    raise StoppedError
                rows.seek(offset)
                row = self._decode(rows.readline())
                if index < due:
                    self._process_row(row, results, errors, tally)
                else:
                    tally.unfinished += 1
                    if work.unfinished:
                        errors.write(unfinished_line(row.custom_id, work.unfinished))
        return tally

    def failures_ahead(self, path: Path, is_stopping: Callable[[], bool]) -> int:
        """How many rows will fail, so that the counts shown meanwhile agree with the end."""
        if not self._faults.plan.rows:
            return 0
        failures = 0
        with path.open("rb") as lines:
            for line in lines:
                if is_stopping():
                    raise StoppedError
                if line.strip():
                    row = self._decode(line)
                    times = self._counters.times_processed(row.identity)
                    rule = self._faults.for_row(_subject(row), times + 1)
                    failures += rule is not None and rule.effect == "error"
        return failures

    def _process_row(self, row: InputRow, results: BinaryIO, errors: BinaryIO, tally: Tally) -> None:
        times = self._counters.row_processed(row.identity)
        rule = self._faults.for_row(_subject(row), times) if self._faults.plan.rows else None
        request_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{row.identity}/{times}"))
        if rule and rule.effect == "error":
            tally.failed += 1
            body = error_body(rule.status, rule.code)
            errors.write(answer_line(row.custom_id, body, status=rule.status, request_id=request_id))
            return
        if rule and rule.effect == "missing":
            return
        tally.completed += 1
        if rule and rule.effect == "swallowed":
            return
        body = answer(row, created=self._now(), rule=rule)
        if rule and rule.effect == "odd":
            line = odd_line(rule, row.custom_id, body, request_id) + b"\n"
        else:
            line = answer_line(row.custom_id, body, status=200, request_id=request_id)
        copies = 2 if rule and rule.effect == "twice" else 1
        results.write(line * copies)
        tally.result_lines += copies
        tally.answered.append(row.custom_id)


def answer(row: InputRow, *, created: float, rule: RowRule | None = None) -> dict[str, Any]:
    """The body of a successful answer to a row."""
    if row.url in EMBEDDINGS_URLS:
        return answers.embeddings(row.body)
    finish_reason: answers.FinishReason = "stop"
    if rule and rule.effect in ("length", "content_filter"):
        finish_reason = rule.effect
    make = answers.response_object if row.url in RESPONSES_URLS else answers.chat_completion
    return make(row.body, created=created, finish_reason=finish_reason)


def odd_line(rule: RowRule, custom_id: str, body: dict[str, Any], request_id: str) -> bytes:
    """The line of an answer that is odd on request."""
    if rule.answer:
        return odd_answers.odd_line(rule.answer, custom_id, body, request_id)
    if rule.line:
        return rule.line.replace("@custom_id@", custom_id).encode()
    return answer_line(custom_id, rule.body, status=200, request_id=request_id).rstrip()


def _subject(row: InputRow) -> Subject:
    text = answers.request_text(row.body)
    return Subject(custom_id=row.custom_id, deployment=row.body.get("model", ""), text=text)


def _row_offsets(rows: BinaryIO) -> array[int]:
    offsets, position = array("q"), 0
    for line in rows:
        if line.strip():
            offsets.append(position)
        position += len(line)
    return offsets
