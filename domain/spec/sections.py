"""Reading the parts of a job spec's document, noting every mistake with its path instead of stopping at the first."""

import difflib
from collections.abc import Collection, Mapping
from datetime import date
from math import isfinite
from typing import Any

from domain.errors import SpecMistake, writable

MAX_DEPTH = 60
MAX_VALUES = 50_000
MAX_MISTAKES = 100
MAX_SHOWN_CHARS = 60
_Place = tuple[Any, str | int] | None  # the place above, and the key or index in it


class Mistakes:
    """The mistakes found so far; the first MAX_MISTAKES of them, so that a hostile document stays a small error."""

    def __init__(self) -> None:
        self.found: list[SpecMistake] = []

    def add(self, path: str, message: str) -> None:
        """Note one."""
        if len(self.found) < MAX_MISTAKES:
            self.found.append(SpecMistake(writable(path), writable(message)))


class Section:
    """An object in the document. A key counts as not given when its value is nothing."""

    def __init__(
        self, path: str, values: Mapping[Any, Any], mistakes: Mistakes, allowed: Collection[str]
    ) -> None:
        self.path, self._mistakes = path, mistakes
        self._values = {key: value for key, value in values.items() if value is not None}
        for key in values:
            if key not in allowed:
                name = str(key)[:MAX_SHOWN_CHARS]
                mistakes.add(self.at(name), f"unknown. {did_you_mean(name, allowed)}")

    def at(self, key: str) -> str:
        """Give the path of a key."""
        return f"{self.path}.{key}" if self.path else key

    def given(self, key: str) -> bool:
        """Say whether the document has a value there."""
        return key in self._values

    def wrong(self, key: str, message: str) -> None:
        """Note a mistake about a key."""
        self._mistakes.add(self.at(key), message)

    def value(self, key: str) -> Any:
        """Give what is there, None for nothing."""
        return self._values.get(key)

    def text(self, key: str, default: str | None = None) -> str | None:
        """Give a text that is not empty."""
        if not self.given(key):
            return default
        value = self._values[key]
        if isinstance(value, str) and value:
            return value
        self.wrong(key, f"found {shown(value)}, expected a text" if value != "" else "empty")
        return default

    def choice(self, key: str, allowed: Collection[str], default: Any) -> Any:
        """Give one of the allowed words."""
        if not self.given(key):
            return default
        value = self._values[key]
        if isinstance(value, str) and value in allowed:
            return value
        self.wrong(key, f"found {shown(value)}. {did_you_mean(str(value), allowed)}")
        return default

    def whole_number(self, key: str, low: int, high: int, default: int) -> int:
        """Give a whole number between two bounds."""
        if not self.given(key):
            return default
        value = self._values[key]
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.wrong(key, f"found {shown(value)}, expected a whole number from {low:,} to {high:,}")
        return default

    def section(self, key: str, allowed: Collection[str]) -> "Section":
        """Give the object under a key, an empty one where there is none."""
        value = self._values.get(key, {})
        if not isinstance(value, Mapping):
            self.wrong(key, f"found {shown(value)}, expected an object with {', '.join(allowed)}")
            value = {}
        return Section(self.at(key), value, self._mistakes, allowed)

    def list_of(self, key: str, most: int) -> list[Any] | None:
        """Give a list with at least one entry, None where there is none."""
        if not self.given(key):
            return None
        value = self._values[key]
        if isinstance(value, list) and 0 < len(value) <= most:
            return value
        found = f"a list of {len(value)}" if isinstance(value, list) else shown(value)
        self.wrong(key, f"found {found}, expected a list of 1 to {most} entries")
        return None


def did_you_mean(given: str, allowed: Collection[str]) -> str:
    """Say which words are allowed, the nearest one apart."""
    near = difflib.get_close_matches(given, allowed, 1)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"Allowed: {', '.join(allowed)}.{hint}"


def shown(value: object) -> str:
    """Show a value of the document in a message."""
    if isinstance(value, bool):
        return f"{str(value).lower()} (put it in quotes if it is meant as text)"
    if value is None or isinstance(value, (Mapping, list)):
        return "nothing" if value is None else "a list" if isinstance(value, list) else "an object"
    text = str(value) if isinstance(value, (int, float, date)) else repr(value)
    return text if len(text) <= MAX_SHOWN_CHARS else text[: MAX_SHOWN_CHARS - 1] + "…"


def check_json(document: object, mistakes: Mistakes) -> bool:
    """Find what JSON cannot say. False: too deep or too much to be looked at any further."""
    waiting: list[tuple[object, _Place, int]] = [(document, None, 0)]
    count = 0
    while waiting:
        value, place, depth = waiting.pop()
        count += 1
        if depth > MAX_DEPTH or count > MAX_VALUES:
            reason = "nested too deeply" if depth > MAX_DEPTH else f"more than {MAX_VALUES:,} values"
            mistakes.add(_path(place), reason)
            return False
        if isinstance(value, dict):
            for key in value:
                if not isinstance(key, str):
                    mistakes.add(_path(place), f"the key {shown(key)} is no text; put it in quotes")
                elif not _is_unicode(key):
                    mistakes.add(_path((place, key)), "the key is not valid Unicode")
            waiting += [(item, (place, str(key)), depth + 1) for key, item in value.items()]
        elif isinstance(value, list):
            waiting += [(item, (place, index), depth + 1) for index, item in enumerate(value)]
        elif isinstance(value, float) and not isfinite(value):
            mistakes.add(_path(place), "not a number that JSON can say")
        elif isinstance(value, str) and not _is_unicode(value):
            mistakes.add(_path(place), "holds half a character and is not valid Unicode")
    return True


def _path(place: _Place) -> str:
    parts = []
    while place:
        place, key = place
        parts.append(f"[{key}]" if isinstance(key, int) else f".{key[:MAX_SHOWN_CHARS]}")
    return "".join(reversed(parts)).removeprefix(".")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
