"""Bring an ended batch, or the answers of live calls, home."""

from collections.abc import Iterator
from typing import Any

from domain.contracts import CollectedShard, EndedBatch, Fault, OpenShard, from_wire, to_wire
from domain.flow.flow import Flow
from domain.flow.grouping import is_light
from domain.flow.pacing import FAULT_LONGEST_SECONDS, later
from domain.flow.state import Call, ShardState, ShardStep
from domain.flow.step import Due, Step, within_places
from domain.flow.steps.deliver import deliver
from domain.flow.steps.deliver_settled import note_settled
from domain.flow.steps.pause import pause
from domain.service.reach import WHOLE_RESOURCE
from domain.shards import answer_bytes

# Before live calls that failed on the service's side are made again; doubling with each attempt.
RESEND_SECONDS = 5.0


class Collect(Step[ShardState]):
    """`collect_batch`: an outcome beside each request of the shard; what may end better becomes new shards."""

    activity = "collect_batch"

    def due(self, flow: Flow, now: float) -> Iterator[Due[ShardState]]:
        """Give the shards whose batch has ended."""
        del now
        busy = flow.busy()
        return (Due(s.not_before, s) for s in flow.shards_in(ShardStep.COLLECT) if s.identity not in busy)

    def calls(self, flow: Flow, ready: list[ShardState], now: float) -> Iterator[Call]:
        """Give the calls of the first shards that there are places for."""
        return within_places(flow, self.activity, (self._call(flow, s, now) for s in ready), now)

    def _call(self, flow: Flow, s: ShardState, now: float) -> Call:
        batch = EndedBatch(
            snapshot_id=flow.snapshot_id,
            key=s.key,
            shard=s.shard,
            batch_id=s.batch_id,
            status=s.status,
            output_file_id=s.output_file_id,
            error_file_id=s.error_file_id,
            refused=s.refused,
            tries=s.tries,
            done=s.done,
            overdue=flow.is_overdue(s, now),
            unwanted=s.unwanted,
        )
        size = _bytes_to_collect(s)
        light = is_light(flow, size, s.tries)
        return Call(
            self.activity,
            to_wire(batch),
            *s.identity,
            weight=size,
            light=light,
            then=deliver(flow, flow.file(s.key)) if light and _is_last(flow, s) else [],
        )

    def answered(self, flow: Flow, call: Call, ok: Any, now: float) -> None:
        """Put the shard's children in its place, or the shard itself where its batch failed as a whole."""
        s, collected = flow.shard_of(call), from_wire(ok, CollectedShard)
        if collected.again:
            fresh = ShardState(
                key=s.key,
                shard=s.shard,
                begun=True,
                failing_since=s.failing_since or now,
                unwanted=s.unwanted,
            )
            s.move(ShardStep.SUBMIT)
            flow.shards[flow.shards.index(s)] = fresh
            pause(flow, fresh, collected.again, now)
            return
        s.move(ShardStep.LEFT)
        flow.shards.remove(s)
        # Its files in the service are deleted, and files have a quota too.
        flow.pauses.room_made([WHOLE_RESOURCE], now)
        file = flow.file(call.key)
        file.ended += collected.tally.total
        file.tokens += collected.tally.input_tokens + collected.tally.output_tokens
        file.cost += collected.cost
        flow.shards += [_child(s, child, now) for child in collected.children]
        if collected.settled:
            note_settled(flow, file)

    def failed(self, flow: Flow, call: Call, fault: Fault, now: float) -> None:
        """Wait, or leave the shard in `work/`."""
        flow.delay_or_drop(flow.shard_of(call), fault, now)


def _is_last(flow: Flow, s: ShardState) -> bool:
    """Tell whether the file's results can be written once this shard is collected, if nothing of it goes on."""
    if flow.file(s.key).hold_reason or flow.is_busy(s.key):
        return False
    return all(other is s or other.key != s.key for other in flow.shards)


def _child(parent: ShardState, shard: OpenShard, now: float) -> ShardState:
    """Begin with the requests that get another attempt; live ones after a while, for which a batch takes its time anyway."""
    child = ShardState.opened(parent.key, shard)
    if child.step is ShardStep.SEND:
        child.not_before = later(now, min(RESEND_SECONDS * 2.0 ** (shard.attempt - 2), FAULT_LONGEST_SECONDS))
    return child


def _bytes_to_collect(s: ShardState) -> int:
    """Give what collecting a shard moves: its requests and, on the temporary disk, their answers."""
    return max(s.shard.size, s.shard.requests * answer_bytes())
