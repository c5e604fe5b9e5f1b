"""The metadata document beside every result: what came in, what was done, what came out, what it used."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from domain import names
from domain.records import BatchRecord, Ledger, Plan, SendingRecord
from domain.service.outcomes import Outcome, Tally
from domain.service.transports import TransportName
from domain.spec.job_spec import JobSpec
from domain.tokens import Prices, cost
from domain.version import VERSION

SCHEMA_VERSION = 1


class BatchMetadata(msgspec.Struct, kw_only=True):
    """One batch that worked on the file."""

    batch_id: str
    status: Annotated[str, Meta(description="The last status the service gave.")]
    attempt: Annotated[int, Meta(description="Which try of its requests this was, from 1.")]
    shard: str
    transport: Annotated[TransportName, Meta(description="How the shard reached the service.")] = (
        TransportName.UPLOAD
    )
    transport_reason: Annotated[str, Meta(description="Why it went that way.")] = ""
    input_file_id: str
    output_file_id: str | None
    error_file_id: str | None
    input_blob: Annotated[
        str | None,
        Meta(description="URL of the blob that the service read instead of a file; removed by now."),
    ] = None
    output_blob: str | None = None
    error_blob: str | None = None
    submitted_at: Annotated[str, Meta(description="UTC, ISO 8601.")]
    ended_at: Annotated[str | None, Meta(description="When the pipeline saw the end; UTC, ISO 8601.")]


class LiveMetadata(msgspec.Struct, kw_only=True):
    """Requests of the file that were sent as live calls."""

    shard: str
    attempt: Annotated[int, Meta(description="Which try of its requests this was, from 1.")]
    deployment: str
    status: Annotated[str, Meta(description="`completed`, or `cancelled` when the deadline came first.")]
    started_at: Annotated[str, Meta(description="UTC, ISO 8601.")]
    ended_at: Annotated[str | None, Meta(description="UTC, ISO 8601.")]


class Compat(msgspec.Struct, kw_only=True):
    """The fields of the Azure OpenAI Batch accelerator's metadata, for what reads those. Of several batches, the first one's."""

    file_name: str
    batch_job_id: str | None = None
    file_id: str | None = None
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    token_size: Annotated[int | str, Meta(description="Estimated; `N/A` when not counted.")]
    output_file_name: Annotated[str | None, Meta(description="Without its folder.")] = None
    error_file_name: Annotated[str | None, Meta(description="Without its folder.")] = None


class AskedAgain(msgspec.Struct, kw_only=True):
    """What was answered and paid, and asked for again: because it did not fit its schema, or was cut."""

    requests: Annotated[int, Meta(description="Answers in whose place another was asked for.")] = 0
    input_tokens: Annotated[int, Meta(description="A part of the file's; likewise the next.")] = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost: Annotated[float | None, Meta(description="US dollars, by PRICES; a part of the file's.")] = None


class Joined(msgspec.Struct, kw_only=True):
    """The results of a retry joined with those of the first file: all of its rows, in its order."""

    file: Annotated[str, Meta(description="Path of the first file.")] = ""
    key: Annotated[str, Meta(description="Its file key.")] = ""
    retries: Annotated[int, Meta(description="How many retries are joined with it, this one included.")] = 0
    requests: Annotated[int, Meta(description="Of the first file.")] = 0
    failed: Annotated[int, Meta(description="Of these, how many failed in the last retry that had them.")] = 0
    results: Annotated[
        str | None, Meta(description="Path of the joined results, in the processed container.")
    ] = None
    errors: Annotated[
        str | None, Meta(description="Path of the errors that are left, in the error container.")
    ] = None
    reason: Annotated[str | None, Meta(description="Why it was not joined.")] = None


class Metadata(msgspec.Struct, kw_only=True):
    """`<stem>_metadata.json`."""

    schema_version: int = SCHEMA_VERSION
    file: Annotated[str, Meta(description="Path of the input file in the input container.")]
    etag: str
    file_key: Annotated[str, Meta(description="Names this version of the file: a hash of path and ETag.")] = (
        ""
    )
    size_bytes: int
    snapshot: Annotated[str, Meta(description="The snapshot that took the file first.")]
    status: Annotated[str, Meta(description="`completed`, `completed_with_errors` or `rejected`.")]
    reason: Annotated[str | None, Meta(description="Why the file was rejected as a whole.")] = None
    input_state: Annotated[
        str,
        Meta(
            description="The input file when the results were written: `present`; `rewritten` with the same content, or with "
            "other metadata alone, and not sent again; `grown` at its end; `replaced` by other content; `deleted`; `unknown`."
        ),
    ] = "present"
    engine: Annotated[
        Literal["batch", "direct", "batch+direct"],
        Meta(
            description="`batch`, `direct` (live calls), or `batch+direct`: finished live after the deadline."
        ),
    ] = "batch"
    endpoint: str | None = None
    deployment: str | None = None
    requests: Annotated[int, Meta(description="Requests in the input file; the sum of `outcomes`.")]
    outcomes: Annotated[dict[str, int], Meta(description="Requests per outcome.")]
    error_codes: Annotated[
        dict[str, int], Meta(description="Errors per code, the most frequent first; beyond 50 codes `other`.")
    ] = {}
    truncated: Annotated[int, Meta(description="Answers cut at the token limit; they count as ok.")] = 0
    filtered: Annotated[int, Meta(description="Answers cut by the content filter; they count as ok.")] = 0
    input_tokens: Annotated[int, Meta(description="As the service reports them per answered row.")] = 0
    output_tokens: int = 0
    cached_tokens: Annotated[
        int, Meta(description="Of the input tokens, those that the service had in its cache.")
    ] = 0
    estimated_input_tokens: Annotated[
        int, Meta(description="Estimated before sending, by the number of characters; 0 when not counted.")
    ] = 0
    cost: Annotated[
        float | None, Meta(description="US dollars for the tokens used, by PRICES; null without a price.")
    ] = None
    estimated_cost: Annotated[
        float | None, Meta(description="US dollars, estimated before sending, by PRICES.")
    ] = None
    asked_again: Annotated[AskedAgain, Meta(description="What other answers took the place of.")] = (
        msgspec.field(default_factory=AskedAgain)
    )
    job_spec: Annotated[
        JobSpec | None, Meta(description="How rows became requests; null for ready-made ones.")
    ] = None
    batches: list[BatchMetadata] = []
    live: list[LiveMetadata] = []
    results: Annotated[str | None, Meta(description="Path of the results, in the processed container.")] = (
        None
    )
    errors: Annotated[str | None, Meta(description="Path of the errors, in the error container.")] = None
    retry: Annotated[str | None, Meta(description="Path of the retry file, in the error container.")] = None
    archived_input: Annotated[str | None, Meta(description="Path of the archived input file.")] = None
    retry_of: Annotated[
        str | None, Meta(description="File key of the run whose failed rows this file holds.")
    ] = None
    retry_of_metadata: Annotated[
        str | None, Meta(description="Path of that run's metadata, in the error container.")
    ] = None
    joined: Annotated[
        Joined | None, Meta(description="Of a retry: its results together with those of the first file.")
    ] = None
    started_at: Annotated[str | None, Meta(description="First submission; UTC, ISO 8601.")] = None
    finished_at: Annotated[str | None, Meta(description="Last batch seen ended; UTC, ISO 8601.")] = None
    duration_seconds: float | None = None
    compat: Annotated[
        Compat | None, Meta(description="The same under the names of the accelerator's metadata.")
    ] = None
    pipeline_version: str

    def tell_compat(self) -> None:
        """Fill in the accelerator's fields from the others."""
        batch = self.batches[0] if self.batches else None
        file_id = (batch.input_file_id or None) if batch else None
        self.compat = Compat(
            file_name=self.file,
            batch_job_id=batch.batch_id if batch else None,
            file_id=file_id,
            input_file_id=file_id,
            output_file_id=batch.output_file_id if batch else None,
            error_file_id=batch.error_file_id if batch else None,
            token_size=self.estimated_input_tokens or "N/A",
            output_file_name=_name_only(self.results),
            error_file_name=_name_only(self.errors),
        )


