"""What this process remembers of what people have looked at, so that the next look costs less. Nothing depends on it."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from adapters.services import Services
from domain import names
from domain.api.answers import BatchEntry, Examination, Snapshot
from domain.contracts import ListedFile
from domain.errors import NotFoundError
from steps.intake.at_rest import files_at_rest
from steps.look.finished import FinishedList, FinishedLists

AT_REST_SECONDS = (1.0, 30.0)  # the listings of input files and claims count so long, at least and at most
LATEST_SECONDS = (1.0, 10.0)  # which snapshots there are
BATCHES_SECONDS = (60.0, 60.0)  # one list of the service counts so long
# Looking takes at most one part in so many of the time, within those bounds.
SHARE_OF_TIME = 15
MOST_PAGES = 400  # of manifests, a hundred files each
MOST_ENDED = 500  # snapshots

_T = TypeVar("_T")


class Remembered(Generic[_T]):
    """An answer that counts for a while, the longer the more it costs, however many ask; those that come meanwhile wait for it."""

    def __init__(self, seconds: tuple[float, float], clock: Callable[[], float]) -> None:
        (self._least, self._most), self._clock = seconds, clock
        self._lock = threading.Lock()
        self._value: _T | None = None
        self._at, self._seconds = float("-inf"), 0.0

    def get(self, make: Callable[[], _T]) -> tuple[_T, float]:
        """Give the answer, made anew where it is too old, and when it was made (epoch seconds)."""
        with self._lock:
            if self._value is None or not 0 <= self._clock() - self._at < self._seconds:
                begun = time.monotonic()
                self._value = make()
                took = time.monotonic() - begun
                self._seconds = min(max(self._least, SHARE_OF_TIME * took), self._most)
                self._at = self._clock()
            return self._value, self._at

    def forget(self) -> None:
        """Have the next one ask anew."""
        self._at = float("-inf")


class Desk:
    """One app's. For all threads."""

    def __init__(self, services: Services) -> None:
        self.services = services

        def clock() -> float:
            return services.clock()

        self.ended: OrderedDict[str, Snapshot] = OrderedDict()  # they do not change any more
        self.at_rest: Remembered[dict[str, Any]] = Remembered(AT_REST_SECONDS, clock)
        self.batches: Remembered[list[BatchEntry]] = Remembered(BATCHES_SECONDS, clock)
        self.examination: Examination | None = None  # the last one, and when it was made (epoch seconds)
        self.examined_at = float("-inf")
        self.examining = threading.Lock()
        self.latest: Remembered[list[str]] = Remembered(LATEST_SECONDS, clock)
        self.known_batches: set[str] = set()  # ids that are in our records
        self._finished = FinishedLists()
        self._pages: OrderedDict[tuple[str, int], list[ListedFile]] = OrderedDict()
        self._lock = threading.Lock()

    def finished(self, snapshot_id: str) -> FinishedList:
        """Give the list of a snapshot's finished files, as it is now."""
        return self._finished.of(snapshot_id, self.services, has_ended=snapshot_id in self.ended)

    def files_at_rest(self) -> dict[str, Any]:
        """Give the files that are not being worked on, as they were a second ago; with many files half a minute."""
        return self.at_rest.get(lambda: files_at_rest(self.services))[0]

    def manifest_page(self, snapshot_id: str, number: int) -> tuple[list[ListedFile] | None, bool]:
        """Give a page of a running snapshot's files, None where there is none; and whether it was read for that."""
        with self._lock:
            if known := self._pages.get((snapshot_id, number)):
                return known, False
        try:
            page = self.services.work.snapshots.read_page(snapshot_id, number)
        except NotFoundError:
            return None, True
        with self._lock:
            self._pages[snapshot_id, number] = page
            while len(self._pages) > MOST_PAGES:
                self._pages.popitem(last=False)
        return page, True

    def ended_one(self, snapshot_id: str) -> Snapshot | None:
        """Give a snapshot that has ended, as it was told before; None for one that may have been deleted since."""
        known = self.ended.get(snapshot_id)
        if known is None:
            return None
        retention = 86_400 * self.services.settings.retention_days
        age = self.services.clock() - names.takes_files_at(snapshot_id, 0)
        return known if age <= retention else None

    def remember_ended(self, snapshot: Snapshot) -> None:
        """Remember a snapshot that has ended."""
        with self._lock:
            self.ended[snapshot.id] = snapshot
            while len(self.ended) > MOST_ENDED:
                self.ended.popitem(last=False)


_latest: list[Desk] = []


def desk_of(services: Services) -> Desk:
    """Give the desk that belongs to an app's services; a process has one app."""
    for desk in _latest:
        if desk.services is services:
            return desk
    _latest[:] = [Desk(services)]
    return _latest[0]
