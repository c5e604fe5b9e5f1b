"""Hand shards to the service: as many as there are places, and as their deployments take."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from domain.contracts import Fault, ShardWork, Submitted, from_wire, to_wire
from domain.flow.flow import Flow
from domain.flow.grouping import is_light
from domain.flow.heeding import heed, ranks
from domain.flow.pacing import QuotaGauge, later
from domain.flow.state import Call, ShardState, ShardStep
from domain.flow.step import Due, Step, within_places
from domain.flow.steps.pause import pause
from domain.flow.steps.share import allowed_places, use_of_places
from domain.flow.turns import round_robin
from domain.tokens import quota_tokens


class Submit(Step[ShardState]):
    """`submit_batch`: a shard becomes a batch, waits, or is refused."""

    activity = "submit_batch"

    def due(self, flow: Flow, now: float) -> Iterator[Due[ShardState]]:
        """Give the shards that wait for their batch; those of a paused deployment when its pause is over."""
        del now
        busy = flow.busy()
        for s in flow.shards_in(ShardStep.SUBMIT):
            if s.identity not in busy:
                over_at = flow.pauses.over_at(s.reaches)
                # What is unwanted becomes no batch: it is only looked for one.
                yield Due(s.not_before if s.unwanted else max(s.not_before, over_at), s)

    def calls(self, flow: Flow, ready: list[ShardState], now: float) -> Iterator[Call]:
        """Give the calls for those begun before, then for each file in turn; as many as may be alive."""
        served = Counter(
            s.key
            for s in flow.shards
            if s.step is ShardStep.ACTIVE or (s.step is ShardStep.SUBMIT and s.begun)
        )
        served.update(call.key for call in flow.calls_of(self.activity))
        wanted, rank = [s for s in ready if not s.unwanted], ranks(flow)
        fresh = round_robin([s for s in wanted if not s.begun], lambda s: s.key, served)
        fresh.sort(key=lambda s: -rank.get(s.key, 0))
        turns = self._admissible(flow, [s for s in wanted if s.begun] + fresh, now)
        unwanted = [s for s in ready if s.unwanted]
        calls = (self._call(flow, s) for s in chain(unwanted, turns))
        yield from within_places(flow, self.activity, calls, now)

    def _call(self, flow: Flow, s: ShardState) -> Call:
        work = ShardWork(
            snapshot_id=flow.snapshot_id,
            key=s.key,
            shard=s.shard,
            begun=s.begun,
            unwanted=s.unwanted,
            asked_since=flow.asked_seen,
        )
        size = s.shard.size
        return Call(
            self.activity, to_wire(work), *s.identity, weight=size, light=is_light(flow, size, s.tries)
        )

    def _admissible(self, flow: Flow, shards: Iterable[ShardState], now: float) -> Iterator[ShardState]:
        """Pick the shards that may be alive and that their deployments take, as far as we know."""
        under_way = [call for call in flow.calls_of(self.activity) if not call.input.get("unwanted")]
        room = allowed_places(flow) - len(flow.shards_in(ShardStep.ACTIVE)) - len(under_way)
        fresh = allowed_places(flow) - use_of_places(flow, now).held
        taken: Counter[str] = Counter()
        tokens: Counter[str] = Counter()
        for call in under_way:
            taken[call.input["shard"]["model"]] += 1
            tokens[call.input["shard"]["model"]] += quota_tokens(call.weight)
        full: set[str] = set()
        for s in shards:
            if room <= 0:
                return
            model = s.shard.model
            if model in full or taken[model] >= flow.pauses.width(s.reaches, now, taken[model] + 1):
                continue
            if not s.begun and fresh <= 0:
                # Those that are begun come first, and have their places.
                return
            needed = tokens[model] + quota_tokens(s.shard.size)
            if _fits(flow, model, needed) or not (taken[model] or _is_used(flow, model)):
                yield s
                # One that did not fit beside those under way takes nothing from the ones behind it.
                if flow.in_flight and (flow.in_flight[-1].key, flow.in_flight[-1].shard) == s.identity:
                    taken[model] += 1
                    tokens[model] = needed
                    fresh -= not s.begun
                    room -= 1
            else:
                full.add(model)

    def answered(self, flow: Flow, call: Call, ok: Any, now: float) -> None:
        """Let the shard be active, wait, be given up or pause its deployment."""
        s, submitted = flow.shard_of(call), from_wire(ok, Submitted)
        s.begun = True
        heed(flow, submitted.asked)
        if submitted.batch_id:
            self._active(flow, s, submitted, now)
        elif submitted.refused:
            # It was given up before it became a batch; collecting writes that down for each of its requests.
            s.move(ShardStep.COLLECT)
            s.refused, s.status = submitted.refused, "refused"
        elif submitted.paused:
            pause(flow, s, submitted.paused, now)
        else:
            s.not_before = later(now, submitted.wait_seconds or 0.0)

    def _active(self, flow: Flow, s: ShardState, submitted: Submitted, now: float) -> None:
        s.move(ShardStep.ACTIVE)
        s.batch_id, s.submitted_at = submitted.batch_id, submitted.submitted_at or now
        flow.poll.after_submission(now, flow.settings, others_look=submitted.others_look)
        flow.pauses.succeeded(s.reaches, now, flow.settings.micro_batch_size)
        known = flow.gauges.get(s.shard.model)
        # Answers may overtake each other; the one about the later batch counts the earlier ones in.
        is_latest = known is None or known.at <= s.submitted_at
        if submitted.enqueued_tokens is not None and submitted.enqueued_limit and is_latest:
            told = QuotaGauge(submitted.enqueued_tokens, submitted.enqueued_limit, s.submitted_at)
            flow.gauges[s.shard.model] = told

    def failed(self, flow: Flow, call: Call, fault: Fault, now: float) -> None:
        """Wait, or leave the shard in `work/`."""
        s = flow.shard_of(call)
        s.begun = True
        flow.delay_or_drop(s, fault, now)


def _fits(flow: Flow, model: str, tokens: int) -> bool:
    gauge = flow.gauges.get(model)
    return gauge is None or gauge.has_room(tokens)


def _is_used(flow: Flow, model: str) -> bool:
    """Tell whether a deployment has a batch of ours; one that has none is asked, whatever the gauge says."""
    return any(s.shard.model == model for s in flow.shards_in(ShardStep.ACTIVE))
