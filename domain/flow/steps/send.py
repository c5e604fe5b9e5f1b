"""Send shards as live calls, a slice at a time."""

from collections.abc import Iterator
from typing import Any

from domain.contracts import Fault, SliceDone, SliceWork, from_wire, to_wire
from domain.direct.throttle import Throttle
from domain.flow.flow import Flow
from domain.flow.heeding import heed, ranks
from domain.flow.pacing import later
from domain.flow.state import Call, ShardState, ShardStep
from domain.flow.step import Due, Step, room_left
from domain.flow.steps.pause import pause
from domain.flow.turns import take_within

# Shards that have no more left together are sent at the same time.
SMALL_SHARDS_REQUESTS = 500


class Send(Step[ShardState]):
    """`send_slice`: keeps each deployment busy with a slice of one large shard, or with slices of a few small ones.

    Slices that are under way together share what the deployment's throttle allows.
    """

    activity = "send_slice"

    def due(self, flow: Flow, now: float) -> Iterator[Due[ShardState]]:
        """Give the shards to send; past the deadline whatever the pace, to come to their end."""
        del now
        busy = flow.busy()
        for s in flow.shards_in(ShardStep.SEND):
            if s.identity in busy:
                continue
            if s.unwanted:
                yield Due(s.not_before, s)
            else:
                throttle = flow.throttles.get(s.shard.model)
                at_pace = min(throttle.next_slice_at, flow.overdue_at(s)) if throttle else 0.0
                yield Due(max(s.not_before, at_pace, flow.pauses.over_at(s.reaches)), s)

    def calls(self, flow: Flow, ready: list[ShardState], now: float) -> Iterator[Call]:
        """Give slices for each deployment in turn; the shards with the least left first, so that none waits for a large one."""
        alike: dict[tuple[str, ...], list[ShardState]] = {}
        rank = ranks(flow)
        for s in sorted(ready, key=lambda s: (-rank.get(s.key, 0), _left(s))):
            if s.unwanted:
                yield self._last_look(flow, s)
            else:
                alike.setdefault(s.reaches, []).append(s)
        for shards in alike.values():
            yield from self._team(flow, shards, now)

    def _last_look(self, flow: Flow, s: ShardState) -> Call:
        """Have the log read once more, which shuts out a slice that may still be sending."""
        work = SliceWork(snapshot_id=flow.snapshot_id, key=s.key, shard=s.shard, unwanted=True)
        return Call(self.activity, to_wire(work), *s.identity)

    def _team(self, flow: Flow, ready: list[ShardState], now: float) -> Iterator[Call]:
        model = ready[0].shard.model
        throttle = flow.throttles.get(model, Throttle())
        under_way = [
            call
            for call in flow.calls_of(self.activity)
            if call.input["shard"]["model"] == model and not call.input.get("unwanted")
        ]
        free = throttle.width - sum(call.input["throttle"]["width"] for call in under_way)
        places = room_left(flow, under_way, now) // flow.settings.files_per_call
        narrow = flow.pauses.width(ready[0].reaches, now, places + len(under_way))
        most = min(int(free), narrow - len(under_way))
        team = list(
            take_within(
                ready,
                _left,
                most=most,
                heaviest=SMALL_SHARDS_REQUESTS,
                moving=[call.weight for call in under_way],
            )
        )
        for s in team:
            share = throttle.shared_by(throttle.width * len(team) / free)
            work = SliceWork(
                snapshot_id=flow.snapshot_id,
                key=s.key,
                shard=s.shard,
                throttle=share,
                asked_since=flow.asked_seen,
            )
            yield Call(self.activity, to_wire(work), *s.identity, weight=_left(s))

    def answered(self, flow: Flow, call: Call, ok: Any, now: float) -> None:
        """Go on with the shard, or collect it."""
        s, sent = flow.shard_of(call), from_wire(ok, SliceDone)
        self._learn(flow, call, sent)
        heed(flow, sent.asked)
        moved = sent.done > s.done
        s.begun, s.tries, s.reasons = True, 0, {}
        s.done, s.submitted_at = sent.done, sent.begun_at or s.submitted_at
        if sent.paused:
            pause(flow, s, sent.paused, now)
            return
        if moved:
            flow.pauses.succeeded(s.reaches, now, flow.settings.micro_batch_size)
        if sent.ended or flow.is_overdue(s, now) or (call.input.get("unwanted") and not sent.wait_seconds):
            s.move(ShardStep.COLLECT)
            s.status = "completed" if sent.ended else "cancelled"
        else:
            s.not_before = later(now, sent.wait_seconds) if sent.wait_seconds else now

    def _learn(self, flow: Flow, call: Call, sent: SliceDone) -> None:
        """Take over what a slice has learned about its deployment's pace."""
        model = call.input["shard"]["model"]
        if sent.throttle:
            known = flow.throttles.get(model, Throttle())
            flow.throttles[model] = known.learned(
                from_wire(call.input, SliceWork).throttle or known, sent.throttle
            )

    def failed(self, flow: Flow, call: Call, fault: Fault, now: float) -> None:
        """Wait, or leave the shard in `work/`."""
        s = flow.shard_of(call)
        s.begun = True
        flow.delay_or_drop(s, fault, now)


def _left(s: ShardState) -> int:
    return s.shard.requests - s.done
