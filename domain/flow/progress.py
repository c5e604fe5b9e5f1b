"""What people see of a running snapshot: counts, and a few dozen files with where they stand.

Goes out as the orchestration's custom status, which may hold 16 KB of UTF-16 (Durable Functions, "Custom orchestration
status", read 2026-11).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from domain.flow.flow import Flow
from domain.flow.state import FileState, FileStep, ShardState, ShardStep
from domain.flow.waits import waits
from domain.tokens import quota_tokens

MAX_FILES = 24
MAX_FILES_OF_PARTS = 100
MAX_RECENT = 6
MAX_STATUSES = 8  # of batches, that are counted apart; the service's words may be new ones
MAX_STATUS_CHARS = 24
MAX_PATH_UNITS = 100  # UTF-16 code units of JSON text, as the limit counts them
MAX_MESSAGE_UNITS = 1000

# A call ends within `functionTimeout` of host.json, half an hour; the engine may have begun it late, and tells late.
LONGEST_CALL_SECONDS = 3000.0

_COSTLY = re.compile(r'["\\\x00-\x1f\U00010000-\U0010ffff]')  # characters that take more than one unit

_COUNTS = (
    "files_total",
    "files_done",
    "files_rejected",
    "files_held",
    "files_working",
    "active_batches",
    "requests_total",
    "requests_done",
    "requests_failed",
    "enqueued_tokens",
    "estimated_cost",
    "tokens_in_work",
    "cost_in_work",
)
_FILE_WORDS = {
    FileStep.PREPARE: "preparing",
    FileStep.WRITE: "writing",
    FileStep.ARCHIVE: "writing",
    FileStep.HOLD: "held",
}
_SHARD_WORDS = {
    ShardStep.SUBMIT: "submitting",
    ShardStep.SEND: "sending",
    ShardStep.ACTIVE: "in_progress",
    ShardStep.COLLECT: "collecting",
}


def progress(flow: Flow, *, wake_at: float | None = None, parts: Sequence[str] = ()) -> dict[str, Any]:
    """Describe a flow for people; the shape is documented in `docs/api.md`.

    `wake_at`: when it looks again by itself. `parts`: the orchestrations that work on what is not counted here, as
    `names.files_instance_id` takes them.
    """
    shards = defaultdict(list)
    for shard in flow.shards:
        shards[shard.key].append(shard)
    totals = flow.totals
    shown = [_file(file, shards[file.key]) for file in flow.files[:MAX_FILES]]
    shown += [
        {"path": _short(file.path), "state": file.state, "requests": file.requests, "done": file.requests}
        for file in flow.recent[-MAX_RECENT:]
    ]
    active = flow.shards_in(ShardStep.ACTIVE)
    message = "; ".join(waits(flow))
    return {
        "files_total": flow.files_total,
        "files_done": totals.files + sum(file.delivered.files for file in flow.files),
        "files_rejected": totals.rejected,
        "files_held": totals.held,
        "files_working": sum(file.count - file.delivered.files for file in flow.files),
        "active_batches": len(active),
        "batches_by_status": _by_status(active),
        "enqueued_tokens": sum(quota_tokens(shard.shard.size) for shard in active),
        "estimated_cost": round(totals.cost, 9),
        "tokens_in_work": sum(file.tokens for file in flow.files),
        "cost_in_work": round(sum(file.cost for file in flow.files), 9),
        "requests_total": totals.tally.total
        + sum(f.requests for f in flow.files if f.step is not FileStep.ARCHIVE),
        "requests_done": totals.tally.total
        + sum(_done(f, shards[f.key]) for f in flow.files if f.step is not FileStep.ARCHIVE),
        "requests_failed": totals.tally.errors,
        "message": message[: _fitting(message, MAX_MESSAGE_UNITS)] or None,
        "files": shown,
        "parts": list(parts),
        "stirs_by": stirs_by(flow, wake_at),
    }


def stirs_by(flow: Flow, wake_at: float | None) -> float | None:
    """Give the time (epoch seconds) by which the orchestration will have stirred; None when it waits for nothing of its own.

    Whatever ends first wakes it: while a call is under way whose answer was lost, the next timer may be the deadline's.
    """
    ends = [call.begun_at + LONGEST_CALL_SECONDS for call in flow.in_flight]
    return min([*ends, *([] if wake_at is None else [wake_at])], default=None)


def summed(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Put the documents of a snapshot's parts together into one of the same shape; None without any."""
    told = [part for part in parts if "files_total" in part]
    if not told:
        return None
    # Documents of an earlier version have less in them.
    whole: dict[str, Any] = {name: sum(part.get(name, 0) for part in told) for name in _COUNTS}
    statuses: Counter[str] = Counter()
    for part in told:
        statuses.update(part.get("batches_by_status") or {})
    messages = [part["message"] for part in told if part["message"]]
    files = [file for part in told for file in part["files"]]
    return whole | {
        "batches_by_status": dict(statuses),
        "message": "; ".join(messages) or None,
        "files": files[:MAX_FILES_OF_PARTS],
    }


def _by_status(active: Sequence[ShardState]) -> dict[str, int]:
    """Count batches by the service's words, the most frequent ones."""
    counts = Counter(shard.status[:MAX_STATUS_CHARS] for shard in active)
    return dict(counts.most_common(MAX_STATUSES))


def _file(file: FileState, shards: list[ShardState]) -> dict[str, Any]:
    if file.step is FileStep.RUN and shards:
        steps = {shard.step for shard in shards}
        state = _SHARD_WORDS[
            next(
                step
                for step in (ShardStep.ACTIVE, ShardStep.SEND, ShardStep.COLLECT, ShardStep.SUBMIT)
                if step in steps
            )
        ]
    else:
        state = _FILE_WORDS.get(file.step, "collecting")
    told = {
        "key": file.key,
        "path": _short(file.path),
        "state": state,
        "requests": file.requests,
        "done": _done(file, shards),
    }
    more = {"cost": round(file.cost, 6), "asked": _asked(file)}
    return told | {name: value for name, value in more.items() if value}


def _asked(file: FileState) -> str:
    """Tell what people have asked for about a file, in a word; empty where that is nothing."""
    wants = file.wants
    if wants.unwanted:
        return "cancel"
    if wants.held:
        return "hold"
    return "priority" if wants.priority else ""


def _done(file: FileState, shards: list[ShardState]) -> int:
    return min(file.requests, file.ended + sum(shard.done for shard in shards))


def _short(path: str) -> str:
    """Give a path, or its end where it is too long to show."""
    fits = _fitting(path[::-1], MAX_PATH_UNITS)
    return path if fits == len(path) else "…" + path[len(path) - fits + 1 :]


def _fitting(text: str, most_units: int) -> int:
    """Tell how many of a text's first characters fit into so many UTF-16 code units of JSON."""
    if not _COSTLY.search(text, 0, most_units):
        return min(len(text), most_units)
    used = accumulate(6 if character < " " else 2 if _COSTLY.match(character) else 1 for character in text)
    return sum(units <= most_units for units in used)
