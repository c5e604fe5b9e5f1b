"""What storage has against taking a file: it costs that file a while, and no other anything.

The file is tried again after a wait that grows, so that it does not cost a snapshot at every sweep.
"""

from collections import Counter
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from adapters.services import Services
from domain import names
from domain.errors import BlockedError, PassingError, PipelineError
from domain.records import InputFile, Refusal
from steps.intake.standing import tell_once
from steps.intake.survey import Look

FIRST_SECONDS = 120.0
LONGEST_SECONDS = 6 * 3600.0
PASSING_FAULTS = 3  # of one file, in one process, before it counts as refused
MOST_COUNTED = 5000

Taken = TypeVar("Taken")

_lock = Lock()
_passing: Counter[str] = Counter()


class Refusals:
    """Notes the refusals that one snapshot meets."""

    def __init__(self, look: Look, services: Services) -> None:
        self._known, self._services = look.records.refusals, services
        self.passing: PassingError | None = None  # a file may be taken when this is over

    def attempt(self, key: str, path: str, take: Callable[[], Taken]) -> Taken | None:
        """Take a step to take a file; None, with a note, when storage has something against it. Raises what it has against the note.

        What passes by itself is kept in `passing`, for the snapshot to try again; a file that it does not pass for is noted.
        """
        try:
            return take()
        except PassingError as error:
            if _count(key) >= PASSING_FAULTS:
                self._note(key, path, error)
            else:
                self.passing = error
        except PipelineError as error:
            self._note(key, path, error)
        return None

    def look_again(self, file: InputFile) -> None:
        """Make sure that a file which could not be claimed, and was claimed by none, is another version or gone by now.

        Raises BlockedError for one that is still listed as it was: storage shows a name that cannot be called.
        """
        key = names.file_key(file.path, file.etag)
        if self._services.work.claims.read(key) is not None:
            return
        shown = next(self._services.storage.input.list(file.path), None)
        if shown is not None and (shown.name, shown.etag) == (file.path, file.etag):
            raise BlockedError(
                f"{file.path}: storage lists it and does not find it. Its name cannot be called; rename it.",
                code="odd_name",
            )

    def _note(self, key: str, path: str, error: PipelineError) -> None:
        now = self._services.clock()
        before = self._known.get(key)
        tries = before.tries + 1 if before else 1
        wait = min(FIRST_SECONDS * 2.0 ** min(tries - 1, 20), LONGEST_SECONDS)
        refusal = Refusal(
            path=path,
            code=error.code,
            reason=str(error),
            since=before.since if before else now,
            tries=tries,
            next_at=now + wait,
        )
        self._services.work.claims.refuse(key, refusal)
        tell_once(key, path, error.code, str(error))


def _count(key: str) -> int:
    """Count the passing faults of a file in this process; when there are too many to count, all begin anew."""
    with _lock:
        if len(_passing) >= MOST_COUNTED:
            _passing.clear()
        _passing[key] += 1
        return _passing[key]
