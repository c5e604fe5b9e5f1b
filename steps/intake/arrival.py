"""Whether a blob that has arrived is anything to take. Events come late, twice, and for blobs that are taken already."""

from adapters.services import Services
from domain import names
from domain.errors import NotFoundError
from steps.intake.upcoming import upcoming


def brings_something(path: str, services: Services) -> bool:
    """Look at a blob of the input container and at the claim on it; three storage calls at most. Raises what storage raises.

    False: it is claimed or gone, or is no file to be read, or a snapshot is about to take it, or the intake is paused. A claim whose snapshot is dead is the sweep's affair. True for
    a job spec: files may wait for it.
    """
    try:
        entry = services.storage.input.entry(path)
    except NotFoundError:
        return False
    if upcoming.takes(entry.modified, services.clock()):
        return False
    if names.is_job_spec(path) or names.is_nearly_a_job_spec(path):
        return True
    if not names.is_input(path, entry.size, entry.metadata):
        return False
    is_claimed = services.work.claims.read(names.file_key(path, entry.etag)) is not None
    return not (is_claimed or services.work.wishes.intake_paused())
