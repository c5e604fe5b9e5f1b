"""Look at all active batches at once: a listing for many, a direct look at those it does not show."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from adapters.services import Services
from domain.contracts import BatchNews, PollAnswer, PollRequest
from domain.errors import NotFoundError, PipelineError
from domain.service.batch_states import BatchView
from steps.watch.share import share

if TYPE_CHECKING:
    from adapters.openai.batch_api import BatchApi

PAGE_SIZE = 100  # batches per page of a listing
COUNTED_BATCHES = 50  # with fewer than this, progress counts are news as well

log = logging.getLogger(__name__)


def poll(request: PollRequest, services: Services) -> PollAnswer:
    """Give the news, and what the snapshots have agreed on where that is asked: one turn of the orchestrator, not two.

    The agreement is the lesser of the two: a fault in it costs no news, and it is asked for again.
    """
    answer = PollAnswer(news=_news_of(request.known, services.batch_api))
    if request.share is None:
        return answer
    try:
        return msgspec.structs.replace(answer, share=share(request.share, services))
    except PipelineError as error:
        log.warning("the share of the limit is agreed on later: %s", error)
        return answer


def _news_of(known: Mapping[str, str], api: "BatchApi") -> dict[str, BatchNews]:
    """Give what is new about the batches: one call per hundred of them, plus one for each that is not listed."""
    seen = _listed(set(known), api) if len(known) > 1 else {}
    for batch_id in known.keys() - seen.keys():
        try:
            seen[batch_id] = api.batch(batch_id)
        except NotFoundError:
            seen[batch_id] = None
    news = {batch_id: _news(seen[batch_id]) for batch_id in known}
    counts = len(known) < COUNTED_BATCHES
    return {
        batch_id: told
        for batch_id, told in news.items()
        if told.ended or told.lost or told.status != known[batch_id] or (counts and told.done)
    }


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
