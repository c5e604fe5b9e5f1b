"""JSON text becomes rows. One decoder for all forms of JSON, so that they give the same values."""

import math
from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from domain.bounds import too_long
from domain.json_depth import TOO_DEEP, TOO_WIDE, is_too_deep, is_too_wide
from domain.service.json_flaws import why_invalid
from domain.service.request_lines import MAX_LINE_BYTES, UTF8_BOM, split_lines
from formats.rows import BadRow, Row, shown

_LARGEST_EXPONENT = 6144  # of 128-bit decimals; `int(Decimal("1e999999999"))` would take a machine down
_EXACT_CHARACTERS = 16  # a float tells all numbers of 15 digits apart


def number_of(text: str) -> float | Decimal:
    """Give the float that says exactly what a JSON number with a fraction or an exponent says, else a Decimal."""
    if len(text) <= _EXACT_CHARACTERS and "e" not in text and "E" not in text:
        return float(text)
    try:
        exact = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{text[:40]} is out of range") from error
    if exact and abs(exact.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError(f"{text[:40]} is out of range")
    near = float(text)
    return near if math.isfinite(near) and Decimal(repr(near)) == exact else exact


_decode = msgspec.json.Decoder(float_hook=number_of).decode


def json_row(
    number: int, text: bytes, line: int | None = None, *, most: int = MAX_LINE_BYTES
) -> Row | BadRow:
    """Turn the JSON text of one object into a row; one of more than `most` bytes is a bad one."""
    if len(text) > most:
        code, message = "row_too_long", too_long(most)
    elif is_too_wide(text):
        code, message = "row_too_long", TOO_WIDE
    elif is_too_deep(text):
        code, message = "invalid_json", TOO_DEEP
    else:
        try:
            values = _decode(text)
        except msgspec.DecodeError as error:
            if text.startswith(UTF8_BOM):  # files were joined
                return json_row(number, text.removeprefix(UTF8_BOM), line, most=most)
            code, message = "invalid_json", why_invalid(text, error)
        except UnicodeDecodeError as error:
            code, message = "invalid_encoding", f"Bytes that are no text, at byte {error.start} of a string."
        except RecursionError:
            code, message = "invalid_json", TOO_DEEP
        else:
            if isinstance(values, dict):
                return Row(number, values, line)
            code, message = "not_an_object", f"Expected a JSON object, found {_kind(values)}."
    return BadRow(number, code, message, shown(text), line)


def read_json_lines(
    chunks: Iterable[bytes], most: int = MAX_LINE_BYTES, *, first_line: int = 1
) -> Iterator[Row | BadRow]:
    """Give a row for each line that is not blank; one of more than `most` bytes is a bad one. The text is UTF-8 without a mark."""
    number = 0
    for line_number, line in enumerate(split_lines(chunks, most), first_line):
        if line.strip():
            yield json_row(number, line, line_number, most=most)
            number += 1


def _kind(value: Any) -> str:
    names = {type(None): "null", bool: "true or false", str: "a string", list: "an array"}
    return names.get(type(value), "a number")
