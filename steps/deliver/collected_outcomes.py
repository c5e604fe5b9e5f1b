"""Everything that is known about how a file's requests ended: its ledgers, its outcomes in input order, its bad lines."""

from collections.abc import Iterator
from functools import cached_property

import msgspec

from adapters.work.blobs import outcomes_from
from adapters.work.store import WorkStore
from domain import names
from domain.errors import PipelineError
from domain.records import Ledger, Plan
from domain.service.outcomes import ShardOutcome, Tally, join_passed_on


class _Numbered(msgspec.Struct):
    line: int | None = None
    row: int | None = None


_decode_number = msgspec.json.Decoder(_Numbered).decode


class CollectedOutcomes:
    """Reads what collecting left in `work/`; every call of `outcomes` and `invalid` streams anew."""

    def __init__(self, key: str, plan: Plan, store: WorkStore) -> None:
        self._key, self.plan, self._store = key, plan, store

    @cached_property
    def ledgers(self) -> dict[str, Ledger]:
        """The ledgers of all shards and of what became of them, by shard.

        Raises PipelineError when one is not collected: another snapshot has finished the file and is removing its records.
        """
        found = self._store.ledgers.of_shards(self._key, self.plan.shards)
        expected = [shard.shard for shard in self.plan.shards]
        for shard in expected:
            collected = found[shard].collected if shard in found else None
            if collected is None:
                raise PipelineError(
                    f"Shard {shard} of {self.plan.path} is not collected.", code="not_collected"
                )
            expected += [child.shard for child in collected.children]
        return found

    @cached_property
    def tallies(self) -> list[Tally]:
        """The counts of every collected shard."""
        return [ledger.collected.tally for ledger in self.ledgers.values() if ledger.collected]

    @property
    def wide(self) -> set[str]:
        """The properties of structured answers with whole numbers beyond 64 bits."""
        return {
            name for ledger in self.ledgers.values() if ledger.collected for name in ledger.collected.wide
        }

    @property
    def tokens(self) -> tuple[int, int, int]:
        """Tokens in and out of all attempts, and those in that were cached.

        An answer that was thrown away for a better one was paid all the same.
        """
        return (
            sum(tally.input_tokens for tally in self.tallies),
            sum(tally.output_tokens for tally in self.tallies),
            sum(tally.cached_tokens for tally in self.tallies),
        )

    @property
    def have_errors(self) -> bool:
        """Whether anything but results has to be written."""
        return bool(self.plan.invalid) or any(tally.errors for tally in self.tallies)

    def outcomes(self) -> Iterator[ShardOutcome]:
        """Give the outcome of every request that went into a shard, in the order of the input."""
        return join_passed_on(
            [shard.shard for shard in self.plan.shards],
            self._of_shard,
            self._children,
        )

    def _of_shard(self, shard: str) -> Iterator[ShardOutcome]:
        collected = self.ledgers[shard].collected
        if collected and collected.outcomes is not None:
            return outcomes_from(line for line in collected.outcomes.split(b"\n") if line)
        return self._store.blobs.outcomes(self._key, shard)

    def _children(self, shard: str) -> list[str]:
        collected = self.ledgers[shard].collected
        return [child.shard for child in collected.children] if collected else []

    def invalid(self) -> Iterator[tuple[int, bytes]]:
        """Give the records of what never became a request, each with the number of its line or, in a table, its row."""
        if self.plan.invalid:
            for record in self._store.blobs.lines(names.invalid_lines(self._key)):
                numbered = _decode_number(record)
                yield (numbered.line or 0) if numbered.row is None else numbered.row, record
