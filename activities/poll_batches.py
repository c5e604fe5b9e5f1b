"""Look at all active batches at once: a listing for many, a direct look at those it does not show."""

import logging
import time
from typing import TYPE_CHECKING

import azure.durable_functions as df
import msgspec

from activities.share_limit import share
from adapters import clients
from adapters.work.shares import Shares
from domain.contracts import BatchNews, PollAnswer, PollRequest, from_wire
from domain.errors import NotFoundError, PipelineError
from domain.service.batch_states import BatchView
from steps.answering import answering

if TYPE_CHECKING:
    from adapters.openai.batch_api import BatchApi

PAGE_SIZE = 100  # batches per page of a listing
COUNTED_BATCHES = 50  # with fewer than this, progress counts are news as well

bp = df.Blueprint()
log = logging.getLogger(__name__)


@bp.activity_trigger(input_name="request")
def poll_batches(request: dict) -> dict:
    """Answer PollAnswer to a PollRequest."""
    return answering(
        lambda: look(
            from_wire(request, PollRequest),
            api=clients.batch_api(),
            shares=clients.work().shares,
            now=time.time(),
        )
    )


def look(request: PollRequest, *, api: "BatchApi", shares: Shares, now: float) -> PollAnswer:
    """Give the news, and what the snapshots have agreed on where that was asked: one turn of the orchestrator, not two.

    The agreement is the lesser thing: a fault in it costs no news, it is asked for again.
    """
    answer = poll(request, api=api)
    if request.share is None:
        return answer
    try:
        return msgspec.structs.replace(answer, share=share(request.share, shares=shares, now=now))
    except PipelineError as error:
        log.warning("the share of the limit is agreed on later: %s", error)
        return answer


def poll(request: PollRequest, *, api: "BatchApi") -> PollAnswer:
    """Give the news about the known batches: one call per hundred of them, plus one for each that is not listed."""
    seen = _listed(set(request.known), api) if len(request.known) > 1 else {}
    for batch_id in request.known.keys() - seen.keys():
        try:
            seen[batch_id] = api.batch(batch_id)
        except NotFoundError:
            seen[batch_id] = None
    news = {batch_id: _news(seen[batch_id]) for batch_id in request.known}
    counts = len(request.known) < COUNTED_BATCHES
    return PollAnswer(
        news={
            batch_id: told
            for batch_id, told in news.items()
            if told.ended or told.lost or told.status != request.known[batch_id] or (counts and told.done)
        }
    )


def _listed(wanted: set[str], api: "BatchApi") -> dict[str, BatchView | None]:
    """Find batches in the listing's first pages; old ones behind many newer ones are not worth paging for."""
    found: dict[str, BatchView | None] = {}
    for batch in api.batches(pages=-(-len(wanted) // PAGE_SIZE)):
        if batch.batch_id in wanted:
            found[batch.batch_id] = batch
            if len(found) == len(wanted):
                break
    return found


def _news(batch: BatchView | None) -> BatchNews:
    if batch is None:
        return BatchNews(status="lost", lost=True)
    return BatchNews(
        status=batch.status,
        ended=batch.ended,
        known=batch.known,
        output_file_id=batch.output_file_id,
        error_file_id=batch.error_file_id,
        done=batch.completed + batch.failed,
    )
