"""Tell people why files wait: a note in the error container about each job spec that cannot be followed."""

import logging
from collections.abc import Iterable
from contextlib import suppress
from itertools import groupby
from operator import attrgetter

import msgspec

from adapters.services import Services
from adapters.storage.blobs import Container
from domain import names
from domain.errors import NotFoundError
from steps.intake.survey import Survey, WaitingFile
from steps.recent import Recent

SHOWN_FILES = 20

log = logging.getLogger(__name__)
_told = Recent(512)  # notes written or removed by this process


def tell_waiting(found: Survey, services: Services) -> None:
    """Write the notes about broken specs, and remove those about specs that have been fixed since."""
    storage, settings = services.storage, services.settings
    for spec, files in groupby(found.waiting, key=attrgetter("spec")):
        _write(storage.error, names.spec_note(settings.error_directory, spec.path), spec.etag, _note(files))
    for spec in {file.spec for file in found.unclaimed if file.spec}:
        _remove(storage.error, names.spec_note(settings.error_directory, spec.path), spec.etag)


def _note(waiting: Iterable[WaitingFile]) -> bytes:
    files = list(waiting)
    spec, error = files[0].spec, files[0].error
    note = {
        "job_spec": spec.path,
        "etag": spec.etag,
        "message": "These files wait until the job spec is fixed; nothing has been sent. Drop a fixed one in its place.",
        "mistakes": [msgspec.to_builtins(mistake) for mistake in error.mistakes],
        "files_waiting": len(files),
        "files": [file.path for file in files[:SHOWN_FILES]],
    }
    return msgspec.json.format(msgspec.json.encode(note), indent=2) + b"\n"


def _write(container: Container, name: str, etag: str, note: bytes) -> None:
    """Write a note, once for each content of it."""
    told = (container.url_of(name), etag, note)
    if told in _told:
        return
    log.error("%s", note.decode())
    container.write(name, note)
    _told.add(told)


def _remove(container: Container, name: str, etag: str) -> None:
    """Remove the note about an earlier version of a spec, if there is one; once for each good version."""
    told = (container.url_of(name), etag)
    if told in _told:
        return
    with suppress(NotFoundError):
        container.delete(name)
        log.warning("%s: the job spec is fixed", name)
    _told.add(told)


def described(waiting: Iterable[WaitingFile]) -> list[dict[str, str]]:
    """Describe waiting files for the HTTP endpoint."""
    return [{"file": file.path, "job_spec": file.spec.path, "reason": str(file.error)} for file in waiting]
