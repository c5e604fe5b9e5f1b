"""A flow in two parts: what waits for calls that take long, and the rest, which goes on meanwhile."""

from collections.abc import Iterable

import msgspec

from domain.contracts import SnapshotReport
from domain.flow.flow import Flow
from domain.service.outcomes import Tally


def can_split(flow: Flow) -> bool:
    """Tell whether there are files that no call is under way for, and that may go on by themselves.

    Not while a file is prepared whose cost is not known yet and the snapshot has a budget: two parts cannot share one.
    """
    if flow.settings.max_cost is not None and flow.calls_of("prepare_file"):
        return False
    stuck = _stuck(flow)
    return flow.next_page < flow.pages or bool(flow.backlog) or any(f.key not in stuck for f in flow.files)


def split(flow: Flow, part: str) -> Flow:
    """Take out everything that no call is under way for, as a flow of its own; what is left waits for its calls.

    Calls about no file are repeated by the part that was taken out, and their answers go unused.
    """
    stuck = _stuck(flow)
    files_stuck = sum(file.count for file in flow.files if file.key in stuck)
    rest = msgspec.structs.replace(
        flow,
        part=part,
        files_total=flow.files_total - files_stuck,
        files=[f for f in flow.files if f.key not in stuck],
        shards=[s for s in flow.shards if s.key not in stuck],
        in_flight=[],
    )
    flow.files = [f for f in flow.files if f.key in stuck]
    flow.shards = [s for s in flow.shards if s.key in stuck]
    flow.in_flight = [call for call in flow.in_flight if call.key]
    flow.files_total, flow.backlog, flow.next_page = files_stuck, [], flow.pages
    # What was let through so far counts for the other part: with a budget, this one lets no more files through.
    flow.totals = msgspec.structs.replace(
        flow.totals, done=0, rejected=0, held=0, gone=0, tally=Tally(), cost=0.0
    )
    flow.recent = []
    return rest


def _stuck(flow: Flow) -> set[str]:
    return {call.key for call in flow.in_flight if call.key}


def merged(reports: Iterable[SnapshotReport]) -> SnapshotReport:
    """Sum up the reports of all parts of a snapshot."""
    first, *others = reports
    tally = msgspec.structs.replace(first.tally)
    for other in others:
        tally.add(other.tally)
    return SnapshotReport(
        snapshot_id=first.snapshot_id,
        files=first.files + sum(other.files for other in others),
        done=first.done + sum(other.done for other in others),
        rejected=first.rejected + sum(other.rejected for other in others),
        held=first.held + sum(other.held for other in others),
        gone=first.gone + sum(other.gone for other in others),
        tally=tally,
    )
