"""Which shards of a file still have work to do, and where each stands, read from its plan and its ledgers."""

from collections.abc import Iterator, Mapping

from domain.contracts import OpenShard
from domain.records import Ledger, Plan, PlannedShard


def open_shard(planned: PlannedShard, plan: Plan, ledger: Ledger | None, *, attempt: int = 1) -> OpenShard:
    """Describe a shard that is not collected yet."""
    batch = ledger.batch if ledger else None
    return OpenShard(
        shard=planned.shard,
        blob=planned.blob,
        requests=planned.requests,
        size=planned.size,
        model=plan.model or "",
        url=plan.url or "",
        attempt=attempt,
        batch_id=batch.batch_id if batch else None,
        submitted_at=batch.submitted_at if batch else None,
    )


def open_shards(plan: Plan, ledgers: Mapping[str, Ledger]) -> list[OpenShard]:
    """Give the shards to go on with: the planned ones, or what became of them."""
    return list(_walk(plan.shards, 1, plan, ledgers))


def _walk(
    planned: list[PlannedShard], attempt: int, plan: Plan, ledgers: Mapping[str, Ledger]
) -> Iterator[OpenShard]:
    for shard in planned:
        ledger = ledgers.get(shard.shard)
        if ledger and ledger.collected:
            yield from _walk(ledger.collected.children, ledger.collected.children_attempt, plan, ledgers)
        else:
            yield open_shard(shard, plan, ledger, attempt=attempt)


def ended_requests(plan: Plan, ledgers: Mapping[str, Ledger]) -> int:
    """Count the requests that have their outcome."""
    return plan.invalid + sum(ledger.collected.tally.total for ledger in ledgers.values() if ledger.collected)
