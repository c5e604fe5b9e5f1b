"""Copies that storage makes where people look: done, under way, or kept from an earlier try."""

from collections.abc import Callable

from adapters.storage.blobs import COPY_WAIT_SECONDS, Container
from domain.errors import BlockedError, NotFoundError, PassingError, PipelineError


def have_copied(
    copy: Callable[[], str | None],
    target: Container,
    name: str,
    *,
    or_there: tuple[type[PipelineError], ...] = (BlockedError,),
) -> None:
    """Copy to a blob, by a call that gives the status of the copy.

    Where it fails with one of `or_there`, the copy counts that an earlier try has left; the error is raised without one. Raises
    PassingError while the copy is being made.
    """
    try:
        status = copy()
    except or_there as error:
        # It is kept as it is by a policy, or its source is gone.
        status = _status_there(target, name, error)
    if status != "success":
        raise PassingError(
            f"{name}: the copy is being made.", code="copy_pending", retry_after=COPY_WAIT_SECONDS
        )


def _status_there(target: Container, name: str, error: PipelineError) -> str | None:
    try:
        return target.entry(name).copy_status
    except NotFoundError:
        raise error from None
