"""Which shards of a file still have work to do, and where each stands, read from its plan and its ledgers."""

from collections.abc import Iterator, Mapping

from domain.contracts import OpenShard
from domain.records import Ledger, Plan, PlannedShard
from domain.service.endpoints import Engine
from domain.service.transports import limit_bytes
from domain.settings import Settings

# A shard that is sent live writes an intent and an answer per request into one append blob, which takes 50,000 blocks
# ("Append Block", read 2026-11), and is held in memory while it is sent.
DIRECT_SHARD_REQUESTS = 10_000
DIRECT_SHARD_BYTES = 16 * 1024 * 1024

# While a shard is collected its answers lie on the temporary disk, of which the smallest plan has 0.8 GB (Flex Consumption,
# "Azure Functions limits", read 2026-11). So no shard is expected to bring more than MAX_OUTPUT_BYTES.
MAX_OUTPUT_BYTES = 500_000_000
ANSWER_ENVELOPE_BYTES = 1_500  # of an answer line: ids, usage, content filter results
BYTES_PER_TOKEN = 4
USUAL_OUTPUT_TOKENS = 800  # at most, of nearly every answer without a limit of its length


def answer_bytes(output_tokens: int | None = None) -> int:
    """Give the bytes that an answer line may have, by the most tokens that the request allows; None: no limit is known."""
    tokens = USUAL_OUTPUT_TOKENS if output_tokens is None else output_tokens
    return tokens * BYTES_PER_TOKEN + ANSWER_ENVELOPE_BYTES


def shard_limits(engine: Engine, settings: Settings, output_tokens: int | None = None) -> tuple[int, int]:
    """Give the most requests, and the most bytes, that a shard may have; `output_tokens` as for `answer_bytes`."""
    requests = min(settings.max_requests_per_shard, max(1, MAX_OUTPUT_BYTES // answer_bytes(output_tokens)))
    size = most_bytes(settings)
    if engine == "direct":
        return min(requests, DIRECT_SHARD_REQUESTS), min(size, DIRECT_SHARD_BYTES)
    return requests, size


def most_bytes(settings: Settings) -> int:
    """Give the most bytes that a shard may have, sent in whatever way."""
    return min(settings.max_bytes_per_shard, limit_bytes(settings.transport))


def open_shard(planned: PlannedShard, plan: Plan, ledger: Ledger | None, *, attempt: int = 1) -> OpenShard:
    """Describe a shard that is not collected yet."""
    batch, sending = (ledger.batch, ledger.sending) if ledger else (None, None)
    begun_at = sending.begun_at if sending else None
    return OpenShard(
        shard=planned.shard,
        blob=planned.blob,
        requests=planned.requests,
        size=planned.size,
        model=planned.model or plan.model or "",
        url=planned.url or plan.url or "",
        attempt=attempt,
        batch_id=batch.batch_id if batch else None,
        submitted_at=batch.submitted_at if batch else begun_at,
        engine=planned.engine or plan.engine,
        inputs_per_request=plan.inputs_per_request,
        direct_deployment=plan.direct_deployment,
        structured=plan.spec is not None and plan.spec.checks_answers,
        pooled=plan.members > 0,
        start=planned.start,
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
