"""How long to wait: between looks at the batches, after a fault, while a deployment is full or misconfigured."""

from collections.abc import Iterable, Iterator

import msgspec

from domain.contracts import Fault, Pause, SnapshotSettings
from domain.errors import NeedsOwnProcessError
from domain.service.reach import WHOLE_RESOURCE
from domain.service.regrouping import PauseKind

POLL_GROWTH = 1.5
# So much longer is the first wait for a batch where the looks of others show it: of files that come about as often as may be
# looked, each has been seen by then with the next one's submission.
OTHERS_FIRST = 1.5
PAUSE_FIRST_SECONDS = 5.0  # the service's own advice for a full queue: 5 s, doubling
PAUSE_LONGEST_SECONDS = 300.0
FAULT_LONGEST_SECONDS = 300.0
MAX_PASSING_TRIES = 300  # about a day at the longest delay
# What waits for its turn to run alone, which comes in minutes, looks often, and for as long.
TURN_LONGEST_SECONDS = 10.0
MAX_TRIES_FOR_A_TURN = 8640
MAX_OTHER_TRIES = 6  # a defect or a refusal rarely passes by itself; these are for the one that does

# The engine's timers fire up to a second early: the rest of a second is cut off (Azure/durabletask, TaskHubQueue.cs, read
# 2026-11). So what is due within a second is due, and nothing waits for less than two.
EARLY_SECONDS = 1.0
SHORTEST_WAIT_SECONDS = 2.0


def later(now: float, seconds: float) -> float:
    """Give the time (epoch seconds) at which a wait of so many seconds is over."""
    return now + max(seconds, SHORTEST_WAIT_SECONDS)


def fault_delay(tries: int, fault: Fault) -> float:
    """Give the seconds to wait before try number `tries` + 1; never less than the service asked for."""
    longest = TURN_LONGEST_SECONDS if _waits_for_turn(fault) else FAULT_LONGEST_SECONDS
    return max(min(2.0 ** min(tries - 1, 10), longest), fault.retry_after or 0.0)


def exhausted(tries: int, fault: Fault) -> bool:
    """Tell whether a step that failed `tries` times with such faults is given up."""
    if _waits_for_turn(fault):
        return tries >= MAX_TRIES_FOR_A_TURN
    return fault.final or tries >= (MAX_PASSING_TRIES if fault.passing else MAX_OTHER_TRIES)


def _waits_for_turn(fault: Fault) -> bool:
    return fault.code == NeedsOwnProcessError.code and fault.passing


class PollClock(msgspec.Struct):
    """When to look at the batches next. Times are epoch seconds."""

    interval: float = 0.0  # 0 before the first look
    next_at: float = 0.0
    complaint: str = ""  # why the last look has not seen everything, for people

    def max_age(self, settings: SnapshotSettings) -> float:
        """How old news may be that another snapshot has asked for, seconds: half of the wait, so that little is seen late.

        Of a short wait all of it, or each new snapshot would have a look of its own.
        """
        return max(self.interval / 2, min(self.interval, 2 * settings.poll_min_seconds))

    def after_submission(self, now: float, settings: SnapshotSettings, *, others_look: bool = False) -> None:
        """Look soon at a new batch, however patient the clock had become; not at once where others look soon."""
        wait = min(
            settings.poll_min_seconds * (OTHERS_FIRST if others_look else 1.0), settings.poll_max_seconds
        )
        due = later(now, wait)
        self.next_at = min(self.next_at, due) if self.next_at > now else due
        self.interval = wait

    def after_poll(
        self, now: float, settings: SnapshotSettings, *, progress: bool, fault: Fault | None = None
    ) -> None:
        """Grow the interval, or go back to the shortest after progress."""
        grown = max(self.interval, settings.poll_min_seconds) * POLL_GROWTH
        self.interval = settings.poll_min_seconds if progress else min(grown, settings.poll_max_seconds)
        self.next_at = later(now, max(self.interval, (fault.retry_after or 0.0) if fault else 0.0))


class QuotaGauge(msgspec.Struct):
    """How full a deployment's queue is, in tokens, as the service said with the last batch it took, and when that was."""

    enqueued: int
    limit: int
    at: float = 0.0  # epoch seconds

    def has_room(self, tokens: int) -> bool:
        """Whether so many more would fit."""
        return self.enqueued + tokens <= self.limit


class DeploymentPause(msgspec.Struct):
    """A deployment that takes nothing for now. After `until`, `width` shards may try; success doubles the width.

    `since`: the last success, or the first refusal.
    """

    kind: PauseKind
    message: str
    since: float
    until: float
    delay: float
    width: int = 1


class Pauses(msgspec.Struct):
    """What takes nothing for now, by its reach (`domain.service.reach`).

    `reaches`: those that hold a shard; any pause among them stops it.
    """

    by_model: dict[str, DeploymentPause] = {}

    def of(self, reaches: Iterable[str]) -> Iterator[DeploymentPause]:
        """Give the pauses among reaches."""
        return (self.by_model[reach] for reach in reaches if reach in self.by_model)

    def over_at(self, reaches: Iterable[str]) -> float:
        """Give the time from which something may be sent again; 0: it is not paused."""
        return max((pause.until for pause in self.of(reaches)), default=0.0)

    def width(self, reaches: Iterable[str], now: float, widest: int) -> int:
        """Give how many shards may be on their way at once."""
        return min([widest, *(0 if now < pause.until else pause.width for pause in self.of(reaches))])

    def begin(self, pause: Pause, now: float) -> DeploymentPause:
        """Pause what is meant, longer each time; another refusal during the pause changes nothing."""
        reach = pause.reach or pause.model or WHOLE_RESOURCE
        known = self.by_model.get(reach)
        if known is None:
            known = DeploymentPause(
                pause.kind, pause.message, now, now + PAUSE_FIRST_SECONDS, PAUSE_FIRST_SECONDS
            )
            self.by_model[reach] = known
        elif now + EARLY_SECONDS >= known.until:
            known.delay = min(known.delay * 2, PAUSE_LONGEST_SECONDS)
            known.until = now + known.delay
            known.kind, known.message, known.width = pause.kind, pause.message, 1
        return known

    def succeeded(self, reaches: Iterable[str], now: float, widest: int) -> None:
        """Widen the gates that something went through; open them fully in the end."""
        for reach in reaches:
            if pause := self.by_model.get(reach):
                pause.since, pause.width = now, pause.width * 2
                if pause.width >= widest:
                    del self.by_model[reach]

    def room_made(self, reaches: Iterable[str], now: float) -> None:
        """Try what is full at once when one of its batches has ended."""
        for pause in self.of(reaches):
            if pause.kind == "quota":
                pause.until = min(pause.until, now)
