"""Which files of a day fit into its budget: the lines of all writers, in the order in which they lie in one list.

Whoever reads the list comes to the same answer, so that no one has to lock it. A file that does not fit takes nothing away from
those behind it.
"""

from collections.abc import Iterable

import msgspec


class DayLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file that is to be let through, and what it may cost, in US dollars."""

    key: str
    cost: float
    approved: bool = False  # by a person: it is let through whatever the budget


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(DayLine).decode


def to_line(line: DayLine) -> bytes:
    """Write a line, its end included."""
    return _encode(line) + b"\n"


class DayBudget:
    """What a day's files may cost together, as far as the list has been read."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._let_through: set[str] = set()
        self.spent = 0.0

    def read(self, lines: Iterable[bytes]) -> None:
        """Take in further lines; what is none is passed over."""
        for line in lines:
            try:
                told = _decode(line)
            except msgspec.MsgspecError:
                continue
            if told.key in self._let_through:
                continue
            if told.approved or self.spent + told.cost <= self._limit:
                self._let_through.add(told.key)
                self.spent += told.cost

    def lets_through(self, key: str) -> bool:
        """Tell whether a file is among those that fit."""
        return key in self._let_through
