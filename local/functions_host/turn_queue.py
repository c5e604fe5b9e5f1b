"""Which instances take their turn when: one turn per instance at a time, a bounded number altogether.

Messages that arrive while an instance has its turn wait for the next one, all together: this is what keeps a fan-out
of a hundred activities at a few turns instead of a hundred.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from local.functions_host.logs import host_logger

_RETRY_SECONDS = 1.0
_log = host_logger("turns")


class TurnQueue:
    """Runs `take_turn` for instances that were woken."""

    def __init__(self, take_turn: Callable[[str], Awaitable[None]], limit: int) -> None:
        self._take_turn = take_turn
        self._limit = limit
        self._waiting: deque[str] = deque()
        self._is_waiting: set[str] = set()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._woken_again: set[str] = set()
        self._is_closed = False

    def wake(self, instance_id: str) -> None:
        """Give the instance a turn soon; waking it repeatedly before that changes nothing."""
        if self._is_closed or instance_id in self._is_waiting:
            return
        if instance_id in self._running:
            self._woken_again.add(instance_id)
            return
        if not self._waiting:  # start after what else is ready in this round of the loop has been delivered
            asyncio.get_running_loop().call_soon(self._start_turns)
        self._waiting.append(instance_id)
        self._is_waiting.add(instance_id)

    async def close(self, grace_seconds: float) -> None:
        """Start no more turns; let the running ones finish within the time given."""
        self._is_closed = True
        if self._running:
            await asyncio.wait(self._running.values(), timeout=grace_seconds)

    def _start_turns(self) -> None:
        while self._waiting and len(self._running) < self._limit and not self._is_closed:
            instance_id = self._waiting.popleft()
            self._is_waiting.remove(instance_id)
            self._running[instance_id] = asyncio.create_task(self._run(instance_id))

    async def _run(self, instance_id: str) -> None:
        try:
            await self._take_turn(instance_id)
        except Exception:  # noqa: BLE001 - said below
            # A full disk, or a mistake of this host: nothing has been written, so it can be done again.
            _log.exception("the turn of %s failed and is repeated", instance_id)
            asyncio.get_running_loop().call_later(_RETRY_SECONDS, self.wake, instance_id)
        finally:
            del self._running[instance_id]
            if instance_id in self._woken_again:
                self._woken_again.remove(instance_id)
                self.wake(instance_id)
            self._start_turns()
