"""The work on a snapshot's files: a loop of rounds, each a handful of activities that do not depend on each other.

What to do next is decided by `domain.flow.machine`; this carries the calls out and the answers in. Between generations the
history begins anew (continue-as-new), so its length does not grow with files or hours.
"""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.durable_functions as df

from domain.contracts import from_wire, to_wire
from domain.flow.machine import Flow
from domain.flow.progress import progress

EVENTS_PER_GENERATION = (
    120  # a replay costs some 36 microseconds per event, and every ending of an activity is a replay
)
EVENTS_PER_STEP = 4  # an activity or a timer: scheduled, ended, and the turn around the ending

bp = df.Blueprint()


@bp.orchestration_trigger(context_name="context")
def run_files(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Work until every file of the snapshot is finished; the output is the snapshot's report."""
    flow = from_wire(context.get_input(), Flow)
    events = 0
    while not flow.finished:
        context.set_custom_status(progress(flow))  # a new generation begins without one
        calls = flow.next_calls(context.current_utc_datetime.timestamp())
        steps = max(1, len(calls))
        if events and events + steps * EVENTS_PER_STEP > EVENTS_PER_GENERATION:
            return _next_generation(context, flow)
        events += steps * EVENTS_PER_STEP
        try:
            if calls:
                answers = yield context.task_all(
                    [context.call_activity(call.activity, call.input) for call in calls]
                )
            else:
                yield context.create_timer(_utc(flow.wake_at(context.current_utc_datetime.timestamp())))
        except Exception:  # noqa: BLE001 - the SDK raises nothing finer; activities answer their own faults
            # A surprise from below the activities (a worker that died in a loop, a message that could not be read):
            # the round is lost, not the state it began with, and activities can be done again.
            yield context.create_timer(_utc(flow.set_back(context.current_utc_datetime.timestamp())))
            return _next_generation(context, flow)
        if calls:
            flow.absorb(calls, answers, context.current_utc_datetime.timestamp())
    context.set_custom_status(progress(flow))
    return to_wire(flow.report())


def _next_generation(context: df.DurableOrchestrationContext, flow: Flow) -> None:
    context.continue_as_new(to_wire(flow))


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=1)
