"""What people have asked for: a file that is to end, that is to wait, that goes first.

`heed` takes note of it whenever a look brings it along; `follow` acts on it before anything else begins.
Why it comes this way: docs/decisions/0013-actions-are-wishes.md
"""

import msgspec

from domain.contracts import Asked, Fault, FileWants
from domain.flow.flow import Flow
from domain.flow.state import HELD, NOTHING_WANTED, FileState, FileStep, ShardState, ShardStep
from domain.service.outcomes import AS_ASKED
from domain.wishes import rank_of

_WAITING = (ShardStep.SUBMIT, ShardStep.SEND)
_AS_ASKED = Fault(code=AS_ASKED.code or "", message=AS_ASKED.message or "")


def heed(flow: Flow, asked: Asked | None) -> None:
    """Take note of what a look has found."""
    if asked is None:
        return
    if not flow.calls_of("list_files"):
        # What files are on their way on a page is not known yet; for them it is to be told once more.
        flow.asked_seen = max(flow.asked_seen, asked.seen)
    flow.unwanted = flow.unwanted or flow.snapshot_id in asked.cancel
    flow.folders |= {folder: priority for folder, priority in asked.priority.items() if folder.endswith("/")}
    for file in flow.files:
        file.wants = _added(file.wants, file.key, asked)
    for listed in flow.backlog:
        wants = _added(flow.wants.get(listed.key, NOTHING_WANTED), listed.key, asked)
        if wants != NOTHING_WANTED:
            flow.wants[listed.key] = wants
    if flow.folders or asked.priority:
        own = {key: wants.priority for key, wants in flow.wants.items()}
        flow.backlog.sort(key=lambda listed: -rank_of(listed.path, own.get(listed.key), flow.folders))


def _added(wants: FileWants, key: str, asked: Asked) -> FileWants:
    return msgspec.structs.replace(
        wants,
        unwanted=wants.unwanted or key in asked.cancel,
        held=wants.held or key in asked.hold,
        approved=wants.approved or key in asked.approve,
        priority=asked.priority.get(key, wants.priority),
    )


def follow(flow: Flow) -> None:
    """End what is unwanted as far as nothing has to be asked for that, and set aside what is to wait.

    Only a shard of a file that this snapshot claimed, and that was not tried, is certain to have no batch and no live call.
    All others are looked at once more on their way.
    """
    if flow.unwanted:
        for file in flow.files:
            if not file.wants.unwanted:
                file.wants = msgspec.structs.replace(file.wants, unwanted=True)
    unwanted = {file.key: file for file in flow.files if file.wants.unwanted}
    held = [file for file in flow.files if file.wants.held and not file.wants.unwanted]
    if not (unwanted or held):
        return
    busy = flow.busy()
    for s in flow.shards:
        if ends := unwanted.get(s.key):
            s.unwanted = True
            if _is_untouched(s, ends, busy):
                s.move(ShardStep.COLLECT)
                s.status, s.refused = "cancelled", _AS_ASKED
    for file in held:
        _set_aside(flow, file, busy)


def _is_untouched(s: ShardState, file: FileState, busy: set[tuple[str, str]]) -> bool:
    return s.step in _WAITING and file.fresh and not s.begun and s.identity not in busy


def _set_aside(flow: Flow, file: FileState, busy: set[tuple[str, str]]) -> None:
    """Set a file aside of which nothing has begun; any other one goes on.

    Of one that was taken over, preparing it finds out what has.
    """
    if file.step is FileStep.PREPARE and file.fresh and (file.key, "") not in busy:
        file.hold(HELD)
        return
    shards = [s for s in flow.shards if s.key == file.key]
    if file.step is FileStep.RUN and shards and all(_is_untouched(s, file, busy) for s in shards):
        for s in shards:
            s.move(ShardStep.LEFT)
        flow.shards = [s for s in flow.shards if s.key != file.key]
        file.hold(HELD)


def ranks(flow: Flow) -> dict[str, int]:
    """Give the priority of each file, by key, where people have given it one; the higher, the earlier."""
    return {
        file.key: rank
        for file in flow.files
        if (rank := rank_of(file.path, file.wants.priority, flow.folders))
    }