def _name_only(path: str | None) -> str | None:
    return path.rpartition("/")[2] if path else None


def file_metadata(
    plan: Plan,
    ledgers: Mapping[str, Ledger],
    tally: Tally,
    *,
    status: str,
    input_state: str,
    prices: Prices,
) -> Metadata:
    """Describe a file by its plan, the ledgers of its shards and the counts of its outcomes."""
    batches = [
        batch_metadata(batch, shard=shard, attempt=ledger.attempt)
        for shard, ledger in sorted(ledgers.items())
        for batch in [*ledger.past_batches, *([ledger.batch] if ledger.batch else [])]
    ]
    live = [
        live_metadata(ledger.sending, shard=shard, attempt=ledger.attempt)
        for shard, ledger in sorted(ledgers.items())
        if ledger.sending
    ]
    records = [ledger.batch for ledger in ledgers.values() if ledger.batch]
    sent = [ledger.sending for ledger in ledgers.values() if ledger.sending]
    started = min(
        [batch.submitted_at for batch in records] + [sending.begun_at for sending in sent], default=None
    )
    ends = [batch.ended_seen_at for batch in records] + [sending.ended_seen_at for sending in sent]
    finished = max((end or 0.0 for end in ends), default=None)
    return Metadata(
        file=plan.path,
        etag=plan.etag,
        file_key=names.file_key(plan.path, plan.etag),
        size_bytes=plan.size,
        snapshot=f"{names.SNAPSHOT_PREFIX}{plan.timestamp}",
        status=status,
        reason=plan.rejected,
        input_state=input_state,
        engine="batch+direct" if live and plan.engine == "batch" else plan.engine,
        endpoint=plan.url,
        deployment=plan.model,
        requests=plan.requests,
        outcomes=outcome_counts(tally),
        truncated=tally.truncated,
        filtered=tally.filtered,
        input_tokens=tally.input_tokens,
        output_tokens=tally.output_tokens,
        cached_tokens=tally.cached_tokens,
        estimated_input_tokens=plan.estimate.input_tokens,
        cost=cost_of(prices, plan, tally),
        estimated_cost=plan.estimate.cost(prices, plan.model),
        asked_again=_asked_again(plan, ledgers, prices),
        job_spec=plan.spec,
        batches=batches,
        live=live,
        started_at=iso(started) if started else None,
        finished_at=iso(finished) if finished else None,
        duration_seconds=round(finished - started, 3) if started and finished else None,
        pipeline_version=VERSION,
    )


