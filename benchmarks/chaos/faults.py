"""What the service does wrong, on purpose: everything the simulator can do, aimed at kinds of files by deployment name.

A plan in the simulator's own words (`local.azure_openai.plan`). Which batches and rows it strikes depends on the seed
and on their content alone; which calls, on their order as well.
"""

from collections.abc import Sequence
from typing import Any

from local.fault_proxies import service, storage

Rules = list[dict[str, Any]]

# What stands between the app and the service may answer in its place, before a call or after it. Not: what takes longer than
# all else (`hang`), and the service's own word that it does not want a content, which is final.
BETWEEN_APP_AND_SERVICE: Sequence[service.Fault] = [
    fault for name, fault in service.FAULTS.items() if name not in ("hang", "400 own")
]
BETWEEN_APP_AND_STORAGE: Sequence[str] = storage.FAULTS

# fate of a batch, by kind of file; `first` and `every` count the batches of that kind
_BATCHES: dict[str, dict[str, Any]] = {
    "expired": {"ends_as": "expired", "fraction": 0.5, "every": 2},
    "expired-at-once": {"ends_as": "expired", "fraction": 0.0, "first": 1},
    "cancelled": {"ends_as": "cancelled", "fraction": 0.5},
    "unknown-with-files": {"ends_as": "archived", "fraction": 0.7},
    "unknown-without-files": {"ends_as": "archived", "files": False},
    "failed-with-lines": {"invalid": [{"code": "invalid_request", "message": "Bad.", "line": 2}], "first": 3},
    "failed-with-a-reason": {"invalid": [{"code": "invalid_request", "message": "Some line."}], "every": 2},
    "failed": {"ends_as": "failed", "every": 3},
    "quota-after-validation": {
        "invalid": [{"code": "token_limit_exceeded", "message": "Planned: the queue is full."}],
        "first": 2,
    },
    "deployment-comes-late": {
        "invalid": [{"code": "model_not_found", "message": "Planned: not deployed yet."}],
        "first": 2,
    },
    "answers-withheld": {"unsettled_seconds": 3.0, "every": 2},
    "answers-withheld-long": {"unsettled_seconds": 9.0, "first": 1},
    "error-file-null": {"error_file": "null"},
    "error-file-blank": {"error_file": "blank"},
    "error-file-empty": {"error_file": "empty"},
}
_STUCK: dict[str, dict[str, Any]] = {
    "stuck-in-progress": {"stuck_in": "in_progress"},
    "stuck-in-validating": {"stuck_in": "validating"},
    "stuck-in-finalizing": {"stuck_in": "finalizing"},
    "stuck-in-unknown": {"stuck_in": "paused"},
}
# fate of a row, by kind of file; `first` counts how often the row was processed
_ROWS: dict[str, Rules] = {
    "rows-throttled": [{"effect": "error", "status": 429, "first": 1}],
    "rows-always-failing": [{"effect": "error", "status": 500, "probability": 0.4}],
    "rows-refused": [{"effect": "error", "status": 400, "code": "content_filter", "probability": 0.3}],
    "rows-missing": [{"effect": "missing", "first": 1, "probability": 0.5}],
    "rows-twice": [{"effect": "twice", "probability": 0.5}],
    "rows-cut": [
        {"effect": "length", "probability": 0.3},
        {"effect": "content_filter", "probability": 0.3},
    ],
}
_FULL_QUEUE = "quota-at-creation"

STUCK_KINDS = tuple(_STUCK)
# These are through in seconds; a stuck batch costs a deadline, a full queue a pause.
QUICK_KINDS = (
    *_BATCHES,
    *_ROWS,
)
FAULTY_KINDS = (*QUICK_KINDS, *_STUCK, _FULL_QUEUE)
# Served, and never delivered: asked for again.
WITHHELD_KINDS = (
    "answers-withheld",
    "answers-withheld-blank",
)


def deployment_of(kind: str) -> str:
    """Name the deployment that the files of a kind ask for."""
    return f"chaos-{kind}"


def fault_plan(*, long_waits: bool) -> dict[str, Rules]:
    """Give the whole plan. `long_waits` adds what costs minutes: lost creations, and a 429 that asks for two of them."""
    return {
        "calls": [*(_LONG_WAITS if long_waits else []), *_CALLS],
        "batches": [
            {"deployment": deployment_of(kind), **rule} for kind, rule in {**_BATCHES, **_STUCK}.items()
        ],
        "rows": [
            {"deployment": deployment_of(kind), **rule} for kind, rules in _ROWS.items() for rule in rules
        ],
        "quota": [{"deployment": deployment_of(_FULL_QUEUE), "tries": 2}],
    }


_LONG_WAITS: Rules = [
    {"operation": "upload", "nth": 9, "status": 429, "retry_after": "130"},
    {"operation": "create_batch", "probability": 0.04, "connection": "lost"},
    {"operation": "create_batch", "probability": 0.03, "connection": "reset"},
    {"operation": "create_batch", "probability": 0.03, "status": 500},
]
_CALLS: Rules = [
    {"operation": "create_batch", "probability": 0.03, "status": 429, "retry_after": "1"},
    {"operation": "create_batch", "probability": 0.01, "delay_seconds": 1.0},
    {"operation": "upload", "probability": 0.04, "connection": "lost"},
    {"operation": "upload", "probability": 0.03, "connection": "reset"},
    {"operation": "upload", "probability": 0.03, "status": 429, "retry_after": "1"},
    {"operation": "upload", "probability": 0.02, "status": 503},
    {"operation": "content", "probability": 0.08, "connection": "half"},
    {"operation": "content", "probability": 0.04, "connection": "short"},
    {"operation": "content", "probability": 0.03, "connection": "reset"},
    {"operation": "content", "probability": 0.03, "status": 500},
    {"operation": "get_file", "probability": 0.05, "status": 429, "retry_after": "1"},
    {"operation": "list_files", "probability": 0.05, "status": 500},
    {"operation": "list_batches", "probability": 0.05, "status": 500},
    {"operation": "list_batches", "probability": 0.02, "connection": "half"},
    {"operation": "get_batch", "probability": 0.05, "status": 500},
    {"operation": "cancel_batch", "first": 2, "status": 500},
    {"operation": "delete_file", "probability": 0.05, "status": 500},
    {"operation": "delete_file", "probability": 0.05, "connection": "lost"},
]
