"""Read txt: one row per line that is not blank."""

from collections.abc import Iterable, Iterator

from formats.rows import BadRow, Row, shown
from formats.text.decoding import (
    BYTE_ORDER_MARK,
    MAX_LINE_CHARACTERS,
    flaw_of,
    is_cut_off,
    text_lines,
    too_long_line,
)

COLUMN = "text"


def read_lines(
    chunks: Iterable[bytes], encoding: str, most: int = MAX_LINE_CHARACTERS
) -> Iterator[Row | BadRow]:
    """Give each line that is not blank, without its end, as the column `text`; one of more than `most` characters is a bad one."""
    number = 0
    for line_number, line in enumerate(text_lines(chunks, encoding, most), 1):
        if not line.strip():
            continue
        flaw = None
        if is_cut_off(line, most):
            flaw = "row_too_long", too_long_line(most)
        elif not line.isascii() or "\0" in line:
            line = line.removeprefix(BYTE_ORDER_MARK)  # noqa: PLW2901 - files were joined
            flaw = flaw_of(line)
        if flaw:
            yield BadRow(number, *flaw, shown(line), line_number)
        else:
            yield Row(number, {COLUMN: line.rstrip("\r\n")}, line_number)
        number += 1
