"""What the service counts, so that a test can prove what was asked of it and what was paid for."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable

# What the app puts before a `custom_id` where several files share a batch.
_OF_POOL = re.compile(r"^\d+-")
LISTED = 100  # rows named in a summary; a test that needs more has failed already


class Counters(msgspec.Struct):
    """Counts since the start or the last reset.

    calls             operation -> outcome (HTTP status, or `reset`, `lost`, `half`) -> count
    batches           SHA-256 of the input's bytes -> ids of its batches
    answers           custom_id -> answers with status 200 that a batch gave it (a planned double line counts once)
    live_answers      deployment and text -> live answers with status 200
    rows_processed    identity of a row -> how often it was processed, however it ended
    """

    calls: dict[str, dict[str, int]] = {}
    batches: dict[str, list[str]] = {}
    answers: dict[str, int] = {}
    live_answers: dict[str, int] = {}
    rows_processed: dict[str, int] = {}
    batches_created: int = 0
    max_active_batches: int = 0

    def call(self, operation: str, outcome: str) -> None:
        """Count a call by how it ended."""
        outcomes = self.calls.setdefault(operation, {})
        outcomes[outcome] = outcomes.get(outcome, 0) + 1

    def batch_of(self, content: str, batch_id: str) -> None:
        """Count a batch for the content it works on."""
        self.batches.setdefault(content, []).append(batch_id)

    def answered(self, custom_ids: Iterable[str]) -> None:
        """Count answers of a batch. A request that was sent alone and in a shared batch is one."""
        _add(self.answers, (_OF_POOL.sub("", custom_id) for custom_id in custom_ids))

    def answered_live(self, deployment: str, texts: Iterable[str]) -> None:
        """Count answers to a live call, one per input."""
        _add(self.live_answers, (f"{deployment}: {text}" for text in texts))

    def row_processed(self, identity: str) -> int:
        """Count a processed row; returns how often it was processed by now."""
        self.rows_processed[identity] = count = self.rows_processed.get(identity, 0) + 1
        return count

    def times_processed(self, identity: str) -> int:
        """How often a row was processed so far."""
        return self.rows_processed.get(identity, 0)

    def summary(self) -> dict[str, Any]:
        """The counts as GET /admin/counters tells them."""
        return {
            "calls": {name: {"total": sum(by.values()), **by} for name, by in sorted(self.calls.items())},
            "batches_created": self.batches_created,
            "batches_by_content": self.batches,
            "max_active_batches": self.max_active_batches,
            "answers": _served(self.answers),
            "live_answers": _served(self.live_answers),
        }


def _add(counts: dict[str, int], names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        counts[name] = counts.get(name, 0) + count


def _served(counts: dict[str, int]) -> dict[str, Any]:
    often = [(name, count) for name, count in counts.items() if count > 1]
    return {
        "requests_served": sum(counts.values()),
        "distinct_requests": len(counts),
        "served_more_than_once": dict(often[:LISTED]),
    }
