"""Turn an input file into shards."""

from collections.abc import Iterator
from typing import Any

from domain.contracts import FileWork, PreparedFile, from_wire
from domain.flow.flow import Flow
from domain.flow.heeding import heed, ranks
from domain.flow.pacing import SHORTEST_WAIT_SECONDS, later
from domain.flow.state import Call, FileState, FileStep, ShardState
from domain.flow.steps.file_step import FileCall
from domain.tokens import dollars


class Prepare(FileCall):
    """`prepare_file`: what comes of it are shards to submit or to send, or batches that the file has already."""

    activity = "prepare_file"
    step = FileStep.PREPARE

    def work(self, flow: Flow, file: FileState) -> FileWork:
        """Give the call's input: with the job spec that governs the file, and what people want of it."""
        return FileWork(
            snapshot_id=flow.snapshot_id,
            key=file.key,
            fresh=file.fresh,
            spec=file.spec,
            waited=file.waited,
            unwanted=file.wants.unwanted,
            approved=file.wants.approved,
            waits=file.wants.held and not file.wants.unwanted,
            pooled=file.pooled,
            most_cost=_left(flow) if file.pooled else None,
        )

    def calls(self, flow: Flow, ready: list[FileState], now: float) -> Iterator[Call]:
        """Give the calls of the first files that there are places for; those first that people want first."""
        rank = ranks(flow)
        return super().calls(flow, sorted(ready, key=lambda file: -rank.get(file.key, 0)), now)

    def answered(self, flow: Flow, call: Call, ok: Any, now: float) -> None:
        """Let the file run, wait, be held, or leave."""
        file, prepared = flow.file(call.key), from_wire(ok, PreparedFile)
        if file.pooled and not prepared.gone and prepared.wait_seconds is None:
            flow.let_leave(file, prepared.members, prepared.alone)
            heed(flow, prepared.asked)
        if prepared.gone:
            flow.leave(file, "gone")
        elif prepared.wait_seconds is not None:
            file.not_before = later(now, prepared.wait_seconds)
        elif reason := prepared.held or over_budget(flow, file, prepared.cost):
            if _is_news(call, file):
                # It was asked for meanwhile, and no budget stops it then.
                file.not_before = now + SHORTEST_WAIT_SECONDS
            else:
                file.hold(reason, needs_settings=True)
        else:
            self._run(flow, file, prepared, now)

    def _run(self, flow: Flow, file: FileState, prepared: PreparedFile, now: float) -> None:
        if not file.wants.unwanted:
            flow.totals.cost += prepared.cost
        file.move(FileStep.RUN)
        file.requests, file.ended = prepared.requests, prepared.ended
        flow.shards += [ShardState.opened(file.key, shard) for shard in prepared.shards]
        if any(shard.batch_id for shard in prepared.shards):
            flow.poll.after_submission(now, flow.settings)


def _left(flow: Flow) -> float | None:
    """Give what the snapshot's budget has left, in dollars; None without one."""
    limit = flow.settings.max_cost
    return None if limit is None else limit - flow.totals.cost


def _is_news(call: Call, file: FileState) -> bool:
    """Tell whether people have let a file go beyond a budget while it was being prepared."""
    asked = from_wire(call.input, FileWork)
    return (file.wants.unwanted, file.wants.approved) != (asked.unwanted, asked.approved)


def over_budget(flow: Flow, file: FileState, cost: float) -> str | None:
    """Say why a file of such an estimated cost has to wait for another snapshot, None when it need not."""
    limit, spent = flow.settings.max_cost, flow.totals.cost
    if limit is None or spent + cost <= limit or file.wants.approved or file.wants.unwanted:
        return None
    return (
        f"The file would cost about {dollars(cost)}; with {dollars(spent)} for the files before it, the snapshot would exceed "
        f"MAX_COST_PER_SNAPSHOT ({limit:g})."
    )
