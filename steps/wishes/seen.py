"""Look for what people have asked for, beside another look: a listing, whatever the number of files."""

import logging

from adapters.services import Services
from domain.contracts import Asked
from domain.errors import PipelineError
from domain.wishes import news

log = logging.getLogger(__name__)


def newly_asked(since: float, services: Services) -> Asked | None:
    """Give what is newer than an earlier look has seen; None where nothing is.

    It is the lesser of what is looked for: a fault here costs nothing else, and the next look finds the same.
    """
    try:
        return news(services.work.wishes.standing().wishes, since)
    except PipelineError as error:
        log.warning("what people have asked for is seen later: %s", error)
        return None
