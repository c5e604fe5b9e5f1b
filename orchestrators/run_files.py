"""The work on a snapshot's files: calls begin as soon as they may, and each ends by itself.

What to do next is decided by `domain.flow`; this carries the calls out and the answers in. Between generations the
history begins anew (continue-as-new), so its length does not grow with files or hours.
"""

from collections.abc import Generator
from typing import Any

import azure.durable_functions as df

from domain.contracts import SnapshotReport, from_wire, to_wire
from domain.flow.flow import Flow
from domain.flow.generation import Generation
from domain.flow.machine import answers_of, asked_of, end_group
from domain.flow.parts import merged, split
from domain.flow.progress import progress
from domain.flow.state import Call
from domain.names import files_instance_id
from orchestrators.in_flight import InFlight

# Instances of these versions were begun by orchestrators that called in another order (in rounds; files behind a paused
# deployment later; other waits); their histories do not fit this one. They end as failed, and the next snapshot takes their files over.
# The extension gives None where there was no version.
OLDER_VERSIONS = frozenset({None, "", "1.0", "2.0", "2.1"})

bp = df.Blueprint()


@bp.orchestration_trigger(context_name="context")
def run_files(context: df.DurableOrchestrationContext) -> Generator[Any, Any, Any]:
    """Work until every file of the snapshot is finished; the output is the snapshot's report."""
    _refuse_older_versions(context)
    flow = from_wire(context.get_input(), Flow)
    generation = Generation(_now(context))
    under_way: InFlight[list[Call] | None] = InFlight(context)
    while not flow.finished:
        for group in generation.begin_calls(flow, _now(context)):
            under_way.begin(group, context.call_activity(*asked_of(flow, group)))
        wake_at = generation.wake_at(flow, _now(context))
        # Of a turn the last look alone is seen; those that are replayed need not be described.
        if not context.is_replaying:
            context.set_custom_status(progress(flow, wake_at=wake_at))
        if generation.is_over(flow):
            under_way.cancel_timers()
            context.continue_as_new(to_wire(flow))
            return None
        if generation.is_stuck(flow, _now(context)):
            return (yield from _go_on_in_parts(context, flow, under_way))
        yield under_way.next_end(wake_at)
        _take_answers(context, flow, under_way)
    under_way.cancel_timers()
    context.set_custom_status(progress(flow))
    return to_wire(flow.report())


def _take_answers(
    context: df.DurableOrchestrationContext, flow: Flow, under_way: InFlight[list[Call] | None]
) -> None:
    for group, result in under_way.ended():
        if group is not None:
            end_group(flow, group, answers_of(group, result), _now(context))


def _go_on_in_parts(
    context: df.DurableOrchestrationContext, flow: Flow, under_way: InFlight[list[Call] | None]
) -> Generator[Any, Any, Any]:
    """Have the rest go on in an orchestration of its own; this one waits for its calls, then hands their files on as well.

    So a slow call keeps no other file waiting, and no history grows while it lasts.
    """
    under_way.cancel_timers()
    first, second = f"{flow.part}-1", f"{flow.part}-2"
    rest = _as_part(context, split(flow, first))
    context.set_custom_status(progress(flow, parts=[first]))
    under_way.begin(None, rest)
    while flow.in_flight:
        yield under_way.next_end()
        _take_answers(context, flow, under_way)
    flow.part = second
    context.set_custom_status({"parts": [first, second]})
    reports = yield context.task_all([rest, _as_part(context, flow)])
    return to_wire(merged([from_wire(report, SnapshotReport) for report in reports]))


def _as_part(context: df.DurableOrchestrationContext, flow: Flow) -> Any:
    """Give the task of an orchestration that goes on with a flow."""
    return context.call_sub_orchestrator(
        "run_files", to_wire(flow), instance_id=files_instance_id(flow.snapshot_id, flow.part)
    )


def _refuse_older_versions(context: df.DurableOrchestrationContext) -> None:
    if context.version in OLDER_VERSIONS:
        raise RuntimeError(
            f"Begun under version {context.version or 'none'} of this app, whose histories do not fit this one. The next "
            "snapshot takes the files over, with their batches."
        )


def _now(context: df.DurableOrchestrationContext) -> float:
    now: float = context.current_utc_datetime.timestamp()
    return now
