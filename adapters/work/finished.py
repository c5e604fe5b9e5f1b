"""The list of a snapshot's finished files: an append blob with a line for each, written once and read from where one has read to."""

from collections import OrderedDict

from adapters.storage.append_blob import AppendBlob
from adapters.storage.blobs import Container
from domain import names
from domain.errors import BlockedError, NotFoundError
from domain.results.finished import FinishedFile

# Of the 50,000 blocks that an append blob takes; the rest is for writers that have not seen that it is full.
MOST_LINES = 49_000
_FULL = "BlockCountExceedsLimit"
MOST_KEPT = 500  # files between their outputs and their end, in one process


class FinishedFiles:
    """Lines by snapshot. A list that is full goes on in a second blob, and so on."""

    def __init__(self, work: Container) -> None:
        self._work = work
        self._parts: dict[str, int] = {}  # of the lists that go on in another blob
        self._kept: OrderedDict[str, FinishedFile] = OrderedDict()

    def keep(self, file: FinishedFile) -> None:
        """Remember what a file's line will be, so that no document need be read for it. Nothing may depend on it."""
        self._kept[file.key] = file
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    def take(self, key: str) -> FinishedFile | None:
        """Give what this process remembers of a file, once."""
        return self._kept.pop(key, None)

    def add(self, snapshot_id: str, line: bytes) -> None:
        """Add a line, its end included: one call, but for the first line of a list. A repetition adds it once more."""
        part = self._parts.get(snapshot_id, 0)
        blob = self._blob(names.finished_files(snapshot_id, part))
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
        self._parts[snapshot_id] = part + 1
        if line:
            self.add(snapshot_id, line)

    def read(self, snapshot_id: str, part: int, offset: int) -> tuple[bytes, bool]:
        """Give what a list's blob has from a byte on, and whether the list may go on in another: one call, as far as 4 MB.

        Nothing where there is no such blob.
        """
        try:
            content, blocks = self._work.read_on(names.finished_files(snapshot_id, part), offset)
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
