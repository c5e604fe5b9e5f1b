"""Look at all active batches at once: a listing for many, a direct look at those it does not show."""

import logging
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

import msgspec

from adapters.services import Services
from domain.contracts import BatchNews, PollAnswer, PollRequest
from domain.errors import ConfigurationError, NotFoundError, PipelineError
from domain.service.batch_states import LOST, BatchView
from steps.watch.share import share
from steps.wishes.seen import newly_asked

if TYPE_CHECKING:
    from adapters.openai.batch_api import BatchApi

PAGE_SIZE = 100  # batches per page of a listing
COUNTED_BATCHES = 50  # with fewer than this, progress counts are news as well

log = logging.getLogger(__name__)


def poll(request: PollRequest, services: Services) -> PollAnswer:
    """Give the news, what people have asked for, and what the snapshots have agreed on: one turn of the orchestrator.

    The agreement is the lesser of the two: a fault in it costs no news, and it is asked for again.
    """
    answer = _look(request.known, services.batch_api)
    answer = msgspec.structs.replace(answer, asked=newly_asked(request.asked_since, services))
    if request.share is None:
        return answer
    try:
        return msgspec.structs.replace(answer, share=share(request.share, services))
    except PipelineError as error:
        log.warning("the share of the limit is agreed on later: %s", error)
        return answer


def _look(known: Mapping[str, str], api: "BatchApi") -> PollAnswer:
    """Give what is new about the batches: one call per hundred of them, plus one for each that is not listed."""
    seen: dict[str, BatchView | None] = {**_listed(set(known), api)} if len(known) > 1 else {}
    unfound, complaint = {}, ""
    for batch_id in known.keys() - seen.keys():
        try:
            seen[batch_id] = api.batch(batch_id)
        except (NotFoundError, ConfigurationError) as error:
            unfound[batch_id] = error
    if unfound:
        try:
            listed = _listed(unfound.keys(), api, all_pages=True)
            seen |= {batch_id: listed.get(batch_id) for batch_id in unfound}
        except PipelineError as error:
            # A wrong api-version, a wrong path and a gateway answer with 404 as well: nothing was seen of these.
            if not seen:
                raise
            complaint = f"{len(unfound)} batches could not be looked at: {error}"
            log.warning("%s", complaint)
    news = {batch_id: _news(view) for batch_id, view in seen.items()}
    counts = len(known) < COUNTED_BATCHES
    told = {
        batch_id: told
        for batch_id, told in news.items()
        if told.ended or told.lost or told.status != known[batch_id] or (counts and told.done)
    }
    return PollAnswer(news=told, complaint=complaint)


def _listed(wanted: AbstractSet[str], api: "BatchApi", *, all_pages: bool = False) -> dict[str, BatchView]:
    """Find batches in the list: in its first pages, for old ones behind many newer ones are not worth paging for.

    Or in all pages, where it matters that one is in none of them.
    """
    found: dict[str, BatchView] = {}
    for batch in api.batches(pages=None if all_pages else -(-len(wanted) // PAGE_SIZE)):
        if batch.batch_id in wanted:
            found[batch.batch_id] = batch
            if len(found) == len(wanted):
                break
    return found


def _news(batch: BatchView | None) -> BatchNews:
    if batch is None:
        return BatchNews(status=LOST, lost=True)
    return BatchNews(
        status=batch.status,
        ended=batch.ended,
        known=batch.known,
        output_file_id=batch.output_file_id,
        error_file_id=batch.error_file_id,
        done=batch.completed + batch.failed,
    )
