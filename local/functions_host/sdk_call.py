"""One call of an orchestrator through the Durable SDK: the request it gets and the answer it gives.

`upperSchemaVersion` 1 and `upperSchemaVersionNew` 2 make the SDK answer in its newest schema, as the extension does.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from azure.functions import OrchestrationContext

from local.functions_host.decisions import Action

_FAILURE_LABEL = "\n\n$OutOfProcData$:"
_CONSTANT_FIELDS = (
    '"isReplaying":%s,"upperSchemaVersion":1,"upperSchemaVersionNew":2,'
    '"longRunningTimerIntervalDuration":"3.00:00:00","maximumShortTimerDuration":"6.00:00:00",'
    '"defaultHttpAsyncRequestSleepTimeMillseconds":30000'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the orchestrator wants after a turn."""

    actions: tuple[Action, ...] = ()
    """All actions of the execution so far."""
    is_done: bool = False
    output: Any = None
    custom_status: Any = None
    error: str | None = None
    """Text of the exception that ended the orchestrator."""
    is_broken: bool = False
    """The SDK itself could not go on; there are no actions to rely on."""
    exception: Exception | None = None


def call_orchestrator(
    handle: Callable[[OrchestrationContext], str],
    *,
    history: str,
    raw_input: str | None,
    instance_id: str,
    parent_instance_id: str | None,
    is_replaying: bool,
) -> Answer:
    """Replay an orchestrator over `history` (the inside of a JSON array) and return what it wants now."""
    body = (
        f'{{"history":[{history}],"input":{raw_input or "null"},"instanceId":{json.dumps(instance_id)},'
        f'"parentInstanceId":{json.dumps(parent_instance_id)},{_CONSTANT_FIELDS % json.dumps(is_replaying)}}}'
    )
    try:
        return _answer(json.loads(handle(OrchestrationContext(body))))
    except Exception as error:  # noqa: BLE001 - whatever the app raises is the orchestration's failure
        message, label, data = str(error).partition(_FAILURE_LABEL)
        if label:
            return _answer(json.loads(data), exception=error)
        return Answer(error=f" {type(error).__name__}: {message}", is_broken=True, exception=error)


def _answer(document: dict[str, Any], *, exception: Exception | None = None) -> Answer:
    (actions,) = document["actions"]  # one list in the schema asked for
    return Answer(
        actions=tuple(actions),
        is_done=document["isDone"],
        output=document.get("output"),
        custom_status=document.get("customStatus"),
        error=document.get("error"),
        exception=exception,
    )
