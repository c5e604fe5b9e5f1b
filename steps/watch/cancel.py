"""End a wait that the service does not end: ask for the batch's cancellation."""

import logging

from adapters.services import Services
from domain.contracts import Cancelled, CancelRequest
from domain.errors import NotFoundError, PassingError, RefusedError

log = logging.getLogger(__name__)


def cancel(request: CancelRequest, services: Services) -> Cancelled:
    """Ask once; polling shows what came of it. Raises PassingError for a batch that does not show itself."""
    try:
        services.batch_api.cancel(request.batch_id)
    except NotFoundError as error:
        raise PassingError(str(error), code="batch_unseen") from error
    except RefusedError as error:
        log.info("%s", error)
        return Cancelled(refused=True)
    return Cancelled()
