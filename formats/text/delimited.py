"""Read csv and tsv: Python's own parser, strict about quotes, over a stream of lines.

A record that cannot be parsed costs its first line. The lines behind it are read again as records of their own, so that
a quote that is never closed does not swallow what follows.
"""

import csv
import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import msgspec

from domain.errors import InputFileError
from formats.rows import BadRow, Row, shown
from formats.text.decoding import (
    BYTE_ORDER_MARK,
    MAX_LINE_CHARACTERS,
    flaw_of,
    is_cut_off,
    text_lines,
    too_long_line,
)
from formats.text.layout import AUTO, NONE, Layout

MAX_FIELD_CHARACTERS = 16 * 1024 * 1024
MAX_RECORD_CHARACTERS = 64 * 1024 * 1024
MAX_COLUMNS = 100_000

_DELIMITERS = {";": '";"', "\t": '"\\t"', "|": '"|"', ",": '","'}  # and how YAML writes them

_SEP_LINE = re.compile(r'"?sep=(\\t|[^"\r\n])"?[;,\t|]*[\r\n]*', re.IGNORECASE)
NO_HEADER = (
    "If the first line is a row already, write `header: false` in the job spec; `columns` may give names."
)
REPEATED = (
    "The header comes again: the file was joined from several. Remove the line, or the row is what it says."
)
UNCLEAR = (
    "A quote opens on this line and closes on another, and each of these lines could be a row. Write in the job spec "
    "`quote: none` where quotes are text, or `quote: '\"'` where they hold fields together."
)

csv.field_size_limit(MAX_FIELD_CHARACTERS)  # one limit for the process: the module knows no other


