"""Faults at random: which calls meet one, which one it is, and whether it comes after the effect."""

import random
from collections import Counter
from collections.abc import Sequence
from typing import Generic, NamedTuple, TypeVar

Fault = TypeVar("Fault")


class Struck(NamedTuple, Generic[Fault]):
    """What becomes of a call."""

    fault: Fault
    after: bool  # the call is carried out, and its answer is spoilt


class Weather(Generic[Fault]):
    """Strikes each call with a chance from 0 to 1; seeded, but calls come in no order that is the same twice."""

    def __init__(self, faults: Sequence[Fault], *, chance: float, seed: int) -> None:
        self._faults, self._chance = faults, chance
        self._dice = random.Random(seed)  # noqa: S311 - bad luck, not secrets
        self.struck: Counter[str] = Counter()  # by kind of call
        self.calls = 0  # that came by

    def strikes(self, kind: str) -> Struck[Fault] | None:
        """Draw for a call."""
        self.calls += 1
        if self._dice.random() >= self._chance:
            return None
        self.struck[kind] += 1
        return Struck(self._dice.choice(self._faults), self._dice.random() < 0.5)

    def end(self) -> None:
        """Let all calls through from now on."""
        self._chance = 0.0
