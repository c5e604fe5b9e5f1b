"""End a wait that the service does not end: ask for the batch's cancellation."""

from collections.abc import Iterator
from typing import Any

from domain.contracts import Cancelled, CancelRequest, Fault, from_wire, to_wire
from domain.flow.flow import Flow
from domain.flow.grouping import is_light
from domain.flow.state import Call, ShardState, ShardStep
from domain.flow.step import Due, Step, within_places

# Looks at a batch in an unknown state before it is cancelled, and after a cancellation before it is given up.
PATIENCE_POLLS = 20


class Cancel(Step[ShardState]):
    """`cancel_batch`, for a batch that people cancel, beyond the deadline, or for too long in a state that is not known."""

    activity = "cancel_batch"

    def due(self, flow: Flow, now: float) -> Iterator[Due[ShardState]]:
        """Give the batches to cancel. One that is being looked at waits: the look would be older than the cancellation."""
        del now
        busy = flow.busy()
        looked_at = {batch_id for call in flow.calls_of("poll_batches") for batch_id in call.input["known"]}
        for s in flow.shards_in(ShardStep.ACTIVE):
            if s.batch_id and not s.cancel_asked and s.identity not in busy and s.batch_id not in looked_at:
                is_odd = s.odd_polls >= PATIENCE_POLLS and not s.lost_since
                at_once = is_odd or s.unwanted
                yield Due(s.not_before if at_once else max(s.not_before, flow.overdue_at(s)), s)

    def calls(self, flow: Flow, ready: list[ShardState], now: float) -> Iterator[Call]:
        """Give the calls of the first batches that there are places for."""
        calls = (
            Call(
                self.activity,
                to_wire(CancelRequest(batch_id=s.batch_id)),
                *s.identity,
                light=is_light(flow, 0, s.tries),
            )
            for s in ready
            if s.batch_id
        )
        return within_places(flow, self.activity, calls, now)

    def answered(self, flow: Flow, call: Call, ok: Any, now: float) -> None:
        """Note that it was asked for."""
        s = flow.shard_of(call)
        self._asked(s, refused=from_wire(ok, Cancelled).refused)
        if s.unwanted:
            # People wait for it.
            flow.poll.after_submission(now, flow.settings)

    def failed(self, flow: Flow, call: Call, fault: Fault, now: float) -> None:
        """Ask again later; in the end take it as asked for, so that the wait has a limit."""
        s = flow.shard_of(call)
        if not flow.delay(s, fault, now):
            self._asked(s, refused=False)

    def _asked(self, s: ShardState, *, refused: bool) -> None:
        s.cancel_asked, s.cancel_refused = True, refused
        s.odd_polls, s.tries, s.reasons, s.not_before = 0, 0, {}, 0.0
