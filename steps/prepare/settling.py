"""Wait for a file that may still be written: nothing of it is sent, and paid, before it is whole.

Most blobs come whole. An append blob grows block by block; on a hierarchical account any file does, with each flush, and is
created first, with 0 bytes.
"""

import logging

from adapters.services import Services
from adapters.work.claims import FrozenInput
from domain.contracts import FileWork, PreparedFile
from domain.errors import ConflictError, NotFoundError, PassingError, PipelineError
from domain.records import InputFile
from steps.likeness import Likeness, input_file, likeness

log = logging.getLogger(__name__)


def settle(work: FileWork, frozen: FrozenInput, services: Services) -> PreparedFile | None:
    """Say how long a file is waited for; None when it is whole.

    Of one that has other content by now nothing has been sent: it is let go, and a later snapshot takes it.
    """
    quiet = _quiet_seconds(frozen, services)
    if quiet <= 0:
        return None
    try:
        file = input_file(services.storage.input.entry(frozen.claim.path))
        changed = _has_changed(work.key, frozen, file, services)
    except NotFoundError:
        return None
    except (ConflictError, PassingError):
        raise
    except PipelineError as error:
        log.warning("%s: it is worked on as it was taken: %s", frozen.claim.path, error)
        return None
    if changed:
        services.work.drop_file(work.key)
        return PreparedFile(gone=True)
    left = file.modified + quiet - services.clock()
    return PreparedFile(wait_seconds=left) if left > 0 else None


def _quiet_seconds(frozen: FrozenInput, services: Services) -> float:
    """Give how long a file has to be quiet; 0 for one that came whole."""
    settings = services.settings
    if frozen.size == 0:
        return settings.snapshot_window_seconds
    may_grow = frozen.appends or services.storage.input.is_hierarchical
    return settings.settle_seconds if may_grow else 0.0


def _has_changed(key: str, frozen: FrozenInput, file: InputFile, services: Services) -> bool:
    if file.etag == frozen.claim.etag:
        return False
    return likeness(key, frozen.size, file, services) is not Likeness.SAME
