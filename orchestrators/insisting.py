"""Call an activity until it answers."""

from collections.abc import Generator
from datetime import timedelta
from typing import Any

import azure.durable_functions as df

from domain.contracts import Answer, Fault, from_wire
from domain.flow.pacing import fault_delay


def insist(
    context: df.DurableOrchestrationContext, activity: Any, wire: Any, *, most: int, about: str
) -> Generator[Any, Any, Any]:
    """Call an activity until it answers; raises RuntimeError after so many tries. `about`: what is given up then."""
    for tries in range(1, most + 1):
        answer = from_wire((yield context.call_activity(activity, wire)), Answer)
        if answer.fault is None:
            return answer.ok
        context.set_custom_status({"message": answer.fault.message[:1000]})
        yield context.create_timer(
            context.current_utc_datetime + timedelta(seconds=fault_delay(tries, answer.fault))
        )
    fault = answer.fault or Fault(code="none", message="")
    raise RuntimeError(f"{about} given up after {most} tries: {fault.code}: {fault.message}")
