"""What one file would take, found out by the app's own readers and rules."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

import msgspec

from domain.errors import JobSpecError, PipelineError
from domain.records import Plan
from domain.results.error_records import ErrorRecord
from domain.settings import Settings
from domain.side_files import side_file
from domain.spec.job_spec import JobSpec
from formats.allowance import Allowance

SHOWN_MISTAKES = 5

Verdict = Literal["ready", "rejected", "held", "waits"]

_decode_record = msgspec.json.Decoder(ErrorRecord).decode


class Mistake(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A line or a row that would not become a request."""

    line: int | None
    row: int | None = None
    custom_id: str | None = None
    code: str
    message: str


class Quote(msgspec.Struct, kw_only=True):
    """What a file would take. Tokens are estimates; `cost` is in US dollars, null where a price is not known.

    verdict   `ready`; `rejected` as a whole; `held`, because of a budget; `waits`, until its job spec is mended
    invalid   requests that would not be sent, a part of `requests`
    mistakes  the first of those
    prompts   the first requests, as they would be sent
    """

    file: str
    verdict: Verdict = "ready"
    code: str | None = None
    reason: str | None = None
    size_bytes: int = 0
    job_spec: str | None = None
    deployment: str | None = None
    endpoint: str | None = None
    engine: str = "batch"
    requests: int = 0
    invalid: int = 0
    shards: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    mistakes: list[Mistake] = []
    prompts: list[dict[str, Any]] = []


def quote_file(
    file: Path,
    path: str,
    read_governing: Callable[[], JobSpec | None],
    settings: Settings,
    *,
    job_spec: str | None = None,
    prompts: int = 3,
) -> Quote:
    """Quote one file, which would be the input file `path`. `job_spec` names the spec that `read_governing` reads."""
    quote = Quote(file=path, job_spec=job_spec, size_bytes=file.stat().st_size)
    if passed := side_file(path):
        quote.verdict, quote.code, quote.reason = "rejected", passed.code, passed.reason
        return quote
    # Slow to import, and not needed for a verb's help.
    from cli.quote_work import QuoteWork  # noqa: PLC0415 - see above
    from steps.prepare.preparation import make_plan  # noqa: PLC0415 - see above

    work = QuoteWork(file, path)
    try:
        plan = make_plan(
            work.key,
            work.frozen,
            read_governing,
            spec_path=job_spec,
            store=work.store,
            settings=settings,
            allow=lambda: Allowance(settings.bounds),
        )
    except JobSpecError as error:
        quote.verdict, quote.code, quote.reason = "waits", error.code, str(error)
        return quote
    _tell(quote, plan, settings)
    quote.mistakes = [_mistake(record) for record in work.first_records(SHOWN_MISTAKES)]
    if plan.shards and prompts:
        lines = work.first_lines(plan.shards[0].blob, prompts)
        quote.prompts = [msgspec.json.decode(line) for line in lines]
    return quote


def beyond_cost(quotes: Iterable[Quote], settings: Settings) -> PipelineError | None:
    """Say why a snapshot of all these files would hold some of them; None where it would not."""
    limit, cost = settings.max_cost_per_snapshot, sum(quote.cost or 0.0 for quote in quotes)
    if limit is None or cost <= limit:
        return None
    return PipelineError(
        f"All together may cost ${cost:,.2f}, more than MAX_COST_PER_SNAPSHOT (${limit:,.2f}): some would be held."
    )


def _tell(quote: Quote, plan: Plan, settings: Settings) -> None:
    from steps.prepare.preparation import beyond_budget  # noqa: PLC0415 - slow to import

    quote.requests, quote.invalid = plan.requests, plan.invalid
    quote.deployment, quote.endpoint, quote.engine = plan.model, plan.url, plan.engine
    if plan.rejected:
        quote.verdict, quote.code, quote.reason = "rejected", plan.rejected_code, plan.rejected
        return
    quote.shards = len(plan.shards)
    quote.input_tokens, quote.output_tokens = plan.estimate.input_tokens, plan.estimate.output_tokens
    quote.cost = plan.estimate.cost(settings.price_list, plan.model)
    if reason := beyond_budget(plan, settings):
        quote.verdict, quote.code, quote.reason = "held", "beyond_budget", reason


def _mistake(record: bytes) -> Mistake:
    found = _decode_record(record)
    return Mistake(
        line=found.line,
        row=None if found.row is msgspec.UNSET else found.row,
        custom_id=found.custom_id,
        code=found.code,
        message=found.message,
    )
