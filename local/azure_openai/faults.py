"""Deciding which planned fault applies: the plan plus the memory of how often each rule matched."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeVar

from local.azure_openai.plan import BatchRule, CallRule, Plan, RowRule, Rule, Subject

if TYPE_CHECKING:
    from collections.abc import Sequence

AnyRule = TypeVar("AnyRule", bound=Rule)


class Faults:
    """The plan at work. Draws depend on the seed, the rule and the occurrence alone, so each run makes the same."""

    def __init__(self, plan: Plan, *, seed: int) -> None:
        self._seed = seed
        self._matched: Counter[str] = Counter()
        self._begun = time.time()
        self.plan = plan

    def replace(self, plan: Plan) -> None:
        """Take a new plan; its occurrences count from zero."""
        self.plan = plan
        self._matched.clear()
        self._begun = time.time()

    def for_call(self, operation: str, subject: Subject) -> CallRule | None:
        """The rule that strikes this call."""
        rules = [rule if rule.operation in (operation, "*") else None for rule in self.plan.calls]
        return self._strike("calls", rules, subject)

    def for_batch(self, subject: Subject) -> BatchRule | None:
        """The rule that decides this new batch's fate."""
        return self._strike("batches", self.plan.batches, subject)

    def for_row(self, subject: Subject, occurrence: int) -> RowRule | None:
        """The rule for a row that is processed for the nth time. Changes nothing, so it may be asked ahead."""
        for index, rule in enumerate(self.plan.rows):
            if rule.matches(subject):
                chance = self._chance(f"rows/{index}/{subject.custom_id}/{occurrence}")
                if rule.fires(occurrence, chance):
                    return rule
        return None

    def is_quota_full(self, deployment: str) -> bool:
        """Whether a planned shortage refuses this creation."""
        for index, rule in enumerate(self.plan.quota):
            if not fnmatchcase(deployment, rule.deployment):
                continue
            if rule.seconds is not None and time.time() < self._begun + rule.seconds:
                return True
            name = f"quota/{index}"
            if rule.tries is not None and self._matched[name] < rule.tries:
                self._matched[name] += 1
                return True
        return False

    def _strike(self, kind: str, rules: Sequence[AnyRule | None], subject: Subject) -> AnyRule | None:
        struck: AnyRule | None = None
        for index, rule in enumerate(rules):
            if rule is None or not rule.matches(subject):
                continue
            name = f"{kind}/{index}"
            self._matched[name] += 1  # every matching rule counts, also behind the one that strikes
            occurrence = self._matched[name]
            if struck is None and rule.fires(occurrence, self._chance(f"{name}/{occurrence}")):
                struck = rule
        return struck

    def _chance(self, name: str) -> float:
        digest = hashlib.sha256(f"{self._seed}/{name}".encode()).digest()
        return int.from_bytes(digest[:8]) / 2**64
