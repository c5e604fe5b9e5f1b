"""The thin shell around every activity: contract in, answer out, and no exception past it.

An exception would reach the orchestrator as bare text, without its kind. So a fault is an answer too; a
surprise is logged with its traceback and answered as one, and costs only the file it is about.
"""

import logging
import traceback
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Any

from adapters.threads import Invocation, log_as
from domain.contracts import Answer, Fault, to_wire
from domain.errors import PassingError, PipelineError, SetAsideError, without_secrets

log = logging.getLogger(__name__)


def answering(step: Callable[[], object], invocation: Invocation) -> dict[str, Any]:
    """Carry out a step and put its answer, or its fault, on the wire. Its threads log as the invocation's."""
    # In a context of its own: the worker's thread serves other invocations next.
    return copy_context().run(_answering, step, invocation)


def _answering(step: Callable[[], object], invocation: Invocation) -> dict[str, Any]:
    log_as(invocation)
    return answer_of(step)


def answer_of(step: Callable[[], object]) -> dict[str, Any]:
    """Do the same where no worker is whose log lines have an invocation."""
    try:
        return _ok(step())
    except Exception as error:  # noqa: BLE001 - the boundary: every surprise becomes an answer, none is lost
        return _fault(error)


async def answering_async(step: Callable[[], Awaitable[object]], invocation: Invocation) -> dict[str, Any]:
    """Do the same for a step that is awaited. The task, and with it the context, is the invocation's own."""
    log_as(invocation)
    try:
        return _ok(await step())
    except Exception as error:  # noqa: BLE001 - as above
        return _fault(error)


def _ok(answer: object) -> dict[str, Any]:
    wire: dict[str, Any] = to_wire(Answer(ok=to_wire(answer)))
    return wire


def _fault(error: Exception) -> dict[str, Any]:
    if isinstance(error, PassingError):
        log.warning("will be tried again: %s", error)
        fault = Fault(code=error.code, message=str(error), retry_after=error.retry_after)
    elif isinstance(error, PipelineError):
        log.warning("%s: %s", type(error).__name__, error)
        fault = Fault(
            code=error.code,
            message=str(error),
            passing=not error.permanent,
            final=isinstance(error, SetAsideError),
        )
    else:
        log.error("surprise\n%s", without_secrets("".join(traceback.format_exception(error))))
        message = without_secrets(f"{type(error).__name__}: {error}")[:2000]
        fault = Fault(code="surprise", message=message, passing=False)
    wire: dict[str, Any] = to_wire(Answer(fault=fault))
    return wire
