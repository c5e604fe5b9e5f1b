"""What becomes of a shard whose deployment, or whole resource, takes nothing for now."""

from domain.contracts import Pause
from domain.flow.flow import Flow
from domain.flow.pacing import SHORTEST_WAIT_SECONDS, later
from domain.flow.state import ShardState
from domain.service.reach import WHOLE_RESOURCE

# So many shards may wait for a person to set something right; the files of more are set aside at once.
MOST_MISCONFIGURED = 200
# So long at least may it take until something else than the service stops answering in its place.
UNCERTAIN_SECONDS = 3600.0


def pause(flow: Flow, s: ShardState, why: Pause, now: float) -> None:
    """Put a shard back to the end of the queue; set its file aside when the pause has lasted beyond the deadline."""
    known = flow.pauses.begin(why, now)
    since = min(known.since, s.failing_since or now)
    if s.unwanted or flow.pauses.over_at(s.reaches) <= now + SHORTEST_WAIT_SECONDS:
        # It has been refused all the same, or does not heed the pause, or that is as good as over: it waits by itself, nothing may spin.
        s.not_before = later(now, known.delay)
    if now - since >= flow.settings.deadline_seconds:
        flow.drop(s, why.message)
        return
    flow.shards.remove(s)
    flow.shards.append(s)
    if why.kind == "configuration":
        patience = flow.settings.misconfigured_seconds
        patience = patience if why.certain else max(patience, UNCERTAIN_SECONDS)
        _set_aside(flow, s, why, is_over=now - since >= patience)


def _set_aside(flow: Flow, s: ShardState, why: Pause, *, is_over: bool) -> None:
    """Set aside the files that a person has to set something right for: all of them when the time for that is over.

    Their claims stay, each is free as soon as its job spec is another, and none occupies the snapshot. What stops the whole
    resource is waited for here: it concerns all files, and no job spec.
    """
    of_deployment = is_over and (why.reach or why.model or WHOLE_RESOURCE) != WHOLE_RESOURCE
    stopped = _stopped_alike(flow, s)
    if of_deployment and s.failing_since:
        stopped.append(s)
    for surplus in stopped[0 if of_deployment else MOST_MISCONFIGURED :]:
        flow.drop(surplus, why.message, needs_settings=True, again_soon=True)


def _stopped_alike(flow: Flow, s: ShardState) -> list[ShardState]:
    """Give the shards that the same refusals stop, and that no call is under way for; without a batch that they had."""
    busy = flow.busy()
    return [
        other
        for other in flow.shards
        if other.step is s.step
        and other.reaches == s.reaches
        and other.identity not in busy
        and not other.failing_since
    ]
