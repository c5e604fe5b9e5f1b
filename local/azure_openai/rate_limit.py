"""At most so many calls, or tokens, in a sliding window."""

from __future__ import annotations

import time
from collections import deque
from math import ceil

from local.azure_openai.errors import ServiceError


class RateLimit:
    """Refuses calls above `limit` per `window_seconds` of our clock; a limit of 0 is none. `what` is counted."""

    def __init__(self, limit: int, window_seconds: float, what: str = "call") -> None:
        self._limit = limit
        self._window_seconds = window_seconds
        self._what = what
        self._taken: deque[tuple[float, int]] = deque()

    def check(self, amount: int = 1) -> None:
        """Raise ServiceError 429, which says when to come again, if so much is too much.

        What alone is more than the limit is let through when nothing else is there.
        """
        if not self._limit:
            return
        now = time.monotonic()
        while self._taken and self._taken[0][0] <= now - self._window_seconds:
            self._taken.popleft()
        if self._taken and sum(taken for _, taken in self._taken) + amount > self._limit:
            wait = self._taken[0][0] + self._window_seconds - now
            message = (
                f"Requests have exceeded the {self._what} rate limit of the deployment. Please retry later."
            )
            raise ServiceError(429, message, retry_after=str(max(1, ceil(wait))))

    def take(self, amount: int = 1) -> None:
        """Count what was checked. Raises as `check` does."""
        self.check(amount)
        if self._limit:
            self._taken.append((time.monotonic(), amount))
