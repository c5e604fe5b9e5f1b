"""Read the next page of the list of files that the snapshot took."""

from collections.abc import Iterator
from typing import Any

from domain.contracts import Fault, PageOfFiles, PageRequest, from_wire, to_wire
from domain.flow.flow import Flow
from domain.flow.heeding import heed
from domain.flow.pacing import exhausted, fault_delay, later
from domain.flow.state import Call
from domain.flow.step import Due, Step


class ListFiles(Step[int]):
    """`list_files`, about a page by its number: the next one, once all files of the last one are admitted."""

    activity = "list_files"

    def due(self, flow: Flow, now: float) -> Iterator[Due[int]]:
        """Give the next page."""
        del now
        if flow.next_page < flow.pages and not flow.backlog and not flow.calls_of(self.activity):
            yield Due(flow.list_not_before, flow.next_page)

    def calls(self, flow: Flow, ready: list[int], now: float) -> Iterator[Call]:
        """Ask for it."""
        del now
        for page in ready:
            request = PageRequest(snapshot_id=flow.snapshot_id, page=page, pooled=flow.pooled)
            yield Call(self.activity, to_wire(request))

    def answered(self, flow: Flow, call: Call, ok: Any, now: float) -> None:
        """Put the page's files into the backlog."""
        del call, now
        page = from_wire(ok, PageOfFiles)
        flow.await_turn(page.files)
        heed(flow, page.asked)
        flow.next_page += 1
        flow.list_tries, flow.list_not_before = 0, 0.0

    def failed(self, flow: Flow, call: Call, fault: Fault, now: float) -> None:
        """Wait. Raises RuntimeError in the end: without its list the snapshot cannot go on."""
        del call
        flow.list_tries += 1
        if exhausted(flow.list_tries, fault):
            raise RuntimeError(f"{flow.snapshot_id}: its list of files cannot be read: {fault.message}")
        flow.list_not_before = later(now, fault_delay(flow.list_tries, fault))
