"""What the files of a day may cost, in one list for all hosts: two calls for each file, where a budget is set."""

from threading import Lock

from adapters.storage.blobs import Container
from adapters.work.line_lists import LineLists
from domain import names
from domain.day_budget import DayBudget, DayLine, to_line
from domain.results.finished import whole_lines


class DayCosts:
    """The lists by day. This process remembers what it has read of the latest one."""

    def __init__(self, work: Container) -> None:
        self._work, self._lists = work, LineLists(work, names.day_costs)
        self._day, self._budget = "", DayBudget(0.0)
        self._offsets = [0]
        self._lock = Lock()

    def let_through(self, day: str, line: DayLine, limit: float) -> float | None:
        """Count a file among a day's (`20261124`, UTC); None where it fits, else what the day's other files may cost."""
        with self._lock:
            if day != self._day:
                self._day, self._budget, self._offsets = day, DayBudget(limit), [0]
            if not self._budget.lets_through(line.key):
                self._lists.add(day, to_line(line))
                self._read_on(day)
            return None if self._budget.lets_through(line.key) else self._budget.spent

    def drop_before(self, day: str) -> None:
        """Remove the lists of earlier days."""
        for entry in list(self._work.list(names.DAY_COSTS)):
            if entry.name < names.day_costs(day, 0):
                self._work.delete(entry.name)

    def _read_on(self, day: str) -> None:
        part = 0
        while part < len(self._offsets):
            content, is_full = self._lists.read(day, part, self._offsets[part])
            lines, length = whole_lines(content)
            self._offsets[part] += length
            self._budget.read(lines)
            if is_full and part + 1 == len(self._offsets):
                self._offsets.append(0)
            part += 1
