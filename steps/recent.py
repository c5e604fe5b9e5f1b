"""What this process has done lately and need not do again. Bounded; gone with the process, so nothing may depend on it."""

from collections.abc import Hashable
from threading import Lock


class Recent:
    """The last `most` keys that were added. For all threads."""

    def __init__(self, most: int) -> None:
        self._most, self._keys, self._lock = most, dict[Hashable, None](), Lock()

    def __contains__(self, key: Hashable) -> bool:
        return key in self._keys

    def add(self, key: Hashable) -> None:
        """Add a key; the oldest one goes."""
        with self._lock:
            self._keys[key] = None
            while len(self._keys) > self._most:
                del self._keys[next(iter(self._keys))]

    def discard(self, key: Hashable) -> None:
        """Take a key out again, if it is there."""
        with self._lock:
            self._keys.pop(key, None)
