"""Read csv and tsv: Python's own parser, strict about quotes, over a stream of lines.

A record that cannot be parsed costs its first line. The lines behind it are read again as records of their own, so that
a quote that is never closed does not swallow what follows.
"""

import csv
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import chain

from domain.errors import InputFileError
from formats.rows import BadRow, Row, shown
from formats.text.decoding import MAX_LINE_CHARACTERS, flaw_of, is_cut_off, text_lines

MAX_FIELD_CHARACTERS = 16 * 1024 * 1024
MAX_RECORD_CHARACTERS = 64 * 1024 * 1024

_DELIMITERS = {";": '";"', "\t": '"\\t"', "|": '"|"', ",": '","'}  # and how YAML writes them

csv.field_size_limit(MAX_FIELD_CHARACTERS)  # one limit for the process: the module knows no other


class DelimitedReader:
    """The records of one file. Raises InputFileError when its header cannot be the header of a table.

    `told`: the delimiter that the job spec names; without one, `usual` is it, and a header that looks otherwise is refused.
    """

    def __init__(
        self,
        chunks: Iterable[bytes],
        *,
        encoding: str,
        told: str | None,
        usual: str,
        wanted: frozenset[str] | None,
    ) -> None:
        delimiter = told or usual
        if len(delimiter) != 1 or delimiter in '"\r\n\0':
            raise InputFileError(
                f"{delimiter!r} cannot be a delimiter: one character is.", code="bad_delimiter"
            )
        self._delimiter = delimiter
        self._lines = _Lines(text_lines(chunks, encoding))
        self._records = self._parsed()
        self._line = 1  # where the next record begins
        self.columns = self._header()
        if told is None:
            _refuse_other_delimiters(self.columns, usual)
        self._kept = [i for i, name in enumerate(self.columns) if wanted is None or name in wanted]

    def _parsed(self) -> Iterator[list[str]]:
        return csv.reader(self._lines.feed(), delimiter=self._delimiter, strict=True)

    def rows(self) -> Iterator[Row | BadRow]:
        """Give the records behind the header."""
        columns, width, lines = self.columns, len(self.columns), self._lines.record
        kept, everything = self._kept, len(self._kept) == width
        names = [columns[i] for i in kept]
        number = 0
        while True:
            try:
                record = next(self._records, None)
            except (csv.Error, _TooLongError) as error:
                yield self._unreadable(number, error)
                number += 1
                continue
            if record is None:
                return
            raw = lines[0] if len(lines) == 1 else "".join(lines)
            begin, self._line = self._line, self._line + len(lines)
            lines.clear()
            if not record or (len(record) < width and not raw.strip()):
                continue
            if (not raw.isascii() or "\0" in raw) and (flaw := flaw_of(raw)):
                yield BadRow(number, *flaw, shown(raw), begin)
            elif len(record) != width:
                message = f"Expected {width} fields as in the header, found {len(record)}."
                yield BadRow(number, "ragged_row", message, shown(raw), begin)
            else:
                values = zip(names, record if everything else [record[i] for i in kept], strict=True)
                yield Row(number, dict(values), begin)
            number += 1

    def _unreadable(self, number: int, error: Exception) -> BadRow:
        """Give the first line of a record that could not be parsed; the lines behind it are read again."""
        begin, first = self._line, self._lines.give_up()
        self._line += 1
        self._records = self._parsed()
        return BadRow(number, *_reason(error, begin, self._lines.reached), shown(first), begin)

    def _header(self) -> tuple[str, ...]:
        lines = self._lines.record
        try:
            while not (header := next(self._records, None)):
                if header is None:
                    raise InputFileError(
                        "The file has only blank lines; it needs a header.", code="empty_file"
                    )
                self._line += len(lines)
                lines.clear()
        except (csv.Error, _TooLongError) as error:
            _, message = _reason(error, self._line, len(lines))
            raise InputFileError(f"The header cannot be read: {message}", code="bad_header") from error
        flaw = flaw_of("".join(lines))
        if flaw:
            raise InputFileError(f"The header cannot be read: {flaw[1]}", code="bad_header")
        self._line += len(lines)
        lines.clear()
        return checked_names(name if name.strip() else f"column_{i}" for i, name in enumerate(header, 1))


def checked_names(names: Iterable[str]) -> tuple[str, ...]:
    """Give the names of columns. Raises InputFileError (`bad_header`) when one is empty or there twice."""
    columns = tuple(names)
    empty = [str(position) for position, name in enumerate(columns, 1) if not name.strip()]
    if empty:
        message = f"The header has no name for column {', '.join(empty[:10])}; every column needs one."
        raise InputFileError(message, code="bad_header")
    twice = [repr(name) for name, times in Counter(columns).items() if times > 1]
    if twice:
        raise InputFileError(f"The header has {', '.join(twice[:10])} more than once.", code="bad_header")
    return columns


def _refuse_other_delimiters(columns: tuple[str, ...], usual: str) -> None:
    """Refuse what would be sent, and paid, as one column, which is hardly meant."""
    other = next((mark for mark in _DELIMITERS if mark != usual and mark in columns[0]), None)
    if other and len(columns) == 1:
        message = (
            f"The header is one column, {columns[0][:100]!r}. Name its delimiter in the job spec: "
            f"`delimiter: {_DELIMITERS[other]}`, or `delimiter: {_DELIMITERS[usual]}` where it is one column."
        )
        raise InputFileError(message, code="bad_header")


class _TooLongError(Exception):
    """A line, or a record of many lines, is longer than is held in memory."""


class _Lines:
    """Physical lines for `csv.reader`. Keeps those of the record that is being read, to be able to go back.

    `record` has these lines; the reader of records empties it. `reached` is how many there were when it was given up.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self._characters = 0
        self._read = self._read_again = 0  # characters
        self.record: list[str] = []
        self.reached = 0

    def feed(self) -> Iterator[str]:
        """Give lines until one is too much; then, and after giving up, a new feed goes on."""
        record = self.record
        for line in chain(self._given_back(), self._lines):
            self._read += len(line)
            record.append(line)
            if len(record) > 1 or len(line) >= MAX_LINE_CHARACTERS:
                self._measure(line)
            yield line

    def _given_back(self) -> Iterator[str]:
        while self._again:
            yield self._again.popleft()

    def _measure(self, line: str) -> None:
        before = len(self.record[0]) if len(self.record) == 2 else self._characters
        self._characters = before + len(line)
        if is_cut_off(line) or (len(self.record) > 1 and self._characters > MAX_RECORD_CHARACTERS):
            raise _TooLongError

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
        self._again.extendleft(reversed(others))
        self.record.clear()
        return first


def _reason(error: Exception, line: int, lines: int) -> tuple[str, str]:
    """Say in code and message why the record that begins on `line` failed `lines` lines on."""
    text = str(error)
    if isinstance(error, _TooLongError) and lines == 1:
        return "row_too_long", f"The line has more than {MAX_LINE_CHARACTERS:,} characters."
    if lines == 1 and text.startswith("field larger"):
        return "field_too_long", f"A field has more than {MAX_FIELD_CHARACTERS:,} characters."
    if lines == 1 and text.startswith("'"):
        return "bad_quotes", "Text follows a closing quote; quotes within a quoted field must be doubled."
    last = line + lines - 1
    return (
        "unclosed_quote",
        f"A quote that opens in line {line} is not closed as it should be up to line {last}.",
    )
