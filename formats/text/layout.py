"""How a text with delimiters is laid out, as far as its job spec says so."""

import msgspec

AUTO = "auto"
NONE = "none"


class Layout(msgspec.Struct, frozen=True, kw_only=True):
    """What is said about a csv or tsv. Lines are physical ones, counted from 1."""

    delimiter: str | None = None  # None: the file's `sep=` line, else the usual one of its type
    quote: str = AUTO  # one character, `none`, or `auto`: `"`, and in tsv also as plain text
    escape: str | None = None  # one character that takes the meaning from the one behind it
    header: bool | None = None  # None: there is one, unless it looks like data
    columns: tuple[str, ...] = ()  # their names, where there is no header
    skip_lines: int = 0  # above the header
    comment: str | None = None  # lines that begin so are no rows
