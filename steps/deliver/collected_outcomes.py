"""Everything that is known about how a file's requests ended: its ledgers, its outcomes in input order, its bad lines."""

from collections.abc import Iterator
from functools import cached_property

import msgspec

from adapters.work.blobs import outcomes_from
from adapters.work.store import WorkStore
from domain import names
from domain.errors import PipelineError
from domain.records import Counted, Ledger, Plan, summed
from domain.service.outcomes import ShardOutcome, join_passed_on


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
    def counted(self) -> Counted:
        """What the requests that were sent came to, in all collected shards together."""
        return summed(ledger.collected for ledger in self.ledgers.values() if ledger.collected)

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
        tally = self.counted.tally
        return tally.input_tokens, tally.output_tokens, tally.cached_tokens

    @property
    def have_errors(self) -> bool:
        """Whether anything but results has to be written."""
        return bool(self.plan.invalid) or self.counted.tally.errors > 0

    def outcomes(self) -> Iterator[ShardOutcome]:
        """Give the outcome of every request that went into a shard, in the order of the input."""
        return join_passed_on(
            [shard.shard for shard in self.plan.shards],
            self._of_shard,
            self._children,
        )

    def _of_shard(self, shard: str) -> Iterator[ShardOutcome]:
        ledger = self.ledgers[shard]
        collected = ledger.collected
        if collected and collected.outcomes is not None:
            return outcomes_from(line for line in collected.outcomes.split(b"\n") if line)
        if collected and collected.answer_bytes is not None:
            return self._store.blobs.answers(self._key, shard, ledger.attempt)
        return self._store.blobs.outcomes(self._key, shard)

    @property
    def whole_answers(self) -> list[tuple[str, int]] | None:
        """The blobs that hold nothing but the answers to all requests, in their order, and their sizes in bytes.

        None where there is more to tell, or they were few.
        """
        if self.have_errors:
            return None
        collected = [self.ledgers[shard.shard].collected for shard in self.plan.shards]
        found = [
            (names.answers(self._key, shard.shard), each.answer_bytes)
            for shard, each in zip(self.plan.shards, collected, strict=True)
            if each and each.answer_bytes is not None
        ]
        return found if len(found) == len(collected) else None

    def _children(self, shard: str) -> list[str]:
        collected = self.ledgers[shard].collected
        return [child.shard for child in collected.children] if collected else []

    def invalid(self) -> Iterator[tuple[int, bytes]]:
        """Give the records of what never became a request, each with the number of its line or, in a table, its row."""
        if self.plan.invalid:
            for record in self._store.blobs.lines(names.invalid_lines(self._key)):
                numbered = _decode_number(record)
                yield (numbered.line or 0) if numbered.row is None else numbered.row, record
