"""At most so many calls in a sliding window."""

from __future__ import annotations

import time
from collections import deque
from math import ceil

from local.azure_openai.errors import ServiceError


class RateLimit:
    """Refuses calls above `limit` per `window_seconds` of our clock; a limit of 0 is none."""

    def __init__(self, limit: int, window_seconds: float) -> None:
        self._limit = limit
        self._window_seconds = window_seconds
        self._taken: deque[float] = deque()

    def take(self) -> None:
        """Count a call. Raises ServiceError 429, which says when to come again, if it is one too many."""
        if not self._limit:
            return
        now = time.monotonic()
        while self._taken and self._taken[0] <= now - self._window_seconds:
            self._taken.popleft()
        if len(self._taken) >= self._limit:
            wait = self._taken[0] + self._window_seconds - now
            message = "Requests have exceeded the call rate limit of the deployment. Please retry later."
            raise ServiceError(429, message, retry_after=str(max(1, ceil(wait))))
        self._taken.append(now)
