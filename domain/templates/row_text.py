"""How a value of a row reads in a prompt: one rule for every file format, with or without a template around it."""

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import Any

import msgspec

PLAIN_EXPONENT = 300  # a decimal of more digits than a float has is written with its exponent

_json = msgspec.json.Encoder(decimal_format="number").encode
_unquote = msgspec.json.Decoder(str).decode


def text_of(value: object) -> str:
    """Write a value as text.

    Nothing is the empty text, and so are NaN, which stands for a missing number, and infinite numbers; true and false as
    in JSON; numbers plainly; dates and times in ISO 8601; lists and objects as JSON; bytes in base64. Raises TypeError for
    a value that no file format knows, ValueError or RecursionError for one that cannot be written.
    """
    write = _WRITERS.get(type(value))
    return write(value) if write else _text_of_unusual(value)


def text_in_results(value: object) -> str:
    """Write a value like `text_of`, but NaN and infinite numbers as what they are: a result keeps what its row has."""
    return repr(value) if type(value) is float else text_of(value)


def json_text(value: object) -> str:
    """Write a value as JSON, without spaces. Raises like `text_of`."""
    return _json(value).decode()


def _text_of_unusual(value: object) -> str:
    """Write a value by the type it is derived from, or as JSON would."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    text = json_text(value)
    return _unquote(text) if text.startswith('"') else text


def _decimal(value: Decimal) -> str:
    plain = value.is_finite() and abs(value.adjusted()) <= PLAIN_EXPONENT
    return format(value, "f") if plain else str(value)


def _float(value: float) -> str:
    return repr(value) if isfinite(value) else ""


def _nothing(_: object) -> str:
    return ""


def _bool(value: object) -> str:
    return "true" if value else "false"


_WRITERS: dict[type, Callable[[Any], str]] = {
    str: str,
    type(None): _nothing,
    bool: _bool,
    int: int.__repr__,
    float: _float,
    Decimal: _decimal,
    datetime: datetime.isoformat,
    date: date.isoformat,
    time: time.isoformat,
    list: json_text,
    dict: json_text,
    tuple: json_text,
}
