"""The lists of finished files, as far as this process has read them: what is new is one read of a range.

Nothing is read while no one looks. What was read stays in memory, up to MOST_BYTES of all lists together; the one that was
looked at least lately goes first.
"""

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count

from adapters.services import Services
from domain.results.finished import FinishedFile, of_line, read_lines, whole_lines

MOST_BYTES = 64_000_000  # of lines: about 120,000 files
FRESH_SECONDS = 1.0  # a list is read on at most so often, however many people look


@dataclass(slots=True)
class Totals:
    """Sums over the finished files of a snapshot."""

    files: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    error_rows: dict[str, int] = field(default_factory=dict)  # by code
    error_files: dict[str, int] = field(default_factory=dict)  # by code
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost: float = 0.0
    estimated_cost: float = 0.0
    priced: bool = False  # whether any file had a price
    batches: int = 0  # each counted once, however many files share it
    sharing: Counter[str] = field(default_factory=Counter)  # files by batch id, of one snapshot

    def add(self, file: FinishedFile, sign: int = 1) -> None:
        """Count a file, or count it no more."""
        self.files += sign * (file.state != "held")
        for counts, news in ((self.outcomes, file.outcomes), (self.error_rows, file.error_codes)):
            for name, number in news.items():
                counts[name] = counts.get(name, 0) + sign * number
        for code in file.error_codes:
            self.error_files[code] = self.error_files.get(code, 0) + sign
        self.input_tokens += sign * file.input_tokens
        self.output_tokens += sign * file.output_tokens
        self.cached_tokens += sign * file.cached_tokens
        self.cost += sign * (file.cost or 0.0)
        self.estimated_cost += sign * (file.estimated_cost or 0.0)
        self.priced = self.priced or file.cost is not None
        self.batches += sign * (file.batch_count - len(file.batches))
        for batch_id in file.batches:
            before = self.sharing[batch_id]
            self.sharing[batch_id] += sign
            self.batches += (self.sharing[batch_id] > 0) - (before > 0)

    def merge(self, other: "Totals") -> None:
        """Add the sums over other files."""
        self.files += other.files
        mine = (self.outcomes, self.error_rows, self.error_files)
        for counts, news in zip(mine, (other.outcomes, other.error_rows, other.error_files), strict=True):
            for name, number in news.items():
                counts[name] = counts.get(name, 0) + number
        self.input_tokens += other.input_tokens
        self.output_tokens += other.output_tokens
        self.cached_tokens += other.cached_tokens
        self.cost += other.cost
        self.estimated_cost += other.estimated_cost
        self.priced = self.priced or other.priced
        self.batches += other.batches


class FinishedList:
    """One snapshot's list. Of a file with several lines the last one counts, in the place of the first."""

    def __init__(self, snapshot_id: str) -> None:
        self.snapshot_id = snapshot_id
        self.totals = Totals()
        self.size = 0  # bytes of the lines kept
        self._lines: dict[str, bytes] = {}
        self._spans: dict[str, tuple[float, float]] = {}
        self._offsets = [0]  # bytes read of each of its blobs; all but the last are full
        self._read_at, self._is_whole = float("-inf"), False
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def spans(self) -> list[tuple[float, float]]:
        """When the first batch of each file that was sent began, and when the last one ended (epoch seconds)."""
        return list(self._spans.values())

    def file(self, key: str) -> FinishedFile | None:
        """Give a file by its key."""
        line = self._lines.get(key)
        return of_line(line) if line else None

    def shared_with(self, file: FinishedFile) -> int:
        """Count the other files whose requests were in one of a file's batches; of several batches the most."""
        return max((self.totals.sharing[batch_id] for batch_id in file.batches), default=1) - 1

    def retries_of(self, key: str) -> Iterator[FinishedFile]:
        """Give the files that hold failed rows of another."""
        mark = b'"retry_of":"%s"' % key.encode()
        return (of_line(line) for line in list(self._lines.values()) if mark in line)

    def files(self, start: int = 0) -> Iterator[tuple[int, FinishedFile]]:
        """Give the files from the `start`-th on, each with the number of the next one."""
        lines = list(self._lines.values())[start:]
        return ((start + number, of_line(line)) for number, line in enumerate(lines, 1))

    def read_on(self, services: Services, *, has_ended: bool = False) -> None:
        """Read what is new, unless that was done just now; of a snapshot that has ended, once to the end."""
        with self._lock:
            if self._is_whole or services.clock() - self._read_at < FRESH_SECONDS:
                return
            # A late writer may still add to a blob that counts as full.
            for part in count():
                is_full = self._read_part(part, services)
                if part + 1 == len(self._offsets):
                    if not is_full:
                        break
                    self._offsets.append(0)
            self._read_at, self._is_whole = services.clock(), has_ended

    def _read_part(self, part: int, services: Services) -> bool:
        """Read on in one blob; tells whether it is full."""
        content, is_full = services.work.finished.read(self.snapshot_id, part, self._offsets[part])
        lines, length = whole_lines(content)
        self._offsets[part] += length
        for file, line in read_lines(lines):
            if before := self._lines.get(file.key):
                self.totals.add(of_line(before), -1)
                self.size -= len(before)
            self._lines[file.key] = line
            self.size += len(line)
            self.totals.add(file)
            if file.state == "done" and file.started_at and file.finished_at:
                self._spans[file.key] = (_moment(file.started_at), _moment(file.finished_at))
        return is_full


def _moment(told: str) -> float:
    return datetime.fromisoformat(told).timestamp()


class FinishedLists:
    """The lists that this process has read, for all threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most, self._lock = most_bytes, threading.Lock()
        self._lists: OrderedDict[str, FinishedList] = OrderedDict()

    def of(self, snapshot_id: str, services: Services, *, has_ended: bool = False) -> FinishedList:
        """Give a snapshot's list, read to its end; an empty one where there is none. `has_ended`: it grows no more."""
        with self._lock:
            found = self._lists.setdefault(snapshot_id, FinishedList(snapshot_id))
            self._lists.move_to_end(snapshot_id)
        found.read_on(services, has_ended=has_ended)
        self._make_room()
        return found

    def _make_room(self) -> None:
        with self._lock:
            while len(self._lists) > 1 and sum(kept.size for kept in self._lists.values()) > self._most:
                self._lists.popitem(last=False)
