"""A table of which no row can be read or asked about: where the cause is one, it is told once, for the file."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from domain.errors import InputFileError, RowTemplateError
from domain.spec.shapes import is_complete_request, shape_of
from formats.rows import BadRow, Row
from formats.text.delimited import NO_HEADER

# Reasons of the readers: when every row has the same one, it is the file that is not what it is taken for.
_OF_READERS = frozenset(
    {
        "bad_quotes",
        "invalid_encoding",
        "invalid_json",
        "not_an_object",
        "nul_character",
        "ragged_row",
        "unclosed_quote",
    }
)
READY_MADE = (
    "The rows are ready-made batch requests, but the job spec of their folder says how rows become requests. Put ready-made "
    "files into a folder of their own: one whose `_batch.yaml` has neither `messages` nor `input` (it may be empty) "
    "sends them as they are."
)


class Causes:
    """Why rows did not become requests, as far as it takes to tell whether all have the same reason."""

    def __init__(self) -> None:
        self._first: tuple[Row | BadRow, RowTemplateError] | None = None
        self._count = 0
        self._same_message = self._same_code = True

    def add(self, item: Row | BadRow, error: RowTemplateError) -> None:
        """Note one."""
        self._count += 1
        if self._first is None:
            self._first = item, error
            return
        self._same_message &= str(self._first[1]) == str(error)
        self._same_code &= self._first[1].code == error.code

    @property
    def example(self) -> str:
        """What is wrong with the first one."""
        return f"{_place(self._first[0])}: {self._first[1]}" if self._first else ""

    def refuse_if_one(self, first_rows: Sequence[Mapping[str, Any]], *, may_lack_header: bool) -> None:
        """Raise InputFileError for a file that has more rows than one, all with the same reason."""
        if self._first is None:
            return
        item, error = self._first
        lacks_column = may_lack_header and error.code == "missing_column"
        if self._count < 2 and not lacks_column:
            return
        if not self._same_message and not (self._same_code and error.code in _OF_READERS):
            return
        many = f"All {self._count:,} rows have the same mistake. " if self._count > 1 else ""
        hint = f" {NO_HEADER}" if lacks_column else _hint(item, first_rows)
        raise InputFileError(f"{many}{_place(item)}: {error}{hint}", code=error.code)


def refuse_unreadable(first: Iterable[Row | BadRow]) -> None:
    """Refuse a table most of whose first rows cannot be read: what the others say is not certain.

    Raises InputFileError with the most frequent reason.
    """
    rows = list(first)
    bad = [item for item in rows if isinstance(item, BadRow)]
    if len(bad) * 2 <= len(rows):
        return
    code = Counter(item.code for item in bad).most_common(1)[0][0]
    example = next(item for item in bad if item.code == code)
    raise InputFileError(
        f"{len(bad)} of the first {len(rows)} rows cannot be read. {_place(example)}: {example.message}{_hint(example, ())}",
        code=code,
    )


def _place(item: Row | BadRow) -> str:
    return f"Row {item.number}" if item.line is None else f"Line {item.line}"


def _hint(item: Row | BadRow, first_rows: Sequence[Mapping[str, Any]]) -> str:
    """Say what the file may be instead."""
    if isinstance(item, BadRow):
        if item.code == "ragged_row" and item.line is not None:
            return (
                f" If titles or remarks stand above the header and line {item.line} is the header, write `skip_lines: "
                f"{item.line - 1}` in the job spec."
            )
        return ""
    if any(map(is_complete_request, first_rows)):
        return f" {READY_MADE}"
    shape = shape_of(first_rows)
    return f" {shape.message}" if shape else ""
