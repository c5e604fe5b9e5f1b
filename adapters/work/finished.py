"""The list of a snapshot's finished files."""

from collections import OrderedDict

from adapters.storage.blobs import Container
from adapters.work.line_lists import LineLists
from domain import names
from domain.results.finished import FinishedFile

MOST_KEPT = 3000  # files between their outputs and their end, in one process


class FinishedFiles(LineLists):
    """Lines by snapshot."""

    def __init__(self, work: Container) -> None:
        super().__init__(work, names.finished_files)
        self._kept: OrderedDict[str, FinishedFile] = OrderedDict()

    def keep(self, file: FinishedFile) -> None:
        """Remember what a file's line will be, so that no document need be read for it. Nothing may depend on it."""
        self._kept[file.key] = file
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)

    def take(self, key: str) -> FinishedFile | None:
        """Give what this process remembers of a file, once."""
        return self._kept.pop(key, None)
