"""Looking at orchestration instances, singly and by the hundred, as the management API shows them."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local.functions_host.errors import InvalidRequestError
from local.functions_host.history import Event, EventType, RuntimeStatus
from local.functions_host.storage.database import Database
from local.functions_host.storage.orchestrations import Instance, OrchestrationStore

DEFAULT_PAGE = 100
_EVENT_NAMES = {
    EventType.EXECUTION_STARTED: "ExecutionStarted",
    EventType.EXECUTION_COMPLETED: "ExecutionCompleted",
    EventType.EXECUTION_TERMINATED: "ExecutionTerminated",
    EventType.TASK_COMPLETED: "TaskCompleted",
    EventType.TASK_FAILED: "TaskFailed",
    EventType.SUB_ORCHESTRATION_COMPLETED: "SubOrchestrationInstanceCompleted",
    EventType.SUB_ORCHESTRATION_FAILED: "SubOrchestrationInstanceFailed",
    EventType.TIMER_CREATED: "TimerCreated",
    EventType.TIMER_FIRED: "TimerFired",
    EventType.EVENT_RAISED: "EventRaised",
    EventType.CONTINUE_AS_NEW: "ContinueAsNew",
    EventType.EXECUTION_SUSPENDED: "ExecutionSuspended",
    EventType.EXECUTION_RESUMED: "ExecutionResumed",
}
_SCHEDULING = (EventType.TASK_SCHEDULED, EventType.SUB_ORCHESTRATION_CREATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceFilter:
    """Which instances to list; None admits all. Moments are seconds since 1970, inclusive."""

    created_from: float | None = None
    created_to: float | None = None
    statuses: frozenset[RuntimeStatus] | None = None
    id_prefix: str = ""


def find_instances(
    database: Database,
    store: OrchestrationStore,
    wanted: InstanceFilter,
    *,
    top: int | None = DEFAULT_PAGE,
    after: str = "",
) -> tuple[list[Instance], str]:
    """Return up to `top` (None: all) instances, by id as a table has them, and the token to go on after them ('' at the end).

    Raises InvalidRequestError for a token this function did not make.
    """
    clauses, values = _conditions(wanted)
    if after:
        clauses.append("instance_id > ?")
        values.append(_position(after))
    limit = -1 if top is None else top + 1
    rows = database.rows(
        f"SELECT instance_id FROM instances WHERE {' AND '.join(clauses)} "  # noqa: S608 - constants
        "ORDER BY instance_id LIMIT ?",
        (*values, limit),
    )
    found = [instance for (instance_id,) in rows if (instance := store.find(instance_id))]
    if top is None or len(found) <= top:
        return found, ""
    return found[:top], _token(found[top - 1])


def status_document(instance: Instance, *, show_input: bool = True) -> dict[str, Any]:
    """Describe an instance as the management API does; times to the second."""
    parent = instance.parent
    return {
        "name": instance.name,
        **({"version": instance.version} if instance.version else {}),
        "instanceId": instance.instance_id,
        **({"parentInstanceId": parent["OrchestrationInstance"]["InstanceId"]} if parent else {}),
        "runtimeStatus": instance.status.value,
        "input": _value(instance.raw_input) if show_input else None,
        "customStatus": _value(instance.custom_status),
        "output": _value(instance.output),
        "createdTime": _seconds(instance.created_at),
        "lastUpdatedTime": _seconds(instance.updated_at),
    }


def history_document(events: list[Event], *, show_output: bool) -> list[dict[str, Any]]:
    """Describe a history as the management API does: by names, with calls merged into their answers."""
    calls = {event["EventId"]: event for event in events if event["EventType"] in _SCHEDULING}
    documents = []
    for event in events:
        if event["EventType"] not in _EVENT_NAMES:
            continue
        document = {
            key: value
            for key, value in event.items()
            if value is not None
            and key not in ("EventType", "EventId", "IsPlayed", "TaskScheduledId", "Input")
        }
        document["EventType"] = _EVENT_NAMES[event["EventType"]]
        if "Result" in document:
            document["Result"] = _value(document["Result"])
            if not show_output:
                del document["Result"]
        call = calls.get(event.get("TaskScheduledId", -1))
        if call is not None:
            document["ScheduledTime"], document["FunctionName"] = call["Timestamp"], call["Name"]
        if event["EventType"] == EventType.EXECUTION_STARTED:
            document["FunctionName"] = document.pop("Name")
        documents.append(document)
    return documents


def _conditions(wanted: InstanceFilter) -> tuple[list[str], list[Any]]:
    clauses: list[str] = ["1"]
    values: list[Any] = []
    if wanted.created_from is not None:
        clauses.append("created_at >= ?")
        values.append(wanted.created_from)
    if wanted.created_to is not None:
        clauses.append("created_at <= ?")
        values.append(wanted.created_to)
    if wanted.statuses is not None:
        clauses.append(f"status IN ({','.join('?' * len(wanted.statuses))})")
        values += [status.value for status in wanted.statuses]
    if wanted.id_prefix:
        clauses.append("substr(instance_id, 1, ?) = ?")
        values += [len(wanted.id_prefix), wanted.id_prefix]
    return clauses, values


def _token(last: Instance) -> str:
    return base64.b64encode(last.instance_id.encode()).decode()


def _position(token: str) -> str:
    try:
        return base64.b64decode(token, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidRequestError("The continuation token is not valid.") from error


def _value(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _seconds(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
