"""The physical lines of a csv or tsv, by the handful or one by one for `csv.reader`, which can be given back."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain

from domain.errors import InputFileError
from formats.text.decoding import is_cut_off

MAX_RECORD_CHARACTERS = 64 * 1024 * 1024
HANDFUL_CHARACTERS = 256 * 1024  # of lines that come again, until as many as are held anyway are added


class TooLongError(Exception):
    """A line, or a record of many lines, is longer than is held in memory."""


class RecordLines:
    """The lines of one file. Keeps those of the record that is being read, to be able to go back.

    `record` has these lines; the reader of records empties it. `reached` is how many there were when it was given up.
    Lines that begin with `comment` are passed over between records.
    """

    def __init__(self, lists: Iterable[list[str]], comment: str | None, most: int) -> None:
        self._most = most  # characters of a line
        self._lists = self._without(comment, lists) if comment else iter(lists)
        self._ahead: deque[str] = deque()
        self._characters = 0
        self._read = self._read_again = 0  # characters
        self._skipped = 0
        self.record: list[str] = []
        self.reached = 0

    def _without(self, comment: str, lists: Iterable[list[str]]) -> Iterator[list[str]]:
        """Give each line when it is asked for: only then is it known whether it may be a comment."""
        for line in chain.from_iterable(lists):
            if not self.record and line.startswith(comment):
                self._skipped += 1
            else:
                yield [line]

    def take_skipped(self) -> int:
        """Give how many lines were passed over since this was asked last."""
        skipped, self._skipped = self._skipped, 0
        return skipped

    def are_there(self) -> bool:
        """Tell whether another line comes."""
        while not self._ahead:
            found = next(self._lists, None)
            if found is None:
                return False
            self._ahead.extend(found)
        return True

    def take(self) -> str:
        """Take the next line away; empty at the end."""
        return self._ahead.popleft() if self.are_there() else ""

    def take_handful(self) -> list[str]:
        """Take some lines away, those first that came already."""
        lines, size = [], 0
        while self._ahead and size < HANDFUL_CHARACTERS:
            line = self._ahead.popleft()
            lines.append(line)
            size += len(line)
        return lines if self._ahead else lines + next(self._lists, [])

    def put_back(self, *lines: str) -> None:
        """Let lines come again."""
        self._ahead.extendleft(line for line in reversed(lines) if line)

    def count_read(self, characters: int) -> None:
        """Count characters of records that were read without `feed`."""
        self._read += characters

    def take_again(self, line: str) -> None:
        """Have a line that was given up in hand again, as the whole record."""
        self.record.append(line)

    def feed(self) -> Iterator[str]:
        """Give lines until one is too much; then, and after giving up, a new feed goes on."""
        record = self.record
        while self._ahead or self.are_there():
            line = self._ahead.popleft()
            self._read += len(line)
            record.append(line)
            if len(record) > 1 or len(line) >= self._most:
                self._measure(line)
            yield line

    def _measure(self, line: str) -> None:
        count, size = len(self.record), len(line)
        self._characters = size + (len(self.record[0]) if count == 2 else self._characters)
        is_too_long = count > 1 and self._characters > MAX_RECORD_CHARACTERS
        if is_too_long or (size >= self._most and is_cut_off(line, self._most)):
            raise TooLongError

    def give_up(self) -> str:
        """Give up on the record: gives its first line, and lets the others come again.

        Lonely quotes make each line come twice. Raises InputFileError where it is far more often.
        """
        first, *others = self.record
        self.reached = len(self.record)
        self._read_again += sum(map(len, others))
        if self._read_again > MAX_RECORD_CHARACTERS + self._read // 4 * 3:
            message = "Its quotes are in such disorder that no rows can be told apart."
            raise InputFileError(message, code="bad_quotes")
        self._ahead.extendleft(reversed(others))
        self.record.clear()
        return first
