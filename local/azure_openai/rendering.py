"""A batch as the API shows it, in each of the shapes that were seen in the wild."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from local.azure_openai.records import BatchRecord
    from local.azure_openai.settings import Settings

COMPLETION_WINDOW_SECONDS = 86_400
_MOMENTS = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")


def batch_object(batch: BatchRecord, settings: Settings) -> dict[str, Any]:
    """The batch's JSON, with counts as of now."""
    completed, failed = batch.counts_at(time.time())
    shown: dict[str, Any] = {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "completion_window": batch.completion_window,
        "status": batch.status,
        "input_file_id": batch.input_file_id,
        "output_file_id": batch.output_file_id,
        "error_file_id": batch.error_file_id,
        "errors": _errors(batch, settings),
        "metadata": batch.metadata,
        "created_at": int(batch.created_at),
        "expires_at": int(batch.created_at) + COMPLETION_WINDOW_SECONDS,
    }
    for status in _MOMENTS:
        moment = batch.times.get(status)
        shown[f"{status}_at"] = None if moment is None else int(moment)
    shown["request_counts"] = {"total": batch.total, "completed": completed, "failed": failed}
    if batch.input_blob:
        shown |= {
            "input_blob": batch.input_blob,
            "output_blob": batch.output_blob,
            "error_blob": batch.error_blob,
        }
    if batch.rule and time.time() < batch.ended_at + batch.rule.unsettled_seconds:
        shown["output_file_id"] = shown["error_file_id"] = None
        shown["request_counts"] = {"total": None, "completed": None, "failed": None}
    if settings.batch_style == "blank" and batch.status == "validating":
        _blank(shown)
    if settings.batch_style == "iso":
        _iso(shown)
    return shown


def _errors(batch: BatchRecord, settings: Settings) -> dict[str, Any] | None:
    if batch.errors is None:
        return None
    items = [
        {"code": error.code, "message": error.message, "param": error.param, "line": error.line}
        for error in batch.errors
    ]
    if settings.errors_style == "single" and items:
        line = items[0]["line"]
        return {"object": "list", "data": items[0] | {"line": None if line is None else str(line)}}
    return {"object": "list", "data": msgspec.to_builtins(items)}


def _blank(shown: dict[str, Any]) -> None:
    shown["endpoint"] = None
    shown["output_file_id"] = shown["error_file_id"] = ""
    shown["request_counts"] = {"total": None, "completed": None, "failed": None}


def _iso(shown: dict[str, Any]) -> None:
    shown["status"] = shown["status"][:1].upper() + shown["status"][1:]
    for name, value in shown.items():
        if name.endswith("_at") and value is not None:
            shown[name] = datetime.fromtimestamp(value, UTC).isoformat()
