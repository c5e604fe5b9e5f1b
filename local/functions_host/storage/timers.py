"""When the timer functions last ran and should run next."""

from dataclasses import dataclass

from local.functions_host.storage.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerStatus:
    """The schedule status of one function; moments in seconds since 1970."""

    last: float
    """The latest run's scheduled moment; before the first run, the moment the schedule was first seen."""
    next: float
    updated_at: float


class TimerStore:
    """Reads and writes schedule status."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, function: str) -> TimerStatus | None:
        """Return the status of a function's schedule, or None."""
        row = self._database.row(
            "SELECT last, next, updated_at FROM timer_status WHERE function = ?", (function,)
        )
        return None if row is None else TimerStatus(last=row[0], next=row[1], updated_at=row[2])

    def save(self, function: str, status: TimerStatus) -> None:
        """Insert or overwrite the status of a function's schedule."""
        self._database.run(
            "INSERT OR REPLACE INTO timer_status VALUES (?,?,?,?)",
            (function, status.last, status.next, status.updated_at),
        )
