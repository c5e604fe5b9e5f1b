"""Write what people came for, and archive the input file."""

from typing import Any

import msgspec

from domain.contracts import WrittenOutputs, from_wire
from domain.flow.flow import Flow
from domain.flow.state import Call, FileState, FileStep
from domain.flow.steps.file_step import FileCall


class Write(FileCall):
    """`write_outputs`: results, errors, retry file and metadata of a file whose shards have all ended."""

    activity = "write_outputs"
    step = FileStep.WRITE

    def call(self, flow: Flow, file: FileState) -> Call:
        """Give the call about a file; a small one is archived at once."""
        call = super().call(flow, file)
        return msgspec.structs.replace(call, then=[Archive().call(flow, file)]) if call.light else call

    def answered(self, flow: Flow, call: Call, ok: Any, now: float) -> None:
        """Count the outcomes; go on to archiving."""
        del now
        file, written = flow.file(call.key), from_wire(ok, WrittenOutputs)
        if written.gone:
            flow.leave(file, "gone")
            return
        if file.pooled:
            flow.let_leave(file, written.members, written.alone)
        flow.totals.tally.add(written.tally)
        file.move(FileStep.ARCHIVE)
        file.ended, file.rejected = file.requests, written.rejected


class Archive(FileCall):
    """`archive_input`: the end of a file."""

    activity = "archive_input"
    step = FileStep.ARCHIVE

    def answered(self, flow: Flow, call: Call, ok: Any, now: float) -> None:
        """Let the file leave."""
        del ok, now
        file = flow.file(call.key)
        flow.leave(file, "rejected" if file.rejected else "done")


def deliver(flow: Flow, file: FileState) -> list[Call]:
    """Give the calls that bring a file to its end, once its last shard has ended."""
    write = Write().call(flow, file)
    return [write, *write.then]
