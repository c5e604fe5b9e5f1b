"""One call of an orchestrator through the Durable SDK: the request it gets and the answer it gives.

`upperSchemaVersion` 1 and `upperSchemaVersionNew` 2 make the SDK answer in its newest schema, as the extension does.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.functions_host.decisions import Action
from local.functions_host.errors import WorkerError

_FAILURE_LABEL = "\n\n$OutOfProcData$:"
_DIRECT_CAUSE = "The above exception was the direct cause"  # as `traceback` says it
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
    exception: WorkerError | None = None


def call_orchestrator(
    handle: Callable[[str], str],
    *,
    history: str,
    raw_input: str | None,
    instance_id: str,
    parent_instance_id: str | None,
    is_replaying: bool,
) -> Answer:
    """Replay an orchestrator over `history` (the inside of a JSON array) and return what it wants now.

    `handle` gives the SDK's answer to a request, or raises WorkerError.
    """
    body = (
        f'{{"history":[{history}],"input":{raw_input or "null"},"instanceId":{json.dumps(instance_id)},'
        f'"parentInstanceId":{json.dumps(parent_instance_id)},{_CONSTANT_FIELDS % json.dumps(is_replaying)}}}'
    )
    try:
        return _answer(json.loads(handle(body)))
    except WorkerError as error:
        message, label, data = str(error).partition(_FAILURE_LABEL)
        if label:
            return _answer(json.loads(data), exception=_cause(error))
        return Answer(error=f" {message}", is_broken=True, exception=error)


def _cause(error: WorkerError) -> WorkerError:
    """Give the error of the orchestrator's own code: the SDK raises another one from it, which holds its answer."""
    trace, _, _ = error.stack_trace.partition(f"\n{_DIRECT_CAUSE}")
    return WorkerError(str(error).partition(_FAILURE_LABEL)[0], trace)


def _answer(document: dict[str, Any], *, exception: WorkerError | None = None) -> Answer:
    (actions,) = document["actions"]  # one list in the schema asked for
    return Answer(
        actions=tuple(actions),
        is_done=document["isDone"],
        output=document.get("output"),
        custom_status=document.get("customStatus"),
        error=document.get("error"),
        exception=exception,
    )
