"""How often each code is among a file's errors: what to look at first."""

from collections import Counter

MOST_CODES = 50  # by name; a service may make up as many as it likes
OTHERS = "other"


class ErrorCodes:
    """Counts codes, in bounded memory."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def count(self, code: str | None) -> None:
        """Count one error."""
        name = code or "unknown"
        is_new = name not in self._counts and len(self._counts) >= MOST_CODES
        self._counts[OTHERS if is_new else name] += 1

    def by_number(self) -> dict[str, int]:
        """Give the counts, the largest first."""
        return dict(self._counts.most_common())
