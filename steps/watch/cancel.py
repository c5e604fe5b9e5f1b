"""End a wait that the service does not end: ask for the batch's cancellation."""

import logging

from adapters.services import Services
from domain.contracts import Cancelled, CancelRequest
from domain.errors import NotFoundError, PassingError, RefusedError
from domain.service.batch_states import BatchState
from steps.looking import looking

log = logging.getLogger(__name__)


def cancel(request: CancelRequest, services: Services) -> Cancelled:
    """Ask once; polling shows what came of it. Raises PassingError for a batch that does not show itself."""
    try:
        services.batch_api.cancel(request.batch_id)
    except NotFoundError as error:
        raise PassingError(str(error), code="batch_unseen") from error
    except RefusedError as error:
        if _is_worked_on(request.batch_id, services):
            raise PassingError(f"{error} It is being worked on.", code="cancel_refused") from error
        log.info("%s", error)
        return Cancelled(refused=True)
    return Cancelled()


def _is_worked_on(batch_id: str, services: Services) -> bool:
    """Tell whether there is something to cancel, whatever was said: a gateway may have made the call, or made it twice."""
    with looking():
        return services.batch_api.batch(batch_id).status in (BatchState.VALIDATING, BatchState.IN_PROGRESS)
