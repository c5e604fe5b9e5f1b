"""What the steps that work on a whole input file have in common."""

from collections.abc import Iterator
from typing import ClassVar

from domain.contracts import Fault, FileWork, to_wire
from domain.flow.flow import Flow
from domain.flow.grouping import is_light
from domain.flow.state import Call, FileState, FileStep
from domain.flow.step import Due, Step, within_places


class FileCall(Step[FileState]):
    """A call about a file at one step; a fault is waited out, and sets the file aside in the end."""

    step: ClassVar[FileStep]

    def work(self, flow: Flow, file: FileState) -> FileWork:
        """Give the call's input."""
        return FileWork(snapshot_id=flow.snapshot_id, key=file.key, fresh=file.fresh, pooled=file.pooled)

    def due(self, flow: Flow, now: float) -> Iterator[Due[FileState]]:
        """Give the files at this step."""
        del now
        busy = flow.busy()
        return (Due(f.not_before, f) for f in flow.files if f.step is self.step and (f.key, "") not in busy)

    def calls(self, flow: Flow, ready: list[FileState], now: float) -> Iterator[Call]:
        """Give the calls of the first files that there are places for."""
        return within_places(flow, self.activity, (self.call(flow, f) for f in ready), now)

    def call(self, flow: Flow, file: FileState) -> Call:
        """Give the call about a file."""
        return Call(
            self.activity,
            to_wire(self.work(flow, file)),
            file.key,
            weight=file.size,
            light=is_light(flow, file.size, file.tries),
        )

    def failed(self, flow: Flow, call: Call, fault: Fault, now: float) -> None:
        """Wait, or set the file aside."""
        flow.delay_or_hold(flow.file(call.key), fault, now)
