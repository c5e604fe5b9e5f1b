"""What this process has done lately and need not do again. Bounded; gone with the process, so nothing may depend on it."""

from collections.abc import Hashable
from threading import Lock


class Recent:
    """The last `most` keys that were added, each with when that was, where it matters. For all threads."""

    def __init__(self, most: int) -> None:
        self._most, self._since, self._lock = most, dict[Hashable, float](), Lock()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._since

    def add(self, key: Hashable, at: float = 0.0) -> float:
        """Add a key, unless it is there; the oldest one goes. Gives the time (epoch seconds) at which it was first added."""
        with self._lock:
            since = self._since.setdefault(key, at)
            while len(self._since) > self._most:
                del self._since[next(iter(self._since))]
        return since

    def discard(self, key: Hashable) -> None:
        """Take a key out again, if it is there."""
        with self._lock:
            self._since.pop(key, None)
