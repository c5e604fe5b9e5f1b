"""A measurement: one number with its unit, and the budget it is held against."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import msgspec


class Bound(StrEnum):
    """Which side of a budget is the good one."""

    MOST = "≤"
    LEAST = "≥"


class Budget(msgspec.Struct, frozen=True):
    """A limit from the design."""

    bound: Bound
    limit: float

    def kept_by(self, value: float) -> bool:
        """Whether a value is within the limit."""
        return value <= self.limit if self.bound is Bound.MOST else value >= self.limit


def at_most(limit: float) -> Budget:
    """Give a budget that a figure must not exceed."""
    return Budget(Bound.MOST, limit)


def at_least(limit: float) -> Budget:
    """Give a budget that a figure must reach."""
    return Budget(Bound.LEAST, limit)


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measured number. `note`: what one must know to read it, or why it could not be measured (`value` None)."""

    name: str
    unit: str
    value: float | None
    budget: Budget | None = None
    note: str = ""

    @property
    def missed(self) -> bool:
        """Whether there is a budget and this does not keep it; what could not be measured does not."""
        return self.budget is not None and (self.value is None or not self.budget.kept_by(self.value))


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What one part found, where and when."""

    part: str
    title: str
    method: str
    at: str  # UTC, to the minute
    machine: str
    seconds: float
    figures: list[Figure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a part is given: a folder for its files, how large to be, and whom to tell how far it is."""

    folder: Path
    quick: bool
    tell: Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One measurement that can be asked for by name. The method is a paragraph of Markdown."""

    name: str
    title: str
    method: str
    run: Callable[[Bench], list[Figure]]


def now() -> str:
    """Give the time, to the minute."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
