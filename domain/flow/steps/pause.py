"""What becomes of a shard whose deployment, or whole resource, takes nothing for now."""

from domain.contracts import Pause
from domain.flow.flow import Flow
from domain.flow.state import ShardState


def pause(flow: Flow, s: ShardState, why: Pause, now: float) -> None:
    """Put a shard back to the end of the queue; set its file aside when the pause has lasted beyond the deadline."""
    since = min(flow.pauses.begin(why, now).since, s.failing_since or now)
    if now - since >= flow.settings.deadline_seconds:
        flow.drop(s, why.message)
    else:
        flow.shards.remove(s)
        flow.shards.append(s)
