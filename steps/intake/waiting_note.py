"""Tell people why files wait: a note in the error container about each job spec that cannot be followed."""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter

import msgspec

from adapters.services import Services
from adapters.storage.blobs import Container
from domain import names
from domain.errors import JobSpecError, NotFoundError, PassingError, PipelineError
from domain.records import SpecBlob
from steps.intake.survey import Survey, WaitingFile
from steps.recent import Recent

SHOWN_FILES = 20

log = logging.getLogger(__name__)
_told = Recent(50_000)  # notes written or removed by this process


def tell_waiting(found: Survey, services: Services) -> None:
    """Write the notes about broken specs, and remove those about specs that have been fixed since.

    A note is a courtesy: the log and the HTTP endpoint tell the same. One that cannot be written stops nothing.
    """
    container, directory = services.storage.error, services.settings.error_directory
    broken = [file for file in found.waiting if isinstance(file.error, JobSpecError)]
    for spec, files in groupby(broken, key=attrgetter("spec")):
        _write(container, names.spec_note(directory, spec.path), spec, list(files))
    for spec in {file.spec for file in found.unclaimed if file.spec}:
        _remove(container, names.spec_note(directory, spec.path), spec.etag)


def _note(files: Sequence[WaitingFile]) -> bytes:
    spec, error = files[0].spec, files[0].error
    mistakes = error.mistakes if isinstance(error, JobSpecError) else ()
    note = {
        "job_spec": spec.path,
        "etag": spec.etag,
        "message": "These files wait until the job spec is fixed; nothing has been sent. Drop a fixed one in its place.",
        "mistakes": [msgspec.to_builtins(mistake) for mistake in mistakes],
        "files_waiting": len(files),
        "files": [file.path for file in files[:SHOWN_FILES]],
    }
    return msgspec.json.format(msgspec.json.encode(note), indent=2) + b"\n"


def _write(container: Container, name: str, spec: SpecBlob, files: Sequence[WaitingFile]) -> None:
    """Write a note, once for each content of it; the log has the mistakes of each version once."""
    note = _note(files)
    told = _digest(container.address, name, spec.etag, note)
    if told in _told:
        return
    _told.add(told)
    version = _digest(container.address, name, spec.etag)
    if version not in _told:
        _told.add(version)
        log.error("%s", note.decode())
    try:
        container.write(name, note)
    except PassingError as error:
        log.warning("%s: the note is written later: %s", name, error)
        _told.discard(told)
    except PipelineError as error:
        log.warning("%s: the note cannot be written: %s", name, error)


def _remove(container: Container, name: str, etag: str) -> None:
    """Remove the note about an earlier version of a spec, if there is one; once for each good version."""
    told = _digest(container.address, name, etag, b"")
    if told in _told:
        return
    _told.add(told)
    try:
        container.delete(name)
    except NotFoundError:
        return
    except PipelineError as error:
        log.warning("%s: the note cannot be removed: %s", name, error)
        return
    log.warning("%s: the job spec is fixed", name)


def _digest(*told: str | bytes) -> bytes:
    """Give a short mark of what was told: so many can be remembered."""
    return hashlib.sha256(msgspec.json.encode(told)).digest()[:16]


def described(waiting: Iterable[WaitingFile]) -> list[dict[str, str]]:
    """Describe waiting files for the HTTP endpoint."""
    return [
        {
            "key": names.file_key(file.path, file.etag),
            "file": file.path,
            "job_spec": file.spec.path,
            "reason": str(file.error),
        }
        for file in waiting
    ]
