"""What a snapshot waits for, in sentences for people: which of their files, since when, and when it is tried again."""

from collections.abc import Iterator
from datetime import UTC, datetime

from domain.flow.flow import Flow
from domain.flow.pacing import DeploymentPause
from domain.flow.state import ShardStep

# Shards at these steps have not been taken by their deployment.
_NOT_TAKEN = (ShardStep.SUBMIT, ShardStep.SEND)


def waits(flow: Flow) -> Iterator[str]:
    """Give a sentence or two for each thing that is waited for."""
    for reach, pause in sorted(flow.pauses.by_model.items(), key=lambda pair: pair[1].message):
        yield f"{pause.message}{_about_files(flow, reach, pause)}"
    if flow.poll.complaint:
        yield flow.poll.complaint
    if full := _no_place(flow):
        yield full


def _about_files(flow: Flow, reach: str, pause: DeploymentPause) -> str:
    keys = {s.key for s in flow.shards if s.step in _NOT_TAKEN and reach in s.reaches}
    paths = [file.path for file in flow.files if file.key in keys]
    if not paths:
        return ""
    others = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f" {paths[0]}{others}: since {_clock(pause.since)}, tried again at {_clock(pause.until)} UTC."


def _no_place(flow: Flow) -> str | None:
    """Say that all places are taken, where shards wait for nothing else."""
    active = len(flow.shards_in(ShardStep.ACTIVE))
    if active < flow.settings.max_active_batches:
        return None
    waiting = sum(not any(flow.pauses.of(s.reaches)) for s in flow.shards_in(ShardStep.SUBMIT))
    if not waiting:
        return None
    return f"MAX_ACTIVE_BATCHES ({flow.settings.max_active_batches}) are active; {waiting} more wait for a place."


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M")
