"""NCRONTAB, what timers of Azure Functions are told: `{second} {minute} {hour} {day} {month} {day of the week}`."""

import re

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
# name, lowest, highest, names of the values from the lowest on
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),
)
_PART = re.compile(r"(?:\*|(?P<first>[0-9]+|[a-z]+)(?:-(?P<last>[0-9]+|[a-z]+))?)(?:/(?P<step>[0-9]+))?")


def mistake_in(schedule: str) -> str | None:
    """Tell what is wrong with a schedule; None: nothing.

    Stricter than the host in nothing but this: five fields, and a time span, which only some plans take.
    """
    fields = schedule.lower().split()
    if len(fields) != len(_FIELDS):
        return f"needs six fields, the first one for seconds, and has {len(fields)}"
    found = []
    for text, (name, lowest, highest, names) in zip(fields, _FIELDS, strict=True):
        values = _values(text, lowest, highest, names)
        if values is None:
            return f"{text!r} is no {name}: values from {lowest} to {highest}, `*`, ranges, lists and steps"
        found.append(values)
    days, months = found[3], found[4]
    if all(min(days) > _LONGEST[month - 1] for month in months):
        return "never comes true"
    return None


def _values(text: str, lowest: int, highest: int, names: tuple[str, ...]) -> set[int] | None:
    """Give the values that a field stands for; None where it is not one."""
    values: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            return None
        first, last, step = match["first"], match["last"], match["step"]
        start = lowest if first is None else _number(first, lowest, names)
        end = highest if first is None or (step and not last) else _number(last or first, lowest, names)
        if (
            start is None
            or end is None
            or not lowest <= start <= end <= highest
            or (step is not None and not int(step))
        ):
            return None
        values |= set(range(start, end + 1, int(step or 1)))
    return values


def _number(text: str, lowest: int, names: tuple[str, ...]) -> int | None:
    if text.isdecimal():
        return int(text)
    return next((lowest + index for index, name in enumerate(names) if name == text), None)
