"""Small flows to tell stories about, and what carries them on: calls begin, are answered, or fail."""

from copy import deepcopy
from typing import Any

from domain.contracts import Answer, Fault, OpenShard, SnapshotSettings, from_wire, to_wire
from domain.flow.flow import Flow
from domain.flow.machine import begin_calls, end_call
from domain.flow.pacing import Pauses
from domain.flow.sharing import Allowance
from domain.flow.state import Call, FileState, FileStep, ShardState, ShardStep
from domain.service.reach import reaches_to

NOW = 1_790_000_000.0
SETTINGS = SnapshotSettings(
    micro_batch_size=3,
    max_active_batches=20,
    poll_min_seconds=60.0,
    poll_max_seconds=900.0,
    deadline_seconds=7200.0,
)
# No look at what the other snapshots hold is due before.
LONG_AFTER = NOW + 1_000_000
# The reaches that hold a batch's shard.
GPT = reaches_to("batch", "gpt", "/v1")
NO = Fault(code="mishap", message="No.")
NEVER = Fault(code="mishap", message="Never.", passing=False)


def opened(
    number: int = 0, *, model: str = "gpt", requests: int = 10, size: int = 100, **more: Any
) -> OpenShard:
    """A shard as it lies in `work/`."""
    return OpenShard(
        shard=f"{number:04d}",
        blob=f"b/{number}",
        requests=requests,
        size=size,
        model=model,
        url="/v1",
        **more,
    )


def waiting(number: int = 0, *, key: str = "k", begun: bool = False, **shard: Any) -> ShardState:
    return ShardState(key=key, shard=opened(number, **shard), begun=begun)


def active(number: int = 0, *, key: str = "k", submitted_at: float = NOW, **shard: Any) -> ShardState:
    return ShardState(
        key=key,
        shard=opened(number, **shard),
        step=ShardStep.ACTIVE,
        batch_id=f"batch-{number}",
        submitted_at=submitted_at,
    )


def ended(number: int = 0, *, key: str = "k", **shard: Any) -> ShardState:
    state = active(number, key=key, **shard)
    state.step, state.status = ShardStep.COLLECT, "completed"
    return state


def live(number: int = 0, *, key: str = "k", **shard: Any) -> ShardState:
    return ShardState(key=key, shard=opened(number, engine="direct", **shard), step=ShardStep.SEND)


def file_at(step: FileStep = FileStep.PREPARE, *, key: str = "k", **state: Any) -> FileState:
    return FileState(key=key, path=f"in/{key}.csv", step=step, **state)


def pool_at(step: FileStep, *, members: int, key: str = "k", **state: Any) -> FileState:
    return file_at(step, key=key, pooled=True, members=members, **state)


def flow_of(
    *items: FileState | ShardState, settings: SnapshotSettings = SETTINGS, places: int = 20, **state: Any
) -> Flow:
    """A flow of these files and shards, and of the files that the shards belong to; it has agreed on its places.

    They are copied: what a table of cases holds is there for the next run as well.
    """
    items = deepcopy(items)
    files = [item for item in items if isinstance(item, FileState)]
    shards = [item for item in items if isinstance(item, ShardState)]
    for key in dict.fromkeys(s.key for s in shards):
        if key not in {file.key for file in files}:
            requests = sum(s.shard.requests for s in shards if s.key == key)
            files.append(file_at(FileStep.RUN, key=key, requests=requests))
    given: dict[str, Any] = {
        "snapshot_id": "snapshot-1",
        "settings": settings,
        "files_total": len(files),
        "pages": 0,
        "files": files,
        "shards": shards,
        "allowance": Allowance(places=places, looked_at=LONG_AFTER, next_at=LONG_AFTER),
    }
    return Flow(**given | state)


def begun(flow: Flow, now: float = NOW, activity: str = "") -> list[Call]:
    """Begin what may begin now; gives the calls, or those of one activity.

    Whatever has become of the flow can be carried to the next generation.
    """
    assert from_wire(to_wire(flow), Flow) == flow
    calls = begin_calls(flow, now, most=10_000).begun
    return [call for call in calls if call.activity == activity or not activity]


def answer(flow: Flow, call: Call, now: float = NOW, /, **ok: Any) -> None:
    end_call(flow, call, Answer(ok=ok), now)


def fail(flow: Flow, call: Call, now: float = NOW, fault: Fault = NO) -> None:
    end_call(flow, call, Answer(fault=fault), now)


def woken(flow: Flow, now: float = NOW) -> float:
    """When the next look is due; whatever may begin now does."""
    at = begin_calls(flow, now, most=10_000).wake_at
    assert at is not None
    return at


def shard_in(flow: Flow, number: int = 0, *, key: str = "k") -> ShardState:
    return next(s for s in flow.shards if s.identity == (key, f"{number:04d}"))


def said(pauses: Pauses) -> list[str]:
    """Why something is paused: each message once, in their order."""
    return sorted({pause.message for pause in pauses.by_model.values()})
