"""How long one generation of the orchestration goes on: its history is bounded, and it ends when no call is under way."""

from domain.flow.flow import Flow
from domain.flow.machine import begin_calls
from domain.flow.pacing import EARLY_SECONDS
from domain.flow.parts import can_split
from domain.flow.state import Call
from domain.flow.step import SLOW_SECONDS

# A replay costs some 36 microseconds per event, and every turn is one; the promise is at most 1,000.
EVENTS_PER_GENERATION = 200
# Scheduled and ended, and the turn around its end with at most one timer, made and fired.
EVENTS_PER_CALL = 6
# A turn that begins nothing.
EVENTS_PER_IDLE_LOOK = 4

# A generation that has begun its last call waits for those under way. Where one takes longer than so many seconds, and so would
# keep the others waiting, the generation has as much room once more. Then each has as long as the generation went on before it
# counts as slow. Parts share nothing, so what is quick is worth a wait.
LEAST_PATIENCE_SECONDS = 5.0


class Generation:
    """The bounds of one generation. Times are epoch seconds."""

    def __init__(self, now: float) -> None:
        self._began = now
        self._events = 0
        self._has_room_once_more = False
        self._closed_at: float | None = None
        self._wake_at: float | None = None

    @property
    def calls_left(self) -> int:
        """How many more activities may begin."""
        room = EVENTS_PER_GENERATION * (1 + self._has_room_once_more)
        return max(0, (room - self._events) // EVENTS_PER_CALL)

    def begin_calls(self, flow: Flow, now: float) -> list[list[Call]]:
        """Begin what may begin now, while the history has room for it; gives the calls of each activity.

        Raises RuntimeError when there is nothing to wait for.
        """
        groups = self._begin_calls(flow, now)
        if self._waits_long(flow, now) and not self._has_room_once_more:
            self._has_room_once_more, self._closed_at = True, None
            groups += self._begin_calls(flow, now)
        return groups

    def _begin_calls(self, flow: Flow, now: float) -> list[list[Call]]:
        groups, self._wake_at = begin_calls(flow, now, most=self.calls_left)
        self._events += EVENTS_PER_CALL * len(groups) or EVENTS_PER_IDLE_LOOK
        if not self.calls_left and self._closed_at is None:
            self._closed_at = now
        return groups

    def is_over(self, flow: Flow) -> bool:
        """Tell whether the next generation may begin: the engine wants no call under way."""
        is_full = EVENTS_PER_GENERATION - self._events < EVENTS_PER_CALL
        return is_full and not flow.in_flight

    def is_stuck(self, flow: Flow, now: float) -> bool:
        """Tell whether calls that take long keep the generation from its end, and others from going on."""
        return self._has_room_once_more and self._waits_long(flow, now) and can_split(flow)

    def _waits_long(self, flow: Flow, now: float) -> bool:
        is_closed = self._closed_at is not None and bool(flow.in_flight)
        return is_closed and now + EARLY_SECONDS >= self._patient_until(flow)

    def _patient_until(self, flow: Flow) -> float:
        closed_at = self._closed_at or self._began
        patience = LEAST_PATIENCE_SECONDS
        if self._has_room_once_more:
            patience = min(max(closed_at - self._began, patience), SLOW_SECONDS)
        return patience + max((call.begun_at for call in flow.in_flight), default=closed_at)

    def wake_at(self, flow: Flow, now: float) -> float | None:
        """Give the time of the next look, if no call ends before; None: when a call ends."""
        if self.calls_left:
            return self._wake_at
        until = self._patient_until(flow)
        return until if can_split(flow) and now < until else None
