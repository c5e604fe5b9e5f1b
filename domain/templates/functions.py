"""What a template may call on a value, each function paid for from the row's budget before it runs.

Nothing here makes a text much longer than what it was given without having been charged for the result first, so a
template can neither hang nor eat memory. Nothing reaches further than the values it is handed.
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from itertools import chain
from typing import Any

from domain.templates.row_text import json_text, text_of

MAX_RANGE = 10_000
MAX_PIECES = 100_000
MAX_DECIMALS = 20
MAX_DIGITS = 400  # of a text that is read as a number; a float has at most 309 before the point
PIECE_COST = 64  # bytes that an entry of a new list takes beside its characters
TRUNCATE_LEEWAY = 5  # Jinja's own: a text this little too long is left whole


# So many characters that Python moves take as long as a step of a loop of ours, a change of a letter, an entry of a list that is
# looked at, a call, the start of a loop.
STRIP_COST = 10
LETTER_COST = 4
ENTRY_COST = 32
CALL_COST = 100
LOOP_COST = 200

# Of shorter texts Python compares a searched text with each place (fastsearch.h, 3.10 and later); of longer ones it does not.
SHORT_CHARS = 30_000
COMPARED_AT_ONCE = 16  # characters that are compared while one is moved


class TooMuchWorkError(Exception):
    """A template wants more than a row may cost."""


class Work:
    """What the templates of one field may still cost, in units of about one character moved."""

    __slots__ = ("left",)

    def __init__(self, units: int) -> None:
        self.left = units

    def charge(self, units: int) -> None:
        """Pay for the next step. Raises TooMuchWorkError when there is not enough left for it."""
        self.left -= units
        if self.left < 0:
            raise TooMuchWorkError


def charge_size(work: Work, value: object) -> int:
    """Pay for the characters and entries in a value, however deep, while they are counted; gives what was paid."""
    if isinstance(value, (str, bytes)):
        cost = 1 + len(value)
        work.charge(cost)
        return cost
    cost = ENTRY_COST
    entries: Iterable[object] = ()
    if isinstance(value, dict):
        cost += 2 * ENTRY_COST * len(value)
        entries = chain.from_iterable(value.items())
    elif isinstance(value, (list, tuple)):
        cost += ENTRY_COST * len(value)
        entries = value
    work.charge(cost)
    for entry in entries:
        cost += charge_size(work, entry)
    return cost


def charge_search(work: Work, text: str, searched: str) -> None:
    """Pay for looking for a text in another one."""
    work.charge(len(text) + len(searched))
    if len(text) < SHORT_CHARS:
        work.charge(max(0, len(text) - len(searched)) * len(searched) // COMPARED_AT_ONCE)


def kind_of(value: object) -> str:
    """Name what a value is, as people say it."""
    names = {bool: "true or false", str: "a text", int: "a number", float: "a number", list: "a list"}
    if value is None:
        return "nothing"
    return "an object" if isinstance(value, dict) else names.get(type(value), f"a {type(value).__name__}")


def _text(work: Work, value: object) -> str:
    text = value if type(value) is str else text_of(value)
    work.charge(len(text))
    return text


def _sequence(value: object) -> Any:
    if not isinstance(value, (list, tuple, str)):
        raise TypeError(f"expected a list or a text, found {kind_of(value)}")
    return value


def _object(value: object) -> dict[object, object]:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, found {kind_of(value)}")
    return value


# --- texts ------------------------------------------------------------------------------------------------------------


def _letters(work: Work, value: object) -> str:
    """Give a text whose every letter is going to be changed."""
    text = value if type(value) is str else text_of(value)
    work.charge(LETTER_COST * len(text))
    return text


def _upper(work: Work, value: object) -> str:
    return _letters(work, value).upper()


def _lower(work: Work, value: object) -> str:
    return _letters(work, value).lower()


def _title(work: Work, value: object) -> str:
    return _letters(work, value).title()


def _capitalize(work: Work, value: object) -> str:
    return _letters(work, value).capitalize()


def _trim(work: Work, value: object, chars: str | None = None) -> str:
    return _stripped(work, value, chars, left=True, right=True)


def _lstrip(work: Work, value: object, chars: str | None = None) -> str:
    return _stripped(work, value, chars, left=True, right=False)


def _rstrip(work: Work, value: object, chars: str | None = None) -> str:
    return _stripped(work, value, chars, left=False, right=True)


def _stripped(work: Work, value: object, chars: str | None, *, left: bool, right: bool) -> str:
    """Strip as Python does, in linear time: its own way compares each character with all of `chars`."""
    text = _text(work, value)
    if chars is None:
        text = text.lstrip() if left else text
        return text.rstrip() if right else text
    wanted = frozenset(_text(work, chars))
    start, end = 0, len(text)
    while left and start < end and text[start] in wanted:
        start += 1
    while right and start < end and text[end - 1] in wanted:
        end -= 1
    work.charge(STRIP_COST * (len(text) - end + start))
    return text[start:end]


def _startswith(work: Work, value: object, start: str) -> bool:
    charge_size(work, start)
    return _text(work, value).startswith(start)


def _endswith(work: Work, value: object, end: str) -> bool:
    charge_size(work, end)
    return _text(work, value).endswith(end)


def _replace(work: Work, value: object, old: object, new: object, count: int = -1) -> str:
    text, old_text, new_text = _text(work, value), _text(work, old), _text(work, new)
    for _ in range(2):  # they are counted first
        charge_search(work, text, old_text)
    found = text.count(old_text)
    work.charge(found * (len(new_text) + STRIP_COST))
    return text.replace(old_text, new_text, count)


def _split(work: Work, value: object, sep: str | None = None, maxsplit: int = MAX_PIECES) -> list[str]:
    cuts = maxsplit if 0 <= maxsplit < MAX_PIECES else MAX_PIECES
    work.charge(PIECE_COST)
    text = _text(work, value)
    if isinstance(sep, str):
        charge_search(work, text, sep)
    pieces = text.split(sep, cuts)
    if len(pieces) > MAX_PIECES:
        raise ValueError(f"the text falls into more than {MAX_PIECES:,} pieces")
    work.charge(PIECE_COST * len(pieces))
    return pieces


def _truncate(
    work: Work,
    value: object,
    length: int = 255,
    killwords: bool = False,  # noqa: FBT001, FBT002 - the order is Jinja's
    end: object = "...",
) -> str:
    text, ending = _text(work, value), _text(work, end)
    if len(text) <= length + TRUNCATE_LEEWAY:
        return text
    cut = text[: max(0, length - len(ending))]
    return (cut if killwords else cut.rsplit(" ", 1)[0]) + ending


def _join(work: Work, value: object, sep: object = "") -> str:
    work.charge(PIECE_COST * len(_sequence(value)))
    between, parts = _text(work, sep), [_text(work, item) for item in _sequence(value)]
    work.charge(sum(map(len, parts)) + len(between) * len(parts))
    return between.join(parts)


def _concat(work: Work, *values: object) -> str:
    return _join(work, values)


def _tojson(work: Work, value: object) -> str:
    work.charge(5 * charge_size(work, value))  # a control character takes six in JSON
    return json_text(value)


# --- numbers ----------------------------------------------------------------------------------------------------------


def _int(work: Work, value: object, default: int = 0) -> int:
    if isinstance(value, int):
        return int(value)
    text = _text(work, value)[:MAX_DIGITS]
    for read in (int, lambda text: int(float(text))):
        try:
            return read(text)
        except (ValueError, OverflowError):
            continue
    return default


def _float(work: Work, value: object, default: float = 0.0) -> float:
    try:
        return float(_text(work, value)[:MAX_DIGITS])
    except (ValueError, OverflowError):
        return default


def _round(_: Work, value: Any, precision: int = 0) -> Any:
    if not 0 <= precision <= MAX_DECIMALS:
        raise ValueError(f"round takes 0 to {MAX_DECIMALS} decimals")
    return round(value, precision)


def _abs(_: Work, value: Any) -> Any:
    return abs(value)


def _range(_: Work, *bounds: int) -> range:
    numbers = range(*bounds)
    if len(numbers) > MAX_RANGE:
        raise ValueError(f"range gives at most {MAX_RANGE:,} numbers")
    return numbers


# --- lists, objects and anything --------------------------------------------------------------------------------------


def _length(_: Work, value: Any) -> int:
    return len(value)


def _first(_: Work, value: object) -> object:
    return _sequence(value)[0]


def _last(_: Work, value: object) -> object:
    return _sequence(value)[-1]


def _get(work: Work, value: object, key: object, default: object = None) -> object:
    charge_size(work, key)
    return _object(value).get(key, default)


def _keys(work: Work, value: object) -> list[object]:
    work.charge(PIECE_COST * len(_object(value)))
    return list(_object(value))


def _values(work: Work, value: object) -> list[object]:
    work.charge(PIECE_COST * len(_object(value)))
    return list(_object(value).values())


def _items(work: Work, value: object) -> list[tuple[object, object]]:
    work.charge(2 * PIECE_COST * len(_object(value)))
    return list(_object(value).items())


def _map(work: Work, value: object, attribute: str) -> list[object]:
    entries = _sequence(value)
    work.charge(PIECE_COST * len(entries))
    charge_size(work, attribute)
    if any(attribute not in _object(entry) for entry in entries):
        raise LookupError(f"an entry has no {attribute!r}")
    return [entry[attribute] for entry in entries]


def _default(_: Work, value: object, default: object = "", boolean: bool = False) -> object:  # noqa: FBT001, FBT002 - the order is Jinja's
    return default if boolean and not value else value


# --- what operators and loops are turned into -------------------------------------------------------------------------


def _each(work: Work, value: object, weight: int) -> Iterator[object]:
    """Go through a list, text, range or the keys of an object, paying for each turn of the loop."""
    work.charge(LOOP_COST)
    for item in value if isinstance(value, (range, dict)) else _sequence(value):
        work.charge(weight)
        yield item


def _slice(work: Work, value: object, start: int | None, stop: int | None, step: int | None) -> object:
    cut = _sequence(value)[start:stop:step]
    work.charge(len(cut))
    return cut


def _compare(work: Work, left: object, *steps: object) -> bool:
    """Compare values in a chain: `a < b <= c`. `steps` are operator, value, operator, value ..."""
    for operator, right in zip(steps[::2], steps[1::2], strict=True):
        if isinstance(left, str) and isinstance(right, str) and str(operator).endswith("in"):
            charge_search(work, right, left)
        else:
            turns = len(right) if isinstance(right, (list, tuple)) else 1
            charge_size(work, right)
            work.charge(charge_size(work, left) * turns)
        if not _COMPARISONS[str(operator)](left, right):
            return False
        left = right
    return True


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "lt": lambda left, right: left < right,
    "lteq": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "gteq": lambda left, right: left >= right,
    "in": lambda left, right: left in right,
    "notin": lambda left, right: left not in right,
}


def _number(value: Any) -> Any:
    """Let a number through. `%` on a text would be the old way of formatting, which can make texts of any length."""
    if not isinstance(value, (int, float, Decimal)):
        raise TypeError(f"expected a number, found {kind_of(value)}")
    return value


# Written `value is name`.
TESTS: dict[str, Callable[..., bool]] = {
    "boolean": lambda value: isinstance(value, bool),
    "defined": lambda _: True,
    "divisibleby": lambda value, number: _number(value) % _number(number) == 0,
    "even": lambda value: _number(value) % 2 == 0,
    "false": lambda value: value is False,
    "float": lambda value: isinstance(value, float),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "mapping": lambda value: isinstance(value, dict),
    "none": lambda value: value is None,
    "number": lambda value: isinstance(value, (int, float, Decimal)) and not isinstance(value, bool),
    "odd": lambda value: _number(value) % 2 == 1,
    "sequence": lambda value: isinstance(value, (list, tuple, str)),
    "string": lambda value: isinstance(value, str),
    "true": lambda value: value is True,
    "undefined": lambda _: False,
}
# Written `value | name(...)`, those of METHODS also `value.name(...)`, as Python has them.
FUNCTIONS: dict[str, Callable[..., object]] = {
    "abs": _abs,
    "capitalize": _capitalize,
    "count": _length,
    "d": _default,
    "default": _default,
    "first": _first,
    "float": _float,
    "int": _int,
    "items": _items,
    "join": _join,
    "last": _last,
    "length": _length,
    "lower": _lower,
    "map": _map,
    "replace": _replace,
    "round": _round,
    "split": _split,
    "string": _text,
    "title": _title,
    "tojson": _tojson,
    "trim": _trim,
    "truncate": _truncate,
    "upper": _upper,
}
METHODS: dict[str, Callable[..., object]] = {
    "capitalize": _capitalize,
    "endswith": _endswith,
    "get": _get,
    "items": _items,
    "keys": _keys,
    "lower": _lower,
    "lstrip": _lstrip,
    "replace": _replace,
    "rstrip": _rstrip,
    "split": _split,
    "startswith": _startswith,
    "strip": _trim,
    "title": _title,
    "upper": _upper,
    "values": _values,
}
# The syntax is turned into calls of these; their names hold a space, so that no template can write them.
OPERATIONS: dict[str, Callable[..., object]] = {
    "op compare": _compare,
    "op concat": _concat,
    "op each": _each,
    "op range": _range,
    "op slice": _slice,
}