class DelimitedReader:
    """The records of one file. Raises InputFileError when its header cannot be the header of a table.

    Where `layout` names no delimiter, a first line as Excel's `sep=;` does, else `usual` is it, and a header that looks
    otherwise is refused. A line of more than `most` characters is a bad row. Afterwards `layout` says which one it is.
    """

    def __init__(
        self,
        chunks: Iterable[bytes],
        *,
        encoding: str,
        layout: Layout,
        usual: str,
        wanted: frozenset[str] | None,
        most: int = MAX_LINE_CHARACTERS,
    ) -> None:
        self._most = most
        self._lines = _Lines(text_lines(chunks, encoding, most), layout.comment, most)
        self._line = 1  # where the next record begins
        named = self._skip(layout.skip_lines)
        delimiter = layout.delimiter or named or usual
        if len(delimiter) != 1 or delimiter in '"\r\n\0':
            raise InputFileError(
                f"{delimiter!r} cannot be a delimiter: one character is.", code="bad_delimiter"
            )
        self.layout = msgspec.structs.replace(layout, delimiter=delimiter)
        self.has_sep_line = named is not None
        self._is_auto = layout.quote == AUTO
        self._takes_plain = self._is_auto and usual == "\t"
        self._dialect = _dialect(self.layout)
        self._records = self._parsed()
        self.columns = self._columns_without_header() if layout.header is False else self._header()
        if layout.delimiter is None and named is None and layout.header is not False:
            _refuse_other_delimiters(self.columns, usual)
        self._kept = [i for i, name in enumerate(self.columns) if wanted is None or name in wanted]

    def _skip(self, lines: int) -> str | None:
        """Pass the lines above the header; gives the delimiter that a line of Excel's names in the very first one."""
        first = self._lines.take()
        if not lines and (found := _SEP_LINE.fullmatch(first)):
            self._line += 1
            return "\t" if found[1] == "\\t" else found[1]
        if not lines:
            self._lines.put_back(first)
            return None
        for _ in range(lines - 1):
            self._lines.take()
        self._line += lines
        return None

    def _parsed(self) -> Iterator[list[str]]:
        return csv.reader(self._lines.feed(), **self._dialect)

    def rows(self) -> Iterator[Row | BadRow]:
        """Give the records behind the header."""
        columns, width, lines = self.columns, len(self.columns), self._lines.record
        kept, everything = self._kept, len(self._kept) == width
        names = [columns[i] for i in kept]
        header = list(columns) if width > 1 and self.layout.header is not False else [""]
        first_name, is_auto, takes_plain = header[0], self._is_auto, self._takes_plain
        has_remarks = self.layout.comment is not None
        number = 0
        while True:
            try:
                record = next(self._records, None)
            except (csv.Error, _TooLongError) as error:
                yield self._unreadable(number, error, names)
                number += 1
                continue
            if record is None:
                return
            raw = lines[0] if len(lines) == 1 else "".join(lines)
            bad = None if raw.isascii() and "\0" not in raw else flaw_of(raw)
            if raw[0] == BYTE_ORDER_MARK or (is_auto and (' "' in raw or (takes_plain and '"' in raw))):
                record, raw, bad = self._second_look(record, raw, bad)
            begin = self._line + self._lines.take_skipped() if has_remarks else self._line
            self._line = begin + len(lines)
            lines.clear()
            if len(record) != width or bad or record[0] == first_name:
                if not record or (len(record) < width and not raw.strip()):
                    continue
                bad = bad or self._misfit(record, header)
            if bad:
                yield BadRow(number, *bad, shown(raw), begin)
            else:
                values = zip(names, record if everything else [record[i] for i in kept], strict=True)
                yield Row(number, dict(values), begin)
            number += 1

    def _misfit(self, record: list[str], header: list[str]) -> tuple[str, str] | None:
        """Say in code and message why a record is no row; None for one that begins like the header and is one."""
        width = len(self.columns)
        if len(record) != width:
            return "ragged_row", f"Expected {width} fields as in the header, found {len(record)}."
        return ("repeated_header", REPEATED) if record == header and width > 1 else None

    def _second_look(
        self, record: list[str], raw: str, bad: tuple[str, str] | None
    ) -> tuple[list[str], str, tuple[str, str] | None]:
        """Look again at a record whose text is unusual; gives fields, text, and code and message where it is no row."""
        if raw[0] == BYTE_ORDER_MARK and len(record[0]) > 1:  # files were joined
            self._lines.record[0] = self._lines.record[0][1:]
            record = self._again(record, self._lines.record)
        if not self._is_auto or '"' not in raw:
            return record, raw, bad
        if self._takes_plain:
            record, unclear = self._as_plain_text(record)
            bad, raw = bad or unclear, "".join(self._lines.record)
        if ' "' in raw and any(field[:1] == " " and field.lstrip(" ")[:1] == '"' for field in record):
            record = self._again(record, self._lines.record, spaced=True)
        return record, raw, bad

    def _again(self, record: list[str], lines: list[str], *, spaced: bool = False) -> list[str]:
        """Read a record's lines again; gives what comes out where it has as many fields as there are columns."""
        try:
            again = list(csv.reader(lines, **self._dialect, skipinitialspace=spaced))
        except csv.Error:
            return record
        return again[0] if len(again) == 1 and len(again[0]) == len(self.columns) else record

    def _unreadable(self, number: int, error: Exception, names: list[str]) -> Row | BadRow:
        """Give the first line of a record that could not be parsed; the lines behind it are read again."""
        begin = self._line + self._lines.take_skipped()
        first = self._lines.give_up()
        self._line = begin + 1
        self._records = self._parsed()
        plain = self._plain_fields(first)
        if (
            self._takes_plain
            and len(plain) == len(self.columns)
            and not (flaw_of(first) or is_cut_off(first, self._most))
        ):
            found = dict(zip(self.columns, plain, strict=True))
            return Row(number, {name: found[name] for name in names}, begin)
        return BadRow(number, *_reason(error, begin, self._lines.reached, self._most), shown(first), begin)

    # --- quotes that are none ----------------------------------------------------------------------------------------

    def _plain_fields(self, line: str) -> list[str]:
        return line.rstrip("\r\n").split(self._dialect["delimiter"])

    def _as_plain_text(self, record: list[str]) -> tuple[list[str], tuple[str, str] | None]:
        """Look at a record of a tsv again, whose quotes may be text: tools that write no quotes are as common as others.

        Gives its fields, and code and message where both readings are possible. Lines that are rows of their own are
        read again.
        """
        lines, width = self._lines.record, len(self.columns)
        parts = [self._plain_fields(line) for line in lines]
        if len(lines) == 1 and len(record) == width:
            return record, None
        if any(len(part) != width for part in parts) or any(not line.strip() for line in lines):
            return record, None
        if len(lines) > 1 and not _are_rows(parts, record):
            return record, ("unclear_quotes", UNCLEAR) if width == 1 or _may_be_rows(parts, record) else None
        if len(lines) > 1:
            self._lines.take_again(self._lines.give_up())
            self._records = self._parsed()
        return parts[0], None

    # --- the header --------------------------------------------------------------------------------------------------

    def _columns_without_header(self) -> tuple[str, ...]:
        """Name the columns of a file that has no header: as the job spec says, else by their numbers."""
        if self.layout.columns:
            return checked_names(self.layout.columns)
        first = self._first_record()
        lines = list(self._lines.record)
        self._lines.record.clear()
        self._lines.put_back(*lines)
        self._records = self._parsed()
        return tuple(f"column_{number}" for number in range(1, len(first) + 1))

    def _header(self) -> tuple[str, ...]:
        lines = self._lines.record
        header = self._first_record()
        flaw = flaw_of("".join(lines))
        if flaw:
            raise InputFileError(f"The header cannot be read: {flaw[1]}", code="bad_header")
        if self._is_auto:
            header = _without_blanks(header, lines, self._dialect)
        self._line += self._lines.take_skipped() + len(lines)
        lines.clear()
        try:
            return checked_names(name if name.strip() else f"column_{i}" for i, name in enumerate(header, 1))
        except InputFileError as error:
            raise InputFileError(f"{error} {NO_HEADER}", code=error.code) from error

    def _first_record(self) -> list[str]:
        """Read the first line that is not blank. Its lines stay in hand."""
        lines = self._lines.record
        try:
            while not (record := next(self._records, None)):
                if record is None:
                    raise InputFileError(
                        "The file has only blank lines; it needs a header.", code="empty_file"
                    )
                self._line += self._lines.take_skipped() + len(lines)
                lines.clear()
        except (csv.Error, _TooLongError) as error:
            if self._takes_plain and not isinstance(error, _TooLongError):
                first = self._lines.give_up()
                self._lines.take_again(first)
                self._records = self._parsed()
                return self._plain_fields(first)
            _, message = _reason(error, self._line, len(lines), self._most)
            raise InputFileError(f"The header cannot be read: {message}", code="bad_header") from error
        return record


