"""What is known about the requests of a shard that is sent live: the records of its log, and the book they add up to.

The log is a stream of JSON lines. An intent comes before the calls it names, an answer after its call; what was intended
and not done is taken back. A row with an intent and no answer is in doubt: it may have been answered, and paid.
"""

from array import array
from collections.abc import Iterable, Iterator

import msgspec

from domain.service.outcomes import NO_ANSWER, Outcome, Verdict

LOST_ANSWER = Verdict(
    custom_id="",
    outcome=Outcome.MISSING,
    code="lost_answer",
    message="The call was sent and its answer was lost; it may have been billed. It was not sent again "
    "(ON_LOST_ANSWER=report); it is in the retry file.",
)
NOT_SENT = Verdict(
    custom_id="",
    outcome=Outcome.CANCELLED,
    code="deadline_reached",
    message="Its turn had not come when DEADLINE_HOURS were over; it was not sent.",
)

MOST_INTENTS = 255  # per row, that are counted


class SendRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the log: what a slice begins with (`by` alone), an intent, intents taken back, or one answer.

    `by` is a slice, unique. Rows are rows of the shard, from 0. Those of a `split` were refused together, and share calls with
    others of their part only; those that are `alone` (in older logs) share none. `answer` has the shape of a line of a batch's output file.
    """

    by: str = ""
    intended: list[int] = []
    taken_back: list[int] = []
    alone: list[int] = []
    split: list[list[int]] = []
    row: int | None = None
    answer: msgspec.Raw = NO_ANSWER


_decode = msgspec.json.Decoder(SendRecord).decode
_encode = msgspec.json.Encoder().encode


def to_line(record: SendRecord) -> bytes:
    """Write a record."""
    return _encode(record) + b"\n"


def records(lines: Iterable[bytes]) -> Iterator[SendRecord]:
    """Read records; a line that was cut off when its writer died is left out, and what it said counts as unsaid."""
    for line in lines:
        try:
            yield _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue


class SendBook:
    """Who of a shard's rows was sent, who was answered. Three bytes per row; seven once a shared call was refused."""

    def __init__(self, requests: int) -> None:
        self._open = bytearray(requests)  # intents that were neither answered nor taken back
        self._answered = bytearray(requests)
        self._alone = bytearray(requests)
        self._parts: array[int] | None = None  # 0: the row may share a call with any other
        self._last_part = 0

    def note(self, record: SendRecord) -> None:
        """Take a record in."""
        for row in record.intended:
            if row < len(self._open) and self._open[row] < MOST_INTENTS:
                self._open[row] += 1
        for row in record.taken_back:
            if row < len(self._open) and self._open[row]:
                self._open[row] -= 1
        for row in record.alone:
            if row < len(self._alone):
                self._alone[row] = 1
        for part in record.split:
            self._note_part(part)
        if record.row is not None and record.row < len(self._answered):
            self._answered[record.row] = 1

    def _note_part(self, rows: list[int]) -> None:
        self._parts = self._parts or array("L", [0]) * len(self._open)
        self._last_part += 1
        for row in rows:
            if row < len(self._parts):
                self._parts[row] = self._last_part

    def part(self, row: int) -> int:
        """Give the part of a refused call that a row is in: it shares calls with rows of the same part. 0: of none."""
        return self._parts[row] if self._parts else 0

    @property
    def answered(self) -> int:
        """Rows that have their answer."""
        return sum(self._answered)

    def is_answered(self, row: int) -> bool:
        """Whether a row has its answer."""
        return bool(self._answered[row])

    def is_alone(self, row: int) -> bool:
        """Whether a row shares no call."""
        return bool(self._alone[row])

    def is_in_doubt(self, row: int) -> bool:
        """Whether a row was, or may have been, sent, and has no answer."""
        return row < len(self._open) and not self._answered[row] and self._open[row] > 0

    def tries(self, row: int) -> int:
        """How often a row was, or may have been, sent without an answer."""
        return self._open[row]

    def to_send(self, *, most_tries: int) -> list[int]:
        """Give the rows to send: those never sent, then those in doubt that may be sent again.

        `most_tries`: 1 sends nothing that is in doubt.
        """
        rows = [row for row in range(len(self._open)) if not self._answered[row]]
        again = [row for row in rows if 0 < self._open[row] < most_tries]
        return [row for row in rows if not self._open[row]] + again
