"""Lists that only grow: a line for each thing, in an append blob, written once and read from where one has read to."""

from collections.abc import Callable

from adapters.storage.append_blob import AppendBlob
from adapters.storage.blobs import Container
from domain.errors import BlockedError, NotFoundError

# Of the 50,000 blocks that an append blob takes; the rest is for writers that have not seen that it is full.
MOST_LINES = 49_000
_FULL = "BlockCountExceedsLimit"


class LineLists:
    """Lists by what they are about. One that is full goes on in a second blob, and so on; `name_of` names each of them."""

    def __init__(self, work: Container, name_of: Callable[[str, int], str]) -> None:
        self._work, self._name_of = work, name_of
        self._parts: dict[str, int] = {}  # of the lists that go on in another blob

    def add(self, subject: str, line: bytes) -> None:
        """Add a line, its end included: one call, but for the first line of a list. A repetition adds it once more."""
        part = self._parts.get(subject, 0)
        blob = self._blob(self._name_of(subject, part))
        try:
            _append(blob, line)
        except BlockedError as error:
            if error.code != _FULL:
                raise
            blob.blocks = MOST_LINES
        else:
            if blob.blocks < MOST_LINES:
                return
            line = b""
        self._parts[subject] = part + 1
        if line:
            self.add(subject, line)

    def read(self, subject: str, part: int, offset: int) -> tuple[bytes, bool]:
        """Give what a list's blob has from a byte on, and whether the list may go on in another: one call, as far as 4 MB.

        Nothing where there is no such blob.
        """
        try:
            content, blocks = self._work.read_on(self._name_of(subject, part), offset)
        except NotFoundError:
            return b"", False
        return content, blocks >= MOST_LINES

    def _blob(self, name: str) -> AppendBlob:
        return AppendBlob(self._work, name)


def _append(blob: AppendBlob, line: bytes) -> None:
    try:
        blob.append(line, position=None)
    except NotFoundError:
        blob.create()
        blob.append(line, position=None)
