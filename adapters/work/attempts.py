"""Steps that were begun and have not ended: what a process leaves behind that dies in the middle of one."""

from contextlib import suppress

import msgspec

from adapters.storage.blobs import Container
from adapters.version import app_version
from domain import names
from domain.contracts import prepared_type
from domain.errors import ConflictError, NotFoundError


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """How often a step was begun, by which version of the app. Another version has its chances anew."""

    number: int
    version: str


class Attempts:
    """The steps about each file that were begun by this version of the app, by name.

    One write for each first try; a file's end removes them.
    """

    def __init__(self, work: Container) -> None:
        self._work = work

    def begin(self, key: str, step: str) -> int:
        """Note the first try; gives the number of the try that is about to begin, which is noted for the first one alone."""
        try:
            self._write(key, step, 1, if_absent=True)
        except ConflictError:
            return self._known(key, step) + 1
        return 1

    def note(self, key: str, step: str, number: int) -> None:
        """Note a further try."""
        self._write(key, step, number)

    def end(self, key: str, step: str) -> None:
        """Forget a step that came to its end, however that was."""
        with suppress(NotFoundError):
            self._work.delete(names.begun(key, step))

    def forget(self, key: str) -> None:
        """Forget all tries about a file."""
        self._work.delete_folder(names.begun_steps(key))

    def _known(self, key: str, step: str) -> int:
        try:
            content, _ = self._work.read(names.begun(key, step))
        except NotFoundError:
            return 0
        found = msgspec.json.decode(content, type=prepared_type(Attempt))
        return found.number if found.version == app_version() else 0

    def _write(self, key: str, step: str, number: int, *, if_absent: bool = False) -> None:
        attempt = Attempt(number=number, version=app_version())
        self._work.write(names.begun(key, step), msgspec.json.encode(attempt), if_absent=if_absent)
