"""What this process has written or read lately of small files, so that the next step about one need not read it again.

Steps about a file may be hours apart, and on another host each. So nothing depends on what is kept here: what is not there is
read, and whoever uses it has a condition in storage, on the version that it is of, before anything comes of it.
Why: docs/decisions/0016-what-is-kept-counts-where-storage-agrees.md
"""

from collections import OrderedDict
from threading import Lock
from typing import NamedTuple

MOST_BYTES = 16 * 1024 * 1024  # of all, in one process
MOST_BYTES_OF_ONE = 64 * 1024
OVERHEAD_BYTES = 500  # of one, whatever its content


class Kept(NamedTuple):
    """What a blob held. `version`: by what the one who kept it tells whether that still counts; empty: it always does."""

    content: bytes
    version: str


class KeptBlobs:
    """Contents of small blobs of the work container by name; those that were kept first go first. For all threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes, self._bytes = most_bytes, 0
        self._lock = Lock()
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    def keep(self, name: str, content: bytes, version: str = "") -> None:
        """Keep what a blob holds now, unless that is much."""
        if len(content) > MOST_BYTES_OF_ONE:
            self.take(name)
            return
        with self._lock:
            self._remove(name)
            self._kept[name] = Kept(content, version)
            self._bytes += len(content) + OVERHEAD_BYTES
            while self._bytes > self._most_bytes:
                self._remove(next(iter(self._kept)))

    def get(self, name: str) -> Kept | None:
        """Give what is known of a blob."""
        return self._kept.get(name)

    def take(self, name: str) -> Kept | None:
        """Give it once: what comes after that reads."""
        with self._lock:
            return self._remove(name)

    def _remove(self, name: str) -> Kept | None:
        kept = self._kept.pop(name, None)
        if kept:
            self._bytes -= len(kept.content) + OVERHEAD_BYTES
        return kept
