"""What was collected of a pool, file by file: as if each had been sent alone."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import groupby, repeat

import msgspec

from adapters.work.store import WorkStore
from domain.pooling import number_of, unmarked
from domain.records import Ledger
from domain.service.outcomes import Outcome, ShardOutcome, Tally, join_passed_on
from steps.deliver.collected_outcomes import CollectedOutcomes
from steps.pool.members import Member

_OPEN = ShardOutcome(custom_id="", outcome=Outcome.MISSING)


class MemberOutcomes(CollectedOutcomes):
    """How the requests of one file of a pool ended: in memory, as a small file's are. Ledgers have the file's share alone."""

    def __init__(
        self, member: Member, ended: list[ShardOutcome], ledgers: Mapping[str, Ledger], store: WorkStore
    ) -> None:
        super().__init__(member.key, member.plan, store)
        self.ended = ended
        self.ledgers = dict(shares_of(member, ledgers))

    def outcomes(self) -> Iterator[ShardOutcome]:
        """Give the outcome of every request of the file that went into a shard, in the order of the input."""
        return iter(self.ended)

    @property
    def are_all(self) -> bool:
        """Whether there is one for each of the file's requests."""
        return len(self.ended) == self.plan.requests - self.plan.invalid

    @property
    def tally(self) -> Tally:
        """The counts of all of the file's requests, those that never became one among them."""
        total = Tally(invalid=self.plan.invalid)
        total.add(self.counted.tally)
        return total


class SettledSoFar(CollectedOutcomes):
    """What was collected of a pool whose shards are not all collected yet.

    In the place of an outcome that is still to come stands one without a `custom_id`; those of shards whose batch has not
    ended at all are left out.
    """

    @cached_property
    def ledgers(self) -> dict[str, Ledger]:
        """The ledgers of the shards that are collected, and of what became of them, by shard."""
        found = self._store.ledgers.of_shards(self._key, self.plan.shards)
        return {shard: ledger for shard, ledger in found.items() if ledger.collected}

    def outcomes(self) -> Iterator[ShardOutcome]:
        """Give what there is, in the order of the input."""
        children = [
            child
            for ledger in self.ledgers.values()
            if ledger.collected
            for child in ledger.collected.children
        ]
        requests = {child.shard: child.requests for child in children}

        def read(shard: str) -> Iterator[ShardOutcome]:
            if shard in self.ledgers:
                return self._of_shard(shard)
            return repeat(_OPEN, requests.get(shard, 0))

        return join_passed_on([shard.shard for shard in self.plan.shards], read, self._children)


def shares_of(member: Member, ledgers: Mapping[str, Ledger]) -> Iterator[tuple[str, Ledger]]:
    """Give the ledgers of the shards that had requests of a file, with what those came to."""
    number = str(member.number)
    for shard, ledger in ledgers.items():
        if ledger.collected and (share := ledger.collected.members.get(number)):
            collected = msgspec.structs.replace(
                ledger.collected, tally=share.tally, again=share.again, members={}
            )
            yield shard, msgspec.structs.replace(ledger, collected=collected)


def by_member(
    collected: CollectedOutcomes, members: Mapping[str, Member], store: WorkStore
) -> Iterator[tuple[Member, MemberOutcomes]]:
    """Give what was collected of each file that is in the pool now, one after the other. `members` by their numbers."""
    for number, ended in groupby(collected.outcomes(), lambda outcome: number_of(outcome.custom_id)):
        if number in members:
            outcomes = [unmarked(outcome) for outcome in ended]
            yield members[number], MemberOutcomes(members[number], outcomes, collected.ledgers, store)
