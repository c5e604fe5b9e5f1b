"""Retries of a file: the one that was last, and the next one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from cli.app_api import AppApi
from cli.deliveries import Delivery, deliveries_beginning
from domain.errors import ConfigurationError, ConflictError, NotFoundError
from domain.lineage import MAX_CHAIN, RETRY, SAME_IN_CUT_NAMES, Origin, metadata_of_retry, origin_of

if TYPE_CHECKING:
    from adapters.services import Services


class Retry(NamedTuple):
    """A retry that was asked for: of which delivery, under which paths, and whether it is a new one."""

    of: Delivery
    paths: list[str]
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
        found = retries_of(last, services)
        if not found:
            return last
        last = found[-1]
    return last


def retries_of(delivery: Delivery, services: "Services") -> list[Delivery]:
    """Give what came out of the retries of a file, of all its failed rows or of some, oldest first."""
    path = retry_path(delivery)
    if path is None:
        return []
    beginning = path[: path.rfind(RETRY)][: path.rfind("/") + 1 + SAME_IN_CUT_NAMES]
    found = deliveries_beginning(beginning, services)
    return [each for each in found if each.metadata.retry_of == delivery.key]


def ask_app(delivery: Delivery, codes: Sequence[str], api: AppApi) -> Retry:
    """Have the app retry a file, or its rows with some codes: each row once, however often that is asked."""
    route = f"files/{delivery.key}/retry?snapshot={delivery.metadata.snapshot}"
    told = api.act(route, {"codes": list(codes)})
    return Retry(delivery, list(told["files"]), is_new=bool(told["is_new"]))


def retry_by_records(delivery: Delivery, codes: Sequence[str], services: "Services") -> Retry | None:
    """Do what the app would, and leave the same marks; None where the records may not be used, or do not know the file.

    Rows with some codes are read and written here. What breaks off is finished by the app's next sweep, or by asking again.
    Raises ConflictError where another file has the name.
    """
    from steps.wishes.retry import retry  # noqa: PLC0415 - slow to import
    from steps.wishes.retry_rows import write_retry  # noqa: PLC0415 - as above

    try:
        done = retry(delivery.key, list(codes), services, snapshot_id=delivery.metadata.snapshot)
        for work in done.pending:
            write_retry(work, services)
    except (ConfigurationError, NotFoundError):
        return None
    return Retry(delivery, done.targets, is_new=done.is_new)


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
        return Retry(delivery, [path], is_new=False)
    return Retry(delivery, [path], is_new=True)


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


def estimated_cost(delivery: Delivery, rows: int | None = None) -> float | None:
    """Estimate what the failed rows of a file cost, asked again, or so many of them; None where no price is known."""
    metadata = delivery.metadata
    if metadata.estimated_cost is None or not metadata.requests:
        return None
    return metadata.estimated_cost * (delivery.failed if rows is None else rows) / metadata.requests
