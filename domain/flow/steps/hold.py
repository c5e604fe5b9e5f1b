"""Set a file aside for a later snapshot."""

from typing import Any

from domain.contracts import Fault, FileWork
from domain.flow.flow import Flow
from domain.flow.state import Call, FileState, FileStep
from domain.flow.steps.file_step import FileCall


class Hold(FileCall):
    """`hold_file`: marks the file's claim with the reason. When that cannot be written, the file leaves all the same."""

    activity = "hold_file"
    step = FileStep.HOLD

    def work(self, flow: Flow, file: FileState) -> FileWork:
        """Give the call's input: with the reason."""
        return FileWork(
            snapshot_id=flow.snapshot_id,
            key=file.key,
            fresh=file.fresh,
            spec=file.spec,
            reason=file.hold_reason,
            needs_settings=file.needs_settings,
            needs_version=file.needs_version,
            again_soon=file.again_soon,
            pooled=file.pooled,
            unwanted=file.wants.unwanted,
            approved=file.wants.approved,
        )

    def answered(self, flow: Flow, call: Call, ok: Any, now: float) -> None:
        """Let the file leave."""
        del ok, now
        flow.leave(flow.file(call.key), "held")

    def failed(self, flow: Flow, call: Call, fault: Fault, now: float) -> None:
        """Wait, or let the file leave without the mark."""
        file = flow.file(call.key)
        if not flow.delay(file, fault, now):
            flow.leave(file, "held")
