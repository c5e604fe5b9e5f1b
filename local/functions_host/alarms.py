"""Waking instances at the moments their messages become visible."""

import asyncio
import heapq
from collections.abc import Callable


class Alarms:
    """A heap of moments with one timer of the loop set for the earliest."""

    def __init__(self, clock: Callable[[], float], ring: Callable[[str], None]) -> None:
        """`clock` tells seconds since 1970; `ring` is called with each instance id whose moment has come."""
        self._clock = clock
        self._ring = ring
        self._heap: list[tuple[float, str]] = []
        self._timer: asyncio.TimerHandle | None = None

    def set(self, moment: float, instance_id: str) -> None:
        """Ring for the instance at the moment, or at once if that is past."""
        if moment <= self._clock():
            self._ring(instance_id)
            return
        heapq.heappush(self._heap, (moment, instance_id))
        if self._heap[0] == (moment, instance_id):
            self._arm()

    def close(self) -> None:
        """Ring no more."""
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        delay = max(0.0, self._heap[0][0] - self._clock())
        self._timer = asyncio.get_running_loop().call_later(delay, self._go_off)

    def _go_off(self) -> None:
        # The loop's clock and the wall clock differ a little: what is not yet due is armed again.
        while self._heap and self._heap[0][0] <= self._clock():
            _, instance_id = heapq.heappop(self._heap)
            self._ring(instance_id)
        if self._heap:
            self._arm()
