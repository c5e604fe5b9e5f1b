"""How fast live calls may go: as many at once as the service bears, and no more per minute than the limits allow.

Concurrency follows the service's refusals as TCP follows lost packets: it grows by one with each round trip and is
halved by a 429. Rates are kept by the generic cell rate algorithm, whose whole memory is one time per limit, so that
the state is small enough to travel from slice to slice. Times are epoch seconds.
"""

import msgspec

FIRST_WIDTH = 4.0
WIDEST = 32.0  # calls at once; also the size of the connection pool
MINUTE_SECONDS = 60.25  # a little more, for calls that take longer to the service than others
# The service looks at windows as short as this ("Azure OpenAI quotas and limits", read 2026-11).
BURST_SECONDS = 1.0
LOOK_AHEAD_SECONDS = 0.1  # an append to the log takes less, and what is ahead is in doubt after a crash
LONGEST_STUMBLE_SECONDS = 60.0
SHORTEST_WAIT_SECONDS = 0.1  # after a refusal that names no time, or none worth the name


_LATEST = ("cut_at", "blocked_until", "requests_due_at", "tokens_due_at")


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a deployment takes in a minute; 0: no limit is known."""

    requests_per_minute: int = 0
    tokens_per_minute: int = 0

    def __bool__(self) -> bool:
        return bool(self.requests_per_minute or self.tokens_per_minute)

    @property
    def seconds_per_request(self) -> float:
        """Time between two calls, so long that no minute sees more calls than the limit, a burst included."""
        return _seconds_each(self.requests_per_minute)

    @property
    def seconds_per_token(self) -> float:
        """Time that a token takes of the minute."""
        return _seconds_each(self.tokens_per_minute)


def _seconds_each(per_minute: int) -> float:
    return (MINUTE_SECONDS + BURST_SECONDS) / per_minute if per_minute else 0.0


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What all who send to a deployment have spent together of its limits; times as in `Throttle`."""

    limits: Limits
    requests_due_at: float = 0.0
    tokens_due_at: float = 0.0


class Throttle(msgspec.Struct, kw_only=True):
    """The pace of one deployment's calls."""

    width: float = FIRST_WIDTH
    refused: bool = False  # the service has said no before: widen slowly
    cut_at: float = 0.0
    stumbles: int = 0  # refusals and failures since the last good answer
    blocked_until: float = 0.0
    requests_due_at: float = 0.0  # when all calls begun so far are paid for, in time, under the limit
    tokens_due_at: float = 0.0

    def shared_by(self, slices: float) -> "Throttle":
        """Give what each of several slices that send at the same time begins with."""
        return msgspec.structs.replace(self, width=max(1.0, self.width / slices))

    def learned(self, begun: "Throttle", left: "Throttle") -> "Throttle":
        """Give what this throttle of all slices becomes when one that began with `begun` has ended with `left`."""
        return Throttle(
            width=max(1.0, min(WIDEST, self.width + left.width_after(begun) - begun.width)),
            refused=self.refused or left.refused,
            stumbles=left.stumbles,
            **{name: max(getattr(self, name), getattr(left, name)) for name in _LATEST},
        )

    def width_after(self, begun: "Throttle") -> float:
        """Give the width, or what it would be if a slice could make less than one call at once."""
        narrowed = self.cut_at > begun.cut_at
        return min(self.width, begun.width / 2) if narrowed and self.width <= 1 else self.width

    def wait(self, now: float) -> float:
        """Give the seconds until another call may begin; 0: now."""
        due = max(self.requests_due_at, self.tokens_due_at) - BURST_SECONDS
        return max(0.0, self.blocked_until - now, due - now)

    @property
    def next_slice_at(self) -> float:
        """When a slice finds something to do; it waits for a second by itself."""
        return max(self.blocked_until, self.requests_due_at, self.tokens_due_at) - BURST_SECONDS

    def room(self, flying: int, now: float, limits: Limits) -> int:
        """Tell how many calls are about to begin: those that may now, and a few that can follow them at once."""
        free = int(self.width) - flying
        if free <= 0 or self.wait(now) > 0:
            return 0
        ahead = free + int(self.width) // 4
        each = limits.seconds_per_request
        return min(ahead, 1 + int(LOOK_AHEAD_SECONDS / each)) if each else ahead

    def may_begin(self, flying: int, now: float) -> bool:
        """Tell whether a call may begin now, beside those that are under way."""
        return flying < int(self.width) and self.wait(now) <= 0

    def began(self, now: float, tokens: int, limits: Limits) -> None:
        """Count a call, with the tokens it may take."""
        self.requests_due_at = max(self.requests_due_at, now) + limits.seconds_per_request
        self.tokens_due_at = max(self.tokens_due_at, now) + tokens * limits.seconds_per_token

    def spent(self, limits: Limits) -> Spent:
        """Tell what is spent of the limits."""
        return Spent(limits=limits, requests_due_at=self.requests_due_at, tokens_due_at=self.tokens_due_at)

    def learn(self, spent: Spent) -> None:
        """Take over what others have spent as well."""
        self.requests_due_at, self.tokens_due_at = spent.requests_due_at, spent.tokens_due_at

    def answered(self) -> None:
        """Widen after a good answer."""
        self.stumbles = 0
        self.width = min(WIDEST, self.width + (1.0 / self.width if self.refused else 1.0))

    def refuse(self, began: float, now: float, retry_after: float | None) -> None:
        """Narrow after a 429, once for all calls that were under way together, and wait as long as it says."""
        self.refused = True
        self._narrow(began, now)
        self._wait(now, retry_after)

    def stumble(self, began: float, now: float, retry_after: float | None = None) -> None:
        """Slow down after a call that failed on the service's side or on the way."""
        self._narrow(began, now)
        self._wait(now, retry_after)

    def _narrow(self, began: float, now: float) -> None:
        if began >= self.cut_at:
            self.width, self.cut_at = max(1.0, self.width / 2), now
            self.stumbles += 1

    def _wait(self, now: float, retry_after: float | None) -> None:
        own = min(LONGEST_STUMBLE_SECONDS, 0.5 * 2.0 ** min(self.stumbles - 1, 10))
        asked = own if retry_after is None else max(retry_after, SHORTEST_WAIT_SECONDS)
        self.blocked_until = max(self.blocked_until, now + asked)
