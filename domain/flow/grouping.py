"""Which calls that begin together share an activity: those of one kind, about small files.

The engine takes some 50 ms for each activity, whatever that does, so ten thousand small files want few of them. Inside one,
the calls are carried out one after the other; each has its own answer (`domain.contracts.CallGroup`).
"""

from collections import defaultdict

from domain.contracts import Answer, CollectedShard, SnapshotSettings, Submitted, WrittenOutputs, from_wire
from domain.flow.flow import Flow
from domain.flow.state import Call

GROUP_ACTIVITY = "carry_out_group"

# So few calls are not worth a second activity; of more, some go at the same time rather than one after the other.
WORTH_ONE = 5
AT_ONCE = 4


def is_light(flow: Flow, size: int, tries: int) -> bool:
    """Tell whether a call shares an activity with others; one that has failed goes alone."""
    return not tries and size <= flow.settings.light_bytes


class Groups:
    """Calls that begin now, in at most `most` activities."""

    def __init__(self, settings: SnapshotSettings, most: int) -> None:
        self._per_call, self._most = settings.files_per_call, most
        self._alone: list[Call] = []
        self._light: defaultdict[str, list[Call]] = defaultdict(list)

    def add(self, call: Call) -> bool:
        """Take a call in; False where there is no activity left for it."""
        there = self._light[call.activity] if call.light else self._alone
        there.append(call)
        if self._fewest() > self._most:
            there.pop()
            return False
        return True

    def _fewest(self) -> int:
        return len(self._alone) + sum(-(-len(calls) // self._per_call) for calls in self._light.values())

    def all(self) -> list[list[Call]]:
        """Give the calls of each activity."""
        room = self._most - self._fewest()
        groups = [[call] for call in self._alone]
        for calls in self._light.values():
            fewest = -(-len(calls) // self._per_call)
            best = max(fewest, min(AT_ONCE, -(-len(calls) // WORTH_ONE), fewest + room))
            room -= best - fewest
            groups += _shared_out(calls, best)
        return groups


def _shared_out(calls: list[Call], groups: int) -> list[list[Call]]:
    """Share calls out evenly; of those that were first, one is the first of each group."""
    return [calls[at::groups] for at in range(groups)]


def goes_on(activity: str, answer: Answer) -> bool:
    """Tell whether what follows from a call is to be done: nothing came of it that has to be decided on."""
    if answer.fault:
        return False
    if activity == "collect_batch":
        collected = from_wire(answer.ok, CollectedShard)
        return not collected.children and collected.again is None
    return activity != "write_outputs" or not from_wire(answer.ok, WrittenOutputs).gone


def stops_others(activity: str, answer: Answer) -> bool:
    """Tell whether the calls behind it are given back: what stands in the way of one may stand in theirs, and each would wait."""
    if answer.fault:
        return True
    return activity == "submit_batch" and from_wire(answer.ok, Submitted).paused is not None