def _asked_again(plan: Plan, ledgers: Mapping[str, Ledger], prices: Prices) -> AskedAgain:
    again = [ledger.collected.again for ledger in ledgers.values() if ledger.collected]
    tally = Tally(
        input_tokens=sum(a.input_tokens for a in again),
        output_tokens=sum(a.output_tokens for a in again),
        cached_tokens=sum(a.cached_tokens for a in again),
    )
    return AskedAgain(
        requests=sum(a.requests for a in again),
        input_tokens=tally.input_tokens,
        output_tokens=tally.output_tokens,
        cached_tokens=tally.cached_tokens,
        cost=cost_of(prices, plan, tally),
    )


def cost_of(prices: Prices, plan: Plan, tally: Tally) -> float | None:
    """Give what the tokens of a file's requests cost, None without a price."""
    return cost_of_tally(prices, plan.model, tally)


def cost_of_tally(prices: Prices, deployment: str | None, tally: Tally) -> float | None:
    """Give what the tokens of a tally cost at a deployment, None without a price."""
    return cost(
        prices,
        deployment or "",
        tally.input_tokens,
        tally.output_tokens,
        cached_tokens=tally.cached_tokens,
    )


def outcome_counts(tally: Tally) -> dict[str, int]:
    """Give the outcomes of a tally by their names."""
    return {outcome.value: getattr(tally, outcome) for outcome in Outcome}


def outcomes_seen(tally: Tally) -> dict[str, int]:
    """Give the outcomes that requests have had, by their names."""
    return {name: count for name, count in outcome_counts(tally).items() if count}


def batch_metadata(batch: BatchRecord, *, shard: str, attempt: int) -> BatchMetadata:
    """Describe one batch of a ledger."""
    return BatchMetadata(
        batch_id=batch.batch_id,
        status=batch.status,
        attempt=attempt,
        shard=shard,
        transport=batch.transport,
        transport_reason=batch.transport_reason,
        input_file_id=batch.input_file_id,
        output_file_id=batch.output_file_id,
        error_file_id=batch.error_file_id,
        input_blob=batch.input_blob,
        output_blob=batch.output_blob,
        error_blob=batch.error_blob,
        submitted_at=iso(batch.submitted_at),
        ended_at=iso(batch.ended_seen_at) if batch.ended_seen_at else None,
    )


def live_metadata(sending: SendingRecord, *, shard: str, attempt: int) -> LiveMetadata:
    """Describe one shard that was sent live."""
    return LiveMetadata(
        shard=shard,
        attempt=attempt,
        deployment=sending.deployment,
        status=sending.status,
        started_at=iso(sending.begun_at),
        ended_at=iso(sending.ended_seen_at) if sending.ended_seen_at else None,
    )


def iso(seconds: float) -> str:
    """Write epoch seconds as UTC, ISO 8601, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def schema() -> dict[str, object]:
    """Give the JSON Schema of the document, as published in `docs/metadata.schema.json`."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(Metadata)}
