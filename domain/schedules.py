"""NCRONTAB expressions, as far as the host would refuse them: `{second} {minute} {hour} {day} {month} {day of the week}`.

The host drops the listener of a timer that it cannot read, and says so in its own log alone ("Timer trigger for Azure
Functions", read 2026-11).
"""

import re
from typing import NamedTuple


class _Field(NamedTuple):
    name: str
    least: int
    most: int
    words: tuple[str, ...] = ()


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 6, _DAYS),
)
_ITEM = re.compile(r"(?P<first>\*|\w+)(?:-(?P<last>\w+))?(?:/(?P<step>\d+))?")


def schedule_mistake(expression: str) -> str | None:
    """Say what is wrong with an NCRONTAB expression, None when nothing is."""
    given = expression.split()
    if len(given) != len(_FIELDS):
        return f"has {len(given)} fields; NCRONTAB has six, the first one for seconds, as in `0 * * * * *`."
    for field, text in zip(_FIELDS, given, strict=True):
        if not all(_is_item(item, field) for item in text.split(",")):
            return f"has {text!r} for the {field.name}; wanted are `*` or {field.least} to {field.most}, with `-`, `,` and `/`."
    return None


def _is_item(text: str, field: _Field) -> bool:
    found = _ITEM.fullmatch(text)
    if found is None or found["step"] == "0" or (found["first"] == "*" and found["last"]):
        return False
    if found["step"] and len(found["step"]) > len(str(field.most)):
        return False
    numbers = [_number(word, field) for word in (found["first"], found["last"]) if word and word != "*"]
    inside = [number for number in numbers if number is not None and field.least <= number <= field.most]
    return len(inside) == len(numbers) and inside == sorted(inside)


def _number(word: str, field: _Field) -> int | None:
    if word.lower() in field.words:
        return field.words.index(word.lower()) + field.least
    return int(word) if word.isascii() and word.isdigit() and len(word) <= 2 else None
