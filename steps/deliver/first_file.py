"""Find the run whose failed rows a retry file holds, in the error container. The rule: `domain.lineage`."""

import logging
from collections.abc import Iterator
from itertools import islice

from adapters.services import Services
from adapters.storage.blobs import BlobEntry
from domain import lineage, names
from domain.errors import PassingError, PipelineError
from domain.lineage import Origin
from domain.records import Plan

MAX_SEARCHED = (
    100_000  # blobs of the error container, where a retry file says whose it is and not where it came from
)
MAX_COMPARED = 20

log = logging.getLogger(__name__)


def find_origin(key: str, plan: Plan, services: Services) -> Origin:
    """Give the run that a file is a retry of, with the name of its retry file; without a key for what is no retry.

    A key without a name: it says that it is a retry, and the retry file is not found. Whatever storage has against looking for
    it, the answers are delivered. Raises PassingError for what passes by itself.
    """
    try:
        return _found(key, plan, services)
    except PassingError:
        raise
    except PipelineError as error:
        log.warning("%s: it is not known what it is a retry of: %s", plan.path, error)
        return Origin(plan.origin.key)


def _found(key: str, plan: Plan, services: Services) -> Origin:
    if plan.origin.key:
        return _placed(plan.origin, services)
    path = names.relative_to(services.settings.input_directory, plan.path)
    if not lineage.is_called_a_retry(path):
        return Origin()
    prefix = names.prefix_of(services.settings.error_directory)
    beginning = prefix + lineage.beginning_of_candidates(path)
    found = {
        entry.name.removeprefix(prefix): entry
        for entry in services.storage.error.list(beginning, metadata=True)
    }
    alike = [found[name] for name in lineage.candidates(path, found)]
    if not alike:
        return Origin()
    chosen = next(_the_same(key, plan, alike, services), alike[0])
    return Origin(lineage.origin_of(chosen.metadata).key, chosen.name)


def _placed(origin: Origin, services: Services) -> Origin:
    """Find where a retry file lies that says whose it is."""
    error = services.storage.error
    if origin.retry_file and next(error.list(origin.retry_file), None):
        return origin
    entries = islice(
        error.list(names.prefix_of(services.settings.error_directory), metadata=True), MAX_SEARCHED
    )
    for entry in entries:
        if lineage.origin_of(entry.metadata).key == origin.key:
            return Origin(origin.key, entry.name)
    return Origin(origin.key)


def _the_same(key: str, plan: Plan, alike: list[BlobEntry], services: Services) -> Iterator[BlobEntry]:
    """Give those that have the very content of the file."""
    for entry in [entry for entry in alike if entry.size == plan.size][:MAX_COMPARED]:
        if entry.archived:
            continue
        ours = services.work.blobs.chunks(names.frozen_input(key))
        if _are_equal(ours, services.storage.error.chunks(entry.name)):
            yield entry


def _are_equal(one: Iterator[bytes], other: Iterator[bytes]) -> bool:
    """Tell whether two streams of one length have the same content; holds a piece of each."""
    left = right = b""
    while True:
        left = left or next(one, b"")
        right = right or next(other, b"")
        least = min(len(left), len(right))
        if not least:
            return left == right
        if left[:least] != right[:least]:
            return False
        left, right = left[least:], right[least:]
