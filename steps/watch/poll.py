"""Look at all active batches at once: a listing for many, a direct look at those it does not show."""

import logging
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

COUNTED_BATCHES = 50  # with fewer than this, progress counts are news as well

log = logging.getLogger(__name__)


def poll(request: PollRequest, services: Services) -> PollAnswer:
    """Give the news, what people have asked for, and what the snapshots have agreed on: one turn of the orchestrator.

    The agreement is the lesser of the two: a fault in it costs no news, and it is asked for again.
    """
    answer = _look(request, services)
    answer = msgspec.structs.replace(answer, asked=newly_asked(request.asked_since, services))
    if request.share is None:
        return answer
    try:
        return msgspec.structs.replace(answer, share=share(request.share, services))
    except PipelineError as error:
        log.warning("the share of the limit is agreed on later: %s", error)
        return answer


def _look(request: PollRequest, services: Services) -> PollAnswer:
    """Give what is new about the batches: one call per hundred of all that are waited for, one for each that is not listed."""
    known, api = request.known, services.batch_api
    seen: dict[str, BatchView | None] = {**services.looks.listed(known.keys(), request.max_age, api)}
    unfound, complaint = {}, ""
    for batch_id in known.keys() - seen.keys():
        try:
            seen[batch_id] = services.looks.directly(batch_id, api)
        except (NotFoundError, ConfigurationError) as error:
            unfound[batch_id] = error
    if unfound:
        try:
            seen |= _in_all_pages(set(unfound), api)
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
    return PollAnswer(news=told, complaint=complaint, unseen=sorted(known.keys() - seen.keys()))


def _in_all_pages(wanted: set[str], api: "BatchApi") -> dict[str, BatchView | None]:
    """Find batches in the list, read to its end; None: it is in no page."""
    found: dict[str, BatchView | None] = dict.fromkeys(wanted)
    for view in api.batches():
        if view.batch_id in wanted:
            found[view.batch_id] = view
            wanted.remove(view.batch_id)
            if not wanted:
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
