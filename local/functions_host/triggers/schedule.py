"""NCRONTAB expressions: `{second} {minute} {hour} {day} {month} {day-of-week}`, in UTC."""

from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

_DAY, _DAY_OF_WEEK = 3, 5


class Schedule:
    """When a timer function is due."""

    def __init__(self, expression: str) -> None:
        """Raise ValueError for expressions that Azure or this host does not know, or that never come true."""
        fields = expression.split()
        if ":" in expression:
            raise ValueError(f"{expression!r} is a time span; this host supports NCRONTAB expressions")
        if len(fields) != 6:
            raise ValueError(f"{expression!r} needs six fields, the first one for seconds")
        day, day_of_week = fields[_DAY].upper(), fields[_DAY_OF_WEEK].upper()
        if any(letter in day for letter in "LW?") or any(letter in day_of_week for letter in "L#?"):
            raise ValueError(f"{expression!r}: NCRONTAB has no L, W, # and ?")
        if not day.startswith("*") and not day_of_week.startswith("*"):
            raise ValueError(
                f"{expression!r}: a day of the month together with a day of the week is not supported"
            )
        self._expression = expression
        try:
            self.next_after(0)
        except CronSimError as error:
            raise ValueError(f"{expression!r} is not an NCRONTAB expression: {error}") from error

    def next_after(self, moment: float) -> float:
        """The first due moment after `moment` (seconds since 1970). Raises ValueError if there is none."""
        due = next(CronSim(self._expression, datetime.fromtimestamp(moment, UTC)), None)
        if due is None:
            raise ValueError(f"{self._expression!r} never comes true")
        return due.timestamp()

    def interval_after(self, moment: float) -> float:
        """Seconds between the next two due moments."""
        first = self.next_after(moment)
        return self.next_after(first) - first
