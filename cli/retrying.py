"""Retries of a file: the one that was last, and the next one."""

from typing import TYPE_CHECKING, NamedTuple

from cli.deliveries import Delivery, deliveries_of
from domain.errors import ConflictError, NotFoundError
from domain.lineage import MAX_CHAIN, Origin, metadata_of_retry, origin_of

if TYPE_CHECKING:
    from adapters.services import Services


class Retry(NamedTuple):
    """A retry that was asked for: of which delivery, under which path, and whether it was there already."""

    of: Delivery
    path: str
    is_new: bool


def retry_path(delivery: Delivery) -> str | None:
    """Name the input file that a retry file becomes: its own name, beside the first file. None where nothing is to be retried."""
    retry = delivery.metadata.retry
    if not retry:
        return None
    folder = delivery.file[: delivery.file.rfind("/") + 1]
    return f"{folder}{retry.rpartition('/')[2]}"


def last_retry(delivery: Delivery, services: "Services") -> Delivery:
    """Follow a delivery from retry to retry to the last one that has come out; itself where there is none."""
    last = delivery
    for _ in range(MAX_CHAIN):
        path = retry_path(last)
        found = (
            [each for each in deliveries_of(path, services) if each.metadata.retry_of == last.key]
            if path
            else []
        )
        if not found:
            return last
        last = found[-1]
    return last


def begin_retry(delivery: Delivery, services: "Services") -> Retry:
    """Copy the retry file back into the input container, where it says whose rows it holds; no bytes go through here.

    One that is there already, of the same run, is left alone. Raises ConflictError where another file has its name.
    """
    path, retry = retry_path(delivery), delivery.metadata.retry
    assert path is not None
    assert retry is not None
    storage, origin = services.storage, Origin(delivery.key, retry)
    try:
        storage.input.copy_from(
            storage.error, retry, path, metadata=metadata_of_retry(origin), if_absent=True
        )
    except ConflictError:
        if not _is_of(path, delivery, services):
            raise
        return Retry(delivery, path, is_new=False)
    return Retry(delivery, path, is_new=True)


def waiting_retry(delivery: Delivery, services: "Services") -> str | None:
    """Name the retry of a delivery that waits or is being worked on; None where there is none."""
    path = retry_path(delivery)
    return path if path and _is_of(path, delivery, services) else None


def _is_of(path: str, delivery: Delivery, services: "Services") -> bool:
    try:
        entry = services.storage.input.entry(path)
    except NotFoundError:
        return False
    return origin_of(entry.metadata).key == delivery.key


def estimated_cost(delivery: Delivery) -> float | None:
    """Estimate what the failed rows of a file cost, asked again; None where no price is known."""
    metadata = delivery.metadata
    if metadata.estimated_cost is None or not metadata.requests:
        return None
    return metadata.estimated_cost * delivery.failed / metadata.requests
