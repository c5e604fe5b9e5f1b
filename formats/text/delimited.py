"""Read csv and tsv: Python's own parser, strict about quotes, over a stream of lines.

A record that cannot be parsed costs its first line. The lines behind it are read again as records of their own, so that
a quote that is never closed does not swallow what follows.
"""

import csv
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain, repeat
from typing import Any

import msgspec

from domain.errors import InputFileError
from formats.rows import BadRow, Row, RowBlock, Rows, shown
from formats.text.decoding import (
    BYTE_ORDER_MARK,
    MAX_LINE_CHARACTERS,
    UNDECODABLE,
    flaw_of,
    is_cut_off,
    lists_of_text_lines,
    too_long_line,
)
from formats.text.layout import AUTO, NONE, Layout
from formats.text.record_lines import RecordLines, TooLongError

MAX_FIELD_CHARACTERS = 16 * 1024 * 1024
LONG_CHARACTERS = 2 * 1024 * 1024  # of lines whose records are not held together
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
        self._lines = RecordLines(lists_of_text_lines(chunks, encoding, most), layout.comment, most)
        self._line = 1  # where the next record begins
        self._number = 0  # of the next row
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
        has_header = len(self.columns) > 1 and layout.header is not False
        self._header_again = list(self.columns) if has_header else [""]
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

    def blocks(self) -> Iterator[Rows]:
        """Give the records behind the header: usual ones together, others one by one."""
        while self._lines.are_there():
            if self.layout.comment:
                yield self._one_by_one(sys.maxsize)
                continue
            lines = self._lines.take_handful()
            block = self._usual_rows(lines)
            if block is None:
                self._lines.put_back(*lines)
            yield block or self._one_by_one(self._line + len(lines))

    def _usual_rows(self, lines: list[str]) -> RowBlock | None:
        """Give the rows that lines begin with, lets the lines behind them come again; None where one takes a closer look.

        Nearly every row of nearly every file is given here. The parser is the same, and so is what it reads: it begins with
        a record, and the records before the one that it cannot end do not depend on what follows.
        """
        records: list[list[str]] = []
        ends: list[int] = []  # of records, counted in lines
        reader = csv.reader(lines, **self._dialect)
        # A record that cannot be ended comes again, with the lines that it may go on with.
        with suppress(csv.Error):
            for record in reader:
                records.append(record)
                ends.append(reader.line_num)
        while records and not records[-1]:  # blank lines, as at the end of a file
            del records[-1], ends[-1]
        taken = lines[: ends[-1]] if records else []
        if not taken or not self._are_usual(taken, records, ends):
            return None
        rest = lines[len(taken) :]
        self._lines.put_back(*rest)
        self._lines.count_read(sum(map(len, taken)))
        begin, first = self._line, self._number
        self._line += len(taken)
        self._number += len(records)
        return RowBlock(
            first,
            len(records),
            {self.columns[i]: [record[i] for record in records] for i in self._kept},
            [begin, *map(begin.__add__, ends[:-1])],
        )

    def _are_usual(self, lines: list[str], records: list[list[str]], ends: list[int]) -> bool:
        """Tell whether records are rows at first sight, of a text without anything odd in it. `ends` of these are lines."""
        text, width = "".join(lines), len(self.columns)
        is_long = len(text) > LONG_CHARACTERS or max(map(len, lines)) >= self._most
        is_odd = "\0" in text or (not text.isascii() and (UNDECODABLE in text or BYTE_ORDER_MARK in text))
        if is_long or is_odd or set(map(len, records)) != {width}:
            return False
        if self._is_auto and '"' in text:
            if self._takes_plain and len(lines) > len(records) and not self._are_clear(lines, ends):
                return False
            if ' "' in text and any(map(_begins_with_blanks, chain.from_iterable(records))):
                return False
        return width == 1 or self._header_again not in records

    def _are_clear(self, lines: list[str], ends: list[int]) -> bool:
        """Tell whether no record of many lines could be as many rows: one of its lines has other fields than a row.

        What `_as_plain_text` finds out of each.
        """
        width, delimiter = len(self.columns), self._dialect["delimiter"]
        if width == 1:
            return False
        may_be_rows = [marks == width - 1 for marks in map(str.count, lines, repeat(delimiter))]
        begins = chain((0,), ends)
        return not any(
            end - begin > 1 and all(may_be_rows[begin:end]) for begin, end in zip(begins, ends, strict=False)
        )

    def _one_by_one(self, end: int) -> Iterator[Row | BadRow]:
        """Give the records that begin before a line, each looked at by every rule."""
        columns, width, lines = self.columns, len(self.columns), self._lines.record
        kept, everything = self._kept, len(self._kept) == width
        names = [columns[i] for i in kept]
        header = self._header_again
        first_name, is_auto, takes_plain = header[0], self._is_auto, self._takes_plain
        has_remarks = self.layout.comment is not None
        self._records = self._parsed()
        while self._line < end:
            number = self._number
            try:
                record = next(self._records, None)
            except (csv.Error, TooLongError) as error:
                yield self._unreadable(number, error, names)
                self._number += 1
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
            self._number += 1

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
        if ' "' in raw and any(map(_begins_with_blanks, record)):
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
        except (csv.Error, TooLongError) as error:
            if self._takes_plain and not isinstance(error, TooLongError):
                first = self._lines.give_up()
                self._lines.take_again(first)
                self._records = self._parsed()
                return self._plain_fields(first)
            _, message = _reason(error, self._line, len(lines), self._most)
            raise InputFileError(f"The header cannot be read: {message}", code="bad_header") from error
        return record


def _begins_with_blanks(field: str) -> bool:
    """Tell whether blanks keep a quote from being taken as one."""
    return field[:1] == " " and field.lstrip(" ")[:1] == '"'


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


def _reason(error: Exception, line: int, lines: int, most: int) -> tuple[str, str]:
    """Say in code and message why the record that begins on `line` failed `lines` lines on."""
    text = str(error)
    if isinstance(error, TooLongError) and lines == 1:
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
