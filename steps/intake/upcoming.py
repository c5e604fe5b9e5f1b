"""Snapshots of this process that are about to take what is there: for that no other one has to be started."""

from dataclasses import dataclass
from threading import Lock

# A snapshot that has not taken what it was to take so long after its window is not relied on: others may be started.
PATIENCE_SECONDS = 60.0
# Storage tells whole seconds, cut off. Its clock is its own, and a file that came a moment too late waits for the end of the patience.
INEXACT_SECONDS = 1.0


@dataclass(slots=True)
class _Upcoming:
    looks_at: float
    until: float


class Upcoming:
    """What is known of them; gone with the process, so nothing may depend on it. Times are epoch seconds. For all threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._snapshots: dict[str, _Upcoming] = {}

    def announce(self, snapshot_id: str, settled_at: float, now: float) -> None:
        """Note a snapshot that was started, and will look when its window is over."""
        with self._lock:
            for known, found in list(self._snapshots.items()):
                if found.until <= now - PATIENCE_SECONDS:
                    del self._snapshots[known]
            self._snapshots[snapshot_id] = _Upcoming(settled_at, settled_at + PATIENCE_SECONDS)

    def looks(self, snapshot_id: str, now: float) -> None:
        """Note that it looks at what is there."""
        with self._lock:
            if found := self._snapshots.get(snapshot_id):
                found.looks_at = max(found.looks_at, now)

    def has_taken(self, snapshot_id: str, now: float) -> None:
        """Note that it has taken what it found; what is there afterwards was not to be taken."""
        with self._lock:
            if found := self._snapshots.get(snapshot_id):
                found.looks_at = min(found.looks_at, now)
                found.until = min(found.until, now)

    def will_look(self, now: float) -> bool:
        """Tell whether one will look: at all that lies there now, then."""
        with self._lock:
            return any(now < found.looks_at for found in self._snapshots.values())

    def takes(self, modified: float, seen_at: float) -> bool:
        """Tell whether one takes a file, or has taken it since it was seen without a claim. `modified`: when it was last changed."""
        with self._lock:
            return any(
                seen_at < found.looks_at
                or (seen_at < found.until and modified + INEXACT_SECONDS <= found.looks_at)
                for found in self._snapshots.values()
            )


# One for the process: the triggers start snapshots, an activity of it takes what they are to take.
upcoming = Upcoming()