def _without_blanks(header: list[str], lines: list[str], dialect: dict[str, Any]) -> list[str]:
    """Give the names of a header without the blanks behind commas."""
    try:
        again = list(csv.reader(lines, **dialect, skipinitialspace=True)) if ' "' in lines[0] else []
    except csv.Error:
        again = []
    first, *others = again[0] if len(again) == 1 else header
    return [first, *(name.lstrip(" ") for name in others)]


def _dialect(layout: Layout) -> dict[str, Any]:
    """Give the options of Python's parser."""
    common = {"delimiter": layout.delimiter, "strict": True, "escapechar": layout.escape}
    if layout.quote == NONE:
        return {**common, "quoting": csv.QUOTE_NONE}
    return {**common, "quotechar": '"' if layout.quote == AUTO else layout.quote}


def _are_rows(parts: list[list[str]], record: list[str]) -> bool:
    """Tell whether lines that one quoted field joins are rows: each has all fields, and the others look like those of the first."""
    if not _may_be_rows(parts, record):
        return False
    (joined,) = (index for index, field in enumerate(record) if "\n" in field or "\r" in field)
    kinds = [
        [
            (bool(part.strip()), part[:1].isspace(), part.isdigit())
            for i, part in enumerate(line)
            if i != joined
        ]
        for line in parts
    ]
    return all(line == kinds[0] for line in kinds) and all(kind[0] for kind in kinds[0])


