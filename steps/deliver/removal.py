"""Remove the input file of what is done, if it is still the content that was worked on, and if storage lets it go."""

import logging
from typing import NamedTuple

from adapters.services import Services
from domain.errors import (
    BlockedError,
    ConfigurationError,
    ConflictError,
    NotFoundError,
    PassingError,
    RefusedError,
)
from steps.likeness import Likeness, input_file, likeness

MOST_TRIES = 3  # of a file that changes while it is looked at

log = logging.getLogger(__name__)


class Kept(NamedTuple):
    """Why an input file that is done stays where it is; `code` is storage's word."""

    code: str
    reason: str


def remove_input(key: str, path: str, etag: str, size: int, services: Services) -> Kept | None:
    """Remove an input file that was taken as `key`, of `size` bytes; None when it is gone, or is another version by now.

    Raises PassingError for what passes by itself.
    """
    try:
        return _remove(key, path, etag, size, services)
    except (BlockedError, ConfigurationError, RefusedError) as error:
        return Kept(error.code, f"It is done, and cannot be deleted ({error.code}): {error}")


def _remove(key: str, path: str, etag: str, size: int, services: Services) -> Kept | None:
    container = services.storage.input
    for _ in range(MOST_TRIES):
        try:
            container.delete(path, if_etag=etag)
        except NotFoundError:
            break
        except ConflictError:
            pass
        else:
            return None
        try:
            file = input_file(container.entry(path))
            like = likeness(key, size, file, services)
        except NotFoundError:
            break
        except ConflictError:
            continue  # written just now
        if like is Likeness.OTHER:
            log.info(
                "%s was replaced while it was being worked on; the new version is a file of its own", path
            )
            return None
        if like is Likeness.GROWN:
            return Kept("grown", f"Its first {size:,} bytes are done; what was appended since is not sent.")
        etag = file.etag
    else:
        raise PassingError(f"{path}: it changes again and again.", code="changing")
    log.info("%s was deleted while it was being worked on", path)
    return None
