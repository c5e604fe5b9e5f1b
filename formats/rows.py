"""Rows as the readers give them."""

from typing import Any

import msgspec

SHOWN_CHARACTERS = 2000


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row. `number` counts from 0, malformed rows included; `line` is where it begins, from 1, in text formats.

    Values are str, int, float, bool, None, Decimal, date, datetime, list and dict; those of csv, tsv and txt are str.
    """

    number: int
    values: dict[str, Any]
    line: int | None = None


class BadRow(msgspec.Struct, frozen=True, gc=False):
    """One row that cannot be read, and why. `shown` is its raw text as far as there is one, cut to 2000 characters."""

    number: int
    code: str
    message: str
    shown: str = ""
    line: int | None = None


def shown(raw: str | bytes) -> str:
    """Cut raw text to what an error record shows of it; what is no text becomes U+FFFD."""
    if isinstance(raw, bytes):
        return raw[: 4 * SHOWN_CHARACTERS].decode("utf-8", "replace")[:SHOWN_CHARACTERS].rstrip("\r\n")
    cut = raw[:SHOWN_CHARACTERS].rstrip("\r\n")
    return cut if cut.isascii() else cut.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