def _may_be_rows(parts: list[list[str]], record: list[str]) -> bool:
    """Tell whether one field alone joins lines, and all others say the same with and without quotes."""
    joined = [index for index, field in enumerate(record) if "\n" in field or "\r" in field]
    if len(joined) != 1 or len(record) != len(parts[0]) or len(record) == 1:
        return False
    before, behind = joined[0], joined[0] + 1
    others = parts[0][:before] + parts[-1][behind:]
    if others and all(len(part) > 1 and part[0] == part[-1] == '"' for part in others):
        return False  # of a writer that quotes all fields
    return (
        _bare(parts[0][:before]) == record[:before]
        and _bare(parts[-1][behind:]) == record[behind:]
        and parts[0][before].startswith('"')
    )


def _bare(fields: list[str]) -> list[str]:
    return [
        field[1:-1].replace('""', '"') if len(field) > 1 and field[0] == field[-1] == '"' else field
        for field in fields
    ]


def checked_names(names: Iterable[str]) -> tuple[str, ...]:
    """Give the names of columns. Raises InputFileError (`bad_header`) when one is empty or there twice."""
    columns = tuple(names)
    if len(columns) > MAX_COLUMNS:
        message = f"The header has {len(columns):,} columns; at most {MAX_COLUMNS:,} are read."
        raise InputFileError(message, code="bad_header")
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
    Lines that begin with `comment` are passed over between records.
    """

    def __init__(self, lines: Iterator[str], comment: str | None, most: int) -> None:
        self._most = most  # characters of a line
        self._lines = self._without(comment, lines) if comment else lines
        self._again: deque[str] = deque()
        self._characters = 0
        self._read = self._read_again = 0  # characters
        self._skipped = 0
        self.record: list[str] = []
        self.reached = 0

    def _without(self, comment: str, lines: Iterator[str]) -> Iterator[str]:
        for line in lines:
            if not self.record and line.startswith(comment):
                self._skipped += 1
            else:
                yield line

    def take_skipped(self) -> int:
        """Give how many lines were passed over since this was asked last."""
        skipped, self._skipped = self._skipped, 0
        return skipped

    def take(self) -> str:
        """Take the next line away; empty at the end."""
        return self._again.popleft() if self._again else next(self._lines, "")

    def put_back(self, *lines: str) -> None:
        """Let lines come again."""
        self._again.extendleft(line for line in reversed(lines) if line)

    def take_again(self, line: str) -> None:
        """Have a line that was given up in hand again, as the whole record."""
        self.record.append(line)

    def feed(self) -> Iterator[str]:
        """Give lines until one is too much; then, and after giving up, a new feed goes on."""
        record = self.record
        for line in chain(self._given_back(), self._lines):
            self._read += len(line)
            record.append(line)
            if len(record) > 1 or len(line) >= self._most:
                self._measure(line)
            yield line

    def _given_back(self) -> Iterator[str]:
        while self._again:
            yield self._again.popleft()

    def _measure(self, line: str) -> None:
        count, size = len(self.record), len(line)
        self._characters = size + (len(self.record[0]) if count == 2 else self._characters)
        is_too_long = count > 1 and self._characters > MAX_RECORD_CHARACTERS
        if is_too_long or (size >= self._most and is_cut_off(line, self._most)):
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


def _reason(error: Exception, line: int, lines: int, most: int) -> tuple[str, str]:
    """Say in code and message why the record that begins on `line` failed `lines` lines on."""
    text = str(error)
    if isinstance(error, _TooLongError) and lines == 1:
        return "row_too_long", too_long_line(most)
    if lines == 1 and text.startswith("field larger"):
        return "field_too_long", f"A field has more than {MAX_FIELD_CHARACTERS:,} characters."
    if lines == 1 and text.startswith("'"):
        return "bad_quotes", "Text follows a closing quote; quotes within a quoted field must be doubled."
    last = line + lines - 1
    return (
        "unclosed_quote",
        f"A quote that opens in line {line} is not closed as it should be up to line {last}.",
    )
