"""What a step of the flow is: a question to the outside, and what becomes of its answer."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from domain.contracts import Fault
from domain.flow.flow import Flow
from domain.flow.state import Call
from domain.flow.turns import take_within

Subject = TypeVar("Subject")

# Bytes that the calls of one activity may move at once: two of the largest shards. Bounds memory and disk, wherever they run.
MOVING_BYTES = 256_000_000
# A call that has been under way for so long gives its place up: what is slow must not keep the others waiting.
SLOW_SECONDS = 30.0


class Due(NamedTuple, Generic[Subject]):
    """Something that a step may do from a time on (epoch seconds); a time to come is a time to wake up at."""

    at: float
    subject: Subject


class Step(ABC, Generic[Subject]):
    """One kind of call: when it is due, which of those that are due begin, and what their answers change.

    `Subject` is what one call is about: a file, a shard, or the flow itself.
    """

    activity: ClassVar[str]

    @abstractmethod
    def due(self, flow: Flow, now: float) -> Iterable[Due[Subject]]:
        """Give everything that this step may do, now or later; nothing for which its call is under way."""

    @abstractmethod
    def calls(self, flow: Flow, ready: list[Subject], now: float) -> Iterator[Call]:
        """Give the calls to begin, of those that are ready; each is under way before the next one is asked for."""

    @abstractmethod
    def answered(self, flow: Flow, call: Call, ok: Any, now: float) -> None:
        """Take an answer, as it came from the wire."""

    @abstractmethod
    def failed(self, flow: Flow, call: Call, fault: Fault, now: float) -> None:
        """Take a fault in place of an answer."""


def room_of(flow: Flow, call: Call) -> int:
    """Give the room that a call takes: of the places of a micro-batch, each of which has room for all of a shared activity."""
    return 1 if call.light else flow.settings.files_per_call


def room_left(flow: Flow, calls: list[Call], now: float) -> int:
    """Tell the room beside calls of one kind: that of a micro-batch of places, the slow ones uncounted.

    There are never more than two micro-batches of them.
    """
    most = flow.settings.micro_batch_size * flow.settings.files_per_call
    quick = sum(room_of(flow, call) for call in calls if now - call.begun_at < SLOW_SECONDS)
    return max(0, min(most - quick, 2 * most - sum(room_of(flow, call) for call in calls)))


def within_places(flow: Flow, activity: str, calls: Iterable[Call], now: float) -> Iterator[Call]:
    """Give the first calls that there are places for, and that are not too heavy together."""
    under_way = flow.calls_of(activity)
    return take_within(
        calls,
        lambda call: call.weight,
        most=room_left(flow, under_way, now),
        heaviest=MOVING_BYTES,
        moving=[call.weight for call in under_way],
        room=lambda call: room_of(flow, call),
    )
