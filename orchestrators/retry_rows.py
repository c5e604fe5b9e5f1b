"""A retry file of some failed rows alone is written, however often that has to be begun."""

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

from activities.write_retry import write_retry
from orchestrators.insisting import insist

MAX_TRIES = 12  # about half an hour; the sweep begins anew

bp = df.Blueprint()


@bp.orchestration_trigger(context_name="context")
def retry_rows(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Have it written; the input is a RetryWork."""
    yield from insist(context, write_retry, context.get_input(), most=MAX_TRIES, about="Retry")
