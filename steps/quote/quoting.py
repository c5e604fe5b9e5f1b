"""Quote one file: make its plan as the app would, with nothing sent and nothing written."""

from collections.abc import Callable
from math import ceil

import msgspec

from domain.errors import JobSpecError
from domain.estimates import Estimate
from domain.quotes import Mistake, Quote
from domain.records import Plan
from domain.results.error_records import ErrorRecord
from domain.settings import Settings
from domain.shards import shard_limits
from domain.side_files import side_file
from domain.spec.job_spec import JobSpec
from formats.allowance import Allowance
from steps.memory_container import Source
from steps.prepare.preparation import beyond_budget, make_plan
from steps.quote.work import QuoteWork

SHOWN_MISTAKES = 5

_decode_record = msgspec.json.Decoder(ErrorRecord).decode


def quote_source(
    source: Source,
    path: str,
    read_governing: Callable[[], JobSpec | None],
    settings: Settings,
    *,
    job_spec: str | None = None,
    prompts: int = 3,
    whole_size: int | None = None,
) -> Quote:
    """Quote what would be the input file `path`. `job_spec` names the spec that `read_governing` reads.

    `whole_size`: the source is the beginning of a file of so many bytes.
    """
    quote = Quote(file=path, job_spec=job_spec, size_bytes=whole_size or source.size)
    if passed := side_file(path):
        quote.verdict, quote.code, quote.reason = "rejected", passed.code, passed.reason
        return quote
    work = QuoteWork(source, path)
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
    factor = whole_size / max(source.size, 1) if whole_size else 1.0
    _tell(quote, _enlarged(plan, factor), settings)
    if whole_size:
        quote.read_bytes, quote.shards = source.size, _shards(plan, factor, settings)
    quote.mistakes = [_mistake(record) for record in work.first_records(SHOWN_MISTAKES)]
    if plan.shards and prompts:
        lines = work.first_requests(plan.shards[0], prompts)
        quote.prompts = [msgspec.json.decode(line) for line in lines]
    return quote


def _tell(quote: Quote, plan: Plan, settings: Settings) -> None:
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


def _enlarged(plan: Plan, factor: float) -> Plan:
    """Give the plan of a whole file by that of its beginning: the rest is taken to be like it."""
    return msgspec.structs.replace(
        plan,
        requests=round(plan.requests * factor),
        invalid=round(plan.invalid * factor),
        estimate=Estimate(
            input_tokens=round(plan.estimate.input_tokens * factor),
            output_tokens=round(plan.estimate.output_tokens * factor),
        ),
    )


def _shards(plan: Plan, factor: float, settings: Settings) -> int:
    """Give how many shards the whole file becomes, by the limits of one."""
    most_requests, most_bytes = shard_limits(plan.engine, settings)
    requests = sum(shard.requests for shard in plan.shards) * factor
    size = sum(shard.size for shard in plan.shards) * factor
    return ceil(max(requests / most_requests, size / most_bytes))


def _mistake(record: bytes) -> Mistake:
    found = _decode_record(record)
    return Mistake(
        line=found.line,
        row=None if found.row is msgspec.UNSET else found.row,
        custom_id=found.custom_id,
        code=found.code,
        message=found.message,
    )
