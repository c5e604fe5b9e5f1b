"""Give people the files of a pool that are through, while others of it still wait for their requests."""

from collections.abc import Iterator
from typing import Any

from domain.contracts import Fault, Settled, from_wire
from domain.flow.flow import Flow
from domain.flow.state import Call, FileState, FileStep
from domain.flow.step import Due
from domain.flow.steps.file_step import FileCall


class DeliverSettled(FileCall):
    """`deliver_settled`: outputs and end of those files. What it cannot do is left to the end of the pool, which tells about it."""

    activity = "deliver_settled"
    step = FileStep.RUN

    def due(self, flow: Flow, now: float) -> Iterator[Due[FileState]]:
        """Give the pools of which a batch was collected, where no call under way goes on to their end."""
        ending = {call.key for call in flow.in_flight if call.then}
        return (
            each for each in super().due(flow, now) if each.subject.settled and each.subject.key not in ending
        )

    def answered(self, flow: Flow, call: Call, ok: Any, now: float) -> None:
        """Note how many files are through; what was collected meanwhile is for the next call."""
        del now
        file = flow.file(call.key)
        file.delivered = from_wire(ok, Settled)
        file.settled -= 1
        file.tries, file.reasons = 0, {}

    def failed(self, flow: Flow, call: Call, fault: Fault, now: float) -> None:
        """Wait, or leave it to the end of the pool."""
        file = flow.file(call.key)
        if not flow.delay(file, fault, now):
            file.settled = 0


def note_settled(flow: Flow, file: FileState) -> None:
    """Note that a batch of a pool was collected, and files of it may be through."""
    file.settled = 2 if flow.is_busy(file.key) else 1
