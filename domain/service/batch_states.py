"""What the service says about a batch, whatever the spelling of the day."""

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class BatchState(StrEnum):
    """The states the service documents, in its own spelling."""

    VALIDATING = "validating"
    FAILED = "failed"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


ENDED = frozenset({BatchState.COMPLETED, BatchState.FAILED, BatchState.EXPIRED, BatchState.CANCELLED})
KNOWN = frozenset(BatchState)
# Batches stay in these for hours: that one has come to such a state says nothing of its end.
EARLY = frozenset({BatchState.VALIDATING, BatchState.IN_PROGRESS})
LOST = "lost"  # our own word for a batch that the service does not know any more


class ValidationFault(msgspec.Struct, frozen=True):
    """One reason why a batch failed validation; `line` counts from 1, None where the service names none."""

    code: str
    message: str
    line: int | None = None


class BatchView(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as the service shows it, made regular: lower-case status, None for empty ids, counts as numbers."""

    batch_id: str
    status: str
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    input_blob: str | None = None
    # Where it is or will be; named from the start by some accounts of the service.
    output_blob: str | None = None
    error_blob: str | None = None
    total: int = 0
    completed: int = 0
    failed: int = 0
    faults: list[ValidationFault] = []
    metadata: dict[str, str] = {}
    created_at: float | None = None  # epoch seconds; None where it is not told, or in no form that is known

    @property
    def known(self) -> bool:
        """Whether the status is one the service documents."""
        return self.status in KNOWN

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to wait for; a state that is not known ends when it shows result files."""
        return self.status in ENDED or (not self.known and bool(self.output_file_id or self.error_file_id))


def untold_answers(seen: BatchView, *, answered: int, done_before: int) -> str | None:
    """Say why result files that held answers to `answered` requests cannot be all; empty where they are all.

    None: the batch tells too little for a judgement, and the files alone can show it. `answered` leaves out what was not
    begun; `done_before`: the requests that the batch had finished when it was last seen.
    """
    if seen.total or seen.completed or seen.failed:
        is_complete = seen.status == BatchState.COMPLETED
        # Whether requests that were not begun before the end count as failed is told nowhere.
        expected = seen.completed + (seen.failed if is_complete else 0)
        if answered < expected:
            return f"the batch has {expected}, its result files have {answered}"
        return "" if is_complete else None
    if not seen.output_file_id and not seen.output_blob and seen.status == BatchState.COMPLETED:
        return "the batch is completed and names neither counts nor an output file"
    if not (seen.output_file_id or seen.error_file_id or seen.output_blob) and done_before:
        return f"the batch had finished {done_before} requests and names no result file"
    return None


def read_batch(batch: dict[str, Any]) -> BatchView:
    """Read the service's batch object, tolerating every published variation of it."""
    counts = batch.get("request_counts")
    counts = counts if isinstance(counts, dict) else {}
    return BatchView(
        batch_id=str(batch.get("id") or ""),
        status=_status(batch.get("status")),
        input_file_id=batch.get("input_file_id") or None,
        output_file_id=batch.get("output_file_id") or None,
        error_file_id=batch.get("error_file_id") or None,
        input_blob=_bare(batch.get("input_blob")),
        output_blob=_bare(batch.get("output_blob")),
        error_blob=_bare(batch.get("error_blob")),
        total=_number(counts.get("total")),
        completed=_number(counts.get("completed")),
        failed=_number(counts.get("failed")),
        faults=read_faults(batch.get("errors")),
        metadata=_texts(batch.get("metadata")),
        created_at=_moment(batch.get("created_at")),
    )


def read_faults(errors: Any) -> list[ValidationFault]:
    """Read the `errors` of a batch or of a refused creation: a list under `data`, or a single item."""
    items = errors.get("data") if isinstance(errors, dict) else errors
    items = [items] if isinstance(items, dict) else items
    return [
        ValidationFault(
            str(item.get("code") or "unknown"), str(item.get("message") or ""), _line(item.get("line"))
        )
        for item in (items if isinstance(items, list) else [])
        if isinstance(item, dict)
    ]


def _status(status: Any) -> str:
    text = str(status or "unknown").strip().lower().replace(" ", "_")
    return {"canceled": "cancelled", "inprogress": "in_progress", "notstarted": "validating"}.get(text, text)


def _texts(given: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in given.items()} if isinstance(given, dict) else {}


def _moment(told: Any) -> float | None:
    """Read a time: epoch seconds, or ISO 8601 as one page shows it."""
    if isinstance(told, int | float):
        return float(told)
    try:
        return datetime.fromisoformat(str(told)).timestamp()
    except (ValueError, OverflowError):
        return None


def _bare(url: Any) -> str | None:
    """Give a URL without its query, where a signature would be; None for an empty one."""
    return str(url or "").partition("?")[0] or None


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _line(value: Any) -> int | None:
    """Read a line number: an int in the SDK, a string in the published schema, often null."""
    text = str(value)
    return int(text) if text.isdecimal() else None
