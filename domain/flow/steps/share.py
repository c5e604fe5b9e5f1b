"""Agree with the other snapshots on how many batches this one may have alive."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from domain.contracts import Fault, Share, ShareRequest, from_wire, to_wire
from domain.flow.flow import Flow
from domain.flow.heeding import heed
from domain.flow.pacing import exhausted, fault_delay, later
from domain.flow.sharing import STALE_LEAST_SECONDS, STALE_POLLS
from domain.flow.state import Call, FileStep, ShardStep
from domain.flow.step import Due, Step


class AgreeOnShare(Step[Flow]):
    """`share_limit`: when there is no room for what waits, or room that no poll will give back."""

    activity = "share_limit"

    def due(self, flow: Flow, now: float) -> Iterator[Due[Flow]]:
        """Give the next time to ask, unless a call that asks is under way."""
        asking = flow.calls_of(self.activity) or [
            c for c in flow.calls_of("poll_batches") if c.input["share"]
        ]
        if not asking and _is_unsettled(flow, now):
            yield Due(flow.allowance.next_at, flow)

    def calls(self, flow: Flow, ready: list[Flow], now: float) -> Iterator[Call]:
        """Ask."""
        del ready
        yield Call(self.activity, to_wire(_request(flow, use_of_places(flow, now))))

    def answered(self, flow: Flow, call: Call, ok: Any, now: float) -> None:
        """Go by what was agreed."""
        del call
        told = from_wire(ok, Share)
        heed(flow, told.asked)
        agreed(flow, told, now)

    def failed(self, flow: Flow, call: Call, fault: Fault, now: float) -> None:
        """Begin nothing new for a while; in the end go on without the others: too many batches are better than none."""
        told = flow.allowance
        told.tries += 1
        told.next_at = later(now, fault_delay(told.tries, fault))
        alone = exhausted(told.tries, fault)
        told.places = (
            flow.settings.max_active_batches if alone else from_wire(call.input, ShareRequest).active
        )


def agreed(flow: Flow, share: Share, now: float) -> None:
    """Go by what the snapshots have agreed on."""
    flow.allowance.agreed(share.places, now, flow.settings)


def share_at_poll(flow: Flow, now: float) -> ShareRequest | None:
    """Give what to ask for along with a look at the batches; None while what was agreed on suits all."""
    if flow.calls_of(AgreeOnShare.activity):
        return None
    told, use = flow.allowance, use_of_places(flow, now)
    is_old = now - told.looked_at > _stale_seconds(flow) / STALE_POLLS
    return _request(flow, use) if use.wanted > 0 or told.places > use.held or is_old else None


def allowed_places(flow: Flow) -> int:
    """Give how many batches may be alive. Dead snapshots may have left more than that."""
    return min(flow.allowance.places, flow.settings.max_active_batches)


class UseOfPlaces(NamedTuple):
    """How many places are in use, and how many more would be.

    held: batches, and shards on their way to one. wanted: the batches that would be submitted if there were room; one for
    each file that is not prepared yet.
    """

    held: int
    wanted: int


def use_of_places(flow: Flow, now: float) -> UseOfPlaces:
    """Count the places in use, and those that are wanted besides."""
    on_their_way = _on_their_way(flow, now)
    held = sum(s.step is ShardStep.ACTIVE or s.identity in on_their_way for s in flow.shards)
    ready = sum(
        s.step is ShardStep.SUBMIT and not s.unwanted and s.identity not in on_their_way for s in flow.shards
    )
    unprepared = sum(f.step is FileStep.PREPARE for f in flow.files)
    not_admitted = len(flow.backlog)
    if flow.next_page < flow.pages:
        at_work = sum(file.count for file in flow.files)
        not_admitted = max(not_admitted, flow.files_total - flow.totals.files - at_work)
    return UseOfPlaces(held, ready + unprepared + not_admitted)


def _on_their_way(flow: Flow, now: float) -> set[tuple[str, str]]:
    """Give the shards that have a place although they have no batch yet: begun, and their deployments take them."""
    begun = {
        s.identity
        for s in flow.shards_in(ShardStep.SUBMIT)
        if s.begun and not s.unwanted and flow.pauses.over_at(s.reaches) <= now
    }
    return begun | {
        (call.key, call.shard) for call in flow.calls_of("submit_batch") if not call.input.get("unwanted")
    }


def _is_unsettled(flow: Flow, now: float) -> bool:
    """Tell whether there is no room for what is wanted, or room that is not wanted and that no poll will give back.

    A shard that was begun wants no further place; but its own may have been given back while its batch was alive, or before
    its batch failed as a whole.
    """
    use, told = use_of_places(flow, now), flow.allowance.places
    if use.wanted > 0:
        return told <= use.held
    if told < use.held and any(s.begun and not s.unwanted for s in flow.shards_in(ShardStep.SUBMIT)):
        return True
    return told > 0 and not use.held and any(s.step is ShardStep.SEND for s in flow.shards)


def _request(flow: Flow, use: UseOfPlaces) -> ShareRequest:
    return ShareRequest(
        snapshot_id=flow.snapshot_id + flow.part,
        active=use.held,
        wanted=use.wanted,
        limit=flow.settings.max_active_batches,
        reserve=flow.settings.micro_batch_size,
        stale_seconds=_stale_seconds(flow),
        asked_since=flow.asked_seen,
    )


def _stale_seconds(flow: Flow) -> float:
    return STALE_POLLS * max(flow.settings.poll_max_seconds, STALE_LEAST_SECONDS)
