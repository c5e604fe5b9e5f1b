"""Look at all active batches at once."""

from collections.abc import Iterator
from typing import Any

from domain.contracts import BatchNews, Fault, OpenShard, PollAnswer, PollRequest, from_wire, to_wire
from domain.flow.flow import Flow
from domain.flow.heeding import heed
from domain.flow.pacing import MAX_PASSING_TRIES
from domain.flow.state import Call, ShardState, ShardStep
from domain.flow.step import Due, Step
from domain.flow.steps.cancel import PATIENCE_POLLS
from domain.flow.steps.share import agreed, share_at_poll
from domain.service.batch_states import EARLY, KNOWN
from domain.service.reach import reaches_to
from domain.tokens import quota_tokens

# A batch may be hidden for a while: just made, or behind a node that lags. It is gone when so many lists in a row, over so
# long a time, have not had it.
PATIENCE_LOOKS_FOR_LOST = 5
PATIENCE_SECONDS_FOR_LOST = 900.0


class Poll(Step[Flow]):
    """`poll_batches`: one call for all batches of the snapshot, which agrees on its share of the limit as well."""

    activity = "poll_batches"

    def due(self, flow: Flow, now: float) -> Iterator[Due[Flow]]:
        """Give the next look, while there are batches."""
        del now
        if not flow.calls_of(self.activity) and any(s.step is ShardStep.ACTIVE for s in flow.shards):
            yield Due(flow.poll.next_at, flow)

    def calls(self, flow: Flow, ready: list[Flow], now: float) -> Iterator[Call]:
        """Ask for the batches that are not being cancelled at this moment."""
        del ready
        busy = flow.busy()
        active = (s for s in flow.shards_in(ShardStep.ACTIVE) if s.identity not in busy)
        known = {s.batch_id: s.status for s in active if s.batch_id}
        if known:
            request = PollRequest(
                known=known,
                share=share_at_poll(flow, now),
                max_age=flow.poll.max_age(flow.settings),
                asked_since=flow.asked_seen,
            )
            yield Call(self.activity, to_wire(request))

    def answered(self, flow: Flow, call: Call, ok: Any, now: float) -> None:
        """Take the news about each batch that was asked for."""
        told = from_wire(ok, PollAnswer)
        if told.share:
            agreed(flow, told.share, now)
        heed(flow, told.asked)
        moved = [
            _not_seen(flow, s, now)
            if s.batch_id in told.unseen
            else apply_news(flow, s, told.news.get(s.batch_id or ""), now)
            for s in self._asked_for(flow, call)
        ]
        flow.poll.after_poll(now, flow.settings, progress=any(moved))
        flow.poll.complaint = told.complaint

    def failed(self, flow: Flow, call: Call, fault: Fault, now: float) -> None:
        """Look again later. A look that failed has seen nothing."""
        moved = [_not_seen(flow, s, now) for s in self._asked_for(flow, call)]
        flow.poll.after_poll(now, flow.settings, progress=any(moved), fault=fault)
        flow.poll.complaint = fault.message

    def _asked_for(self, flow: Flow, call: Call) -> list[ShardState]:
        return [s for s in flow.shards_in(ShardStep.ACTIVE) if s.batch_id in call.input["known"]]


def _not_seen(flow: Flow, s: ShardState, now: float) -> bool:
    """Count a look that failed while a cancellation is waited for: that wait ends, however long nothing can be seen.

    Collecting looks by itself; what it cannot see either sets the file aside, with its batch.
    """
    if not s.cancel_asked:
        return False
    s.tries += 1
    if s.tries < MAX_PASSING_TRIES:
        return False
    s.move(ShardStep.COLLECT)
    make_room(flow, s.shard, now)
    return True


def apply_news(flow: Flow, s: ShardState, told: BatchNews | None, now: float) -> bool:
    """Take what is new about one batch; True when that is progress. That there is no news is news as well."""
    before = s.status
    s.tries = 0
    if told:
        # Some batches stop telling their counts when they end, and what was counted is expected in the results.
        s.status, s.done = told.status, told.done or s.done
    _count_odd_polls(s, told)
    if (told and told.ended) or _is_lost(s, told, now) or _ended_unseen(s, told) or _is_given_up(s):
        s.move(ShardStep.COLLECT)
        if told:
            s.output_file_id, s.error_file_id = told.output_file_id, told.error_file_id
        make_room(flow, s.shard, now)
    return s.step is not ShardStep.ACTIVE or (s.status != before and s.status not in EARLY)


def _count_odd_polls(s: ShardState, told: BatchNews | None) -> None:
    """Count the looks in a row that showed nothing to rely on: an unknown state, no batch, a cancellation under way."""
    odd = told is not None and (told.lost or not told.known)
    s.odd_polls = s.odd_polls + 1 if s.cancel_asked or odd or s.odd_polls else 0
    if told and not odd and not s.cancel_asked:
        s.odd_polls = 0


def _is_lost(s: ShardState, told: BatchNews | None, now: float) -> bool:
    if told is None or not told.lost:
        s.lost_since = 0.0
        return False
    s.lost_since = s.lost_since or now
    return s.odd_polls >= PATIENCE_LOOKS_FOR_LOST and now - s.lost_since >= PATIENCE_SECONDS_FOR_LOST


def _ended_unseen(s: ShardState, told: BatchNews | None) -> bool:
    """Tell whether a state that is not known is an end: there was nothing left to cancel, and it is seen after that.

    The refusal alone says nothing: of a batch unseen since a crash it means that results are ready, or about to be.
    """
    is_lost = told is not None and told.lost
    return s.cancel_refused and s.status not in KNOWN and not is_lost


def _is_given_up(s: ShardState) -> bool:
    return s.cancel_asked and s.odd_polls >= PATIENCE_POLLS


def make_room(flow: Flow, shard: OpenShard, now: float) -> None:
    """Count an ended batch out of its deployment's queue."""
    flow.pauses.room_made(reaches_to("batch", shard.model, shard.url), now)
    gauge = flow.gauges.get(shard.model)
    if gauge:
        gauge.enqueued = max(0, gauge.enqueued - quota_tokens(shard.size))
