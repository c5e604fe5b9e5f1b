"""Send the rows of one shard as live calls for a while: intents into the log, calls, answers into the log.

One coroutine decides, in turns; the calls alone run beside it. A turn writes what there is to write, begins the calls
that may begin, and waits for one to end.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import msgspec

from adapters.threads import in_thread
from domain.direct.live_calls import CallMaker, LiveCall, answer_lines
from domain.direct.sending import SendBook, SendRecord
from domain.direct.throttle import Limits, Throttle
from domain.errors import (
    FOREIGN_ANSWER,
    ConfigurationError,
    ConflictError,
    LostAnswerError,
    PassingError,
    PipelineError,
)
from domain.service.endpoints import BY_URL

if TYPE_CHECKING:
    from adapters.openai.live_api import LiveAnswer, LiveApi
    from adapters.work.rates import RateRecord
    from adapters.work.send_log import SendLog

OVERTIME_SECONDS = 45.0  # for which other calls may follow, while a slice waits for slow answers anyway
LONG_WAIT_SECONDS = 0.5  # that calls wait for no longer as ones that may have been sent
FLUSH_SECONDS = 0.25  # an answer lies in memory no longer, unless an append takes longer
FLUSH_ANSWERS = 64
FLUSH_BYTES = 4 * 1024 * 1024

# In a row: then something stands between the service and us, and every further call would be in doubt as well.
MOST_FOREIGN_ANSWERS = 3

_BAD_INPUT = frozenset({400, 413, 422})
_FAILED_THERE = 500  # and above: the service's own faults
_TIMED_OUT = 408

log = logging.getLogger(__name__)


class Sending:
    """One slice of one shard. `paused`: why the deployment takes nothing, when it does not."""

    def __init__(
        self,
        *,
        about: str,
        url: str,
        calls: CallMaker,
        rows: list[int],
        book: SendBook,
        send_log: "SendLog",
        api: "LiveApi",
        throttle: Throttle,
        limits: Limits,
        rate: "RateRecord | None",
        most_tries: int,
        clock: Callable[[], float],
        until: float,
    ) -> None:
        self._about, self._path, self._calls = about, BY_URL[url].path, calls
        self._book, self._log, self._api = book, send_log, api
        self._throttle, self._limits, self._most_tries = throttle, limits, most_tries
        self._rate = rate  # None without limits
        self._clock, self._until = clock, until
        self._rows = deque(rows)  # without an intent of this slice
        self._ready: deque[LiveCall] = deque()  # with an intent, not under way
        self._flying: dict[asyncio.Task[LiveAnswer | PipelineError], tuple[LiveCall, float]] = {}
        self._facts: list[SendRecord] = []
        self._fact_bytes, self._oldest_fact = 0, 0.0
        self._unsure: list[LiveCall] = []  # whose intents may have been written
        self._stopped = False
        self._foreign = 0  # answers in a row that are not the service's own
        self.paused: ConfigurationError | None = None

    async def run(self) -> None:
        """Send until all is sent or the time is over, and wait for the answers to what was sent.

        Raises ConflictError when another slice has begun to send this shard; what is known by then is written all the
        same.
        """
        try:
            if self._rate:
                self._throttle.learn(await in_thread(self._rate.read))
            while await self._turn():
                pass
        except Exception as error:
            await self._save(error)
            raise

    async def _save(self, error: Exception) -> None:
        """Bring home what is under way when the slice cannot go on; its answers are paid for."""
        await self._land_all()
        self._take_back()
        if not isinstance(error, ConflictError):
            unsure = [SendRecord(taken_back=[row for call in self._unsure for row in call.rows])]
            try:
                await in_thread(self._log.append, intended=[], facts=[*self._facts, *unsure])
            except ConflictError:
                log.warning("%s: another slice has begun meanwhile", self._about)
            else:
                return
        await in_thread(self._log.add_facts, self._facts)

    async def _turn(self) -> bool:
        """Do what can be done now and wait for the next thing to happen; False when nothing is left to do."""
        now = self._clock()
        self._stopped = self._stopped or self._log.is_full or self._is_over(now)
        places = self._throttle.room(len(self._flying), now, self._limits)
        wanted = 0 if self._stopped or self._ready else places
        if (wanted and self._rows) or self._is_due(now):
            await self._write(wanted)
        await self._begin_calls()
        if self._flying:
            await self._wait_for_landing()
            return True
        return await self._wait_for_leave()

    def _is_over(self, now: float) -> bool:
        """Tell whether the time is over: not yet while calls from before its end are unanswered, within limits."""
        waits = any(began < self._until for _, began in self._flying.values())
        return now >= self._until and not (waits and now < self._until + OVERTIME_SECONDS)

    # --- the log -----------------------------------------------------------------------------------------------------

    def _is_due(self, now: float) -> bool:
        waited = now - self._oldest_fact >= FLUSH_SECONDS
        return bool(self._facts) and (
            waited or len(self._facts) >= FLUSH_ANSWERS or self._fact_bytes >= FLUSH_BYTES
        )

    async def _write(self, wanted: int) -> None:
        """Write what is known, and the intent to make up to `wanted` calls, in one append."""
        calls: list[LiveCall] = []
        while self._rows and len(calls) < wanted:
            calls.append(self._calls.next_call(self._rows))
        facts, self._facts, self._fact_bytes = self._facts, [], 0
        intended = [row for call in calls for row in call.rows]
        try:
            await in_thread(self._log.append, intended=intended, facts=facts)
        except Exception as error:
            self._facts = facts + self._facts
            # Nothing is written of the calls when another sender was first; when storage failed, it is unknown.
            self._unsure = [] if isinstance(error, ConflictError) else calls
            raise
        self._ready.extend(calls)

    def _know(self, fact: SendRecord) -> None:
        if not self._facts:
            self._oldest_fact = self._clock()
        self._facts.append(fact)
        self._fact_bytes += len(fact.answer)

    def _take_back(self) -> None:
        """Note that the calls which were intended and not begun, or refused, are not made now; their rows come first."""
        rows = sorted(row for call in self._ready for row in call.rows)
        if rows:
            self._know(SendRecord(taken_back=rows))
        self._rows.extendleft(reversed(rows))
        self._ready.clear()

    # --- calls -------------------------------------------------------------------------------------------------------

    async def _begin_calls(self) -> None:
        """Begin the calls whose turn it is, once they are counted where all who send to the deployment count theirs."""
        now = self._clock()
        while number := self._turns(now):
            if self._rate is None or await in_thread(self._rate.write, self._throttle.spent(self._limits)):
                for call in [self._ready.popleft() for _ in range(number)]:
                    self._flying[asyncio.create_task(self._send(call))] = (call, now)
                return
            self._throttle.learn(await in_thread(self._rate.read))
            now = self._clock()

    def _turns(self, now: float) -> int:
        """Count the calls that may begin now, and what they spend."""
        number = 0
        if not self._stopped:
            for call in self._ready:
                if not self._throttle.may_begin(len(self._flying) + number, now):
                    break
                self._throttle.began(now, call.tokens, self._limits)
                number += 1
        return number

    async def _send(self, call: LiveCall) -> "LiveAnswer | PipelineError":
        try:
            return await self._api.send(self._path, call.body, about=f"{self._about}-{call.rows[0]}")
        except PipelineError as error:
            return error

    async def _wait_for_landing(self) -> None:
        """Wait until a call ends, another one may begin, or answers have to be written; take in what has ended."""
        now = self._clock()
        times = [self._oldest_fact + FLUSH_SECONDS - now] if self._facts else []
        if (
            (self._ready or self._rows)
            and not self._stopped
            and len(self._flying) < int(self._throttle.width)
        ):
            times.append(self._throttle.wait(now))
        patience = max(0.0, min(times)) if times else None
        ended, _ = await asyncio.wait(self._flying, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            self._land(task)

    async def _wait_for_leave(self) -> bool:
        """Wait, with nothing under way, until a call may begin; False, with all written, when that is not in this slice."""
        now = self._clock()
        wait = self._throttle.wait(now)
        if not self._stopped and (self._rows or self._ready) and now + wait < self._until:
            if wait > LONG_WAIT_SECONDS:
                self._take_back()
            if self._facts and wait > 0:
                await self._write(0)
            await asyncio.sleep(wait)
            return True
        self._stopped = True
        self._take_back()
        if self._facts:
            await self._write(0)
        return False

    async def _land_all(self) -> None:
        """Take in every answer that is still to come, whatever becomes of one of them."""
        self._stopped = True
        while self._flying:
            try:
                await self._wait_for_landing()
            except Exception:
                log.exception("%s: a call ended in a surprise", self._about)

    # --- what became of a call ---------------------------------------------------------------------------------------

    def _land(self, task: "asyncio.Task[LiveAnswer | PipelineError]") -> None:
        call, began = self._flying.pop(task)
        told = task.result()
        is_foreign = isinstance(told, LostAnswerError) and told.code == FOREIGN_ANSWER
        self._foreign = self._foreign + 1 if is_foreign else 0
        if isinstance(told, PipelineError):
            self._land_without_answer(call, began, told)
        elif told.status == 429:  # never a payment, never an attempt
            self._throttle.refuse(began, self._clock(), told.retry_after)
            self._ready.appendleft(call)
        # One row is bad, none was billed: find out which, by twice as many calls as there are halvings.
        elif told.status in _BAD_INPUT and len(call.rows) > 1:
            self._throttle.answered()
            halves = self._calls.halves(call)
            self._know(SendRecord(split=[list(half.rows) for half in halves]))
            self._ready.extendleft(reversed(halves))
        else:
            self._keep(call, told)
            if told.status >= _FAILED_THERE or told.status == _TIMED_OUT:
                self._throttle.stumble(began, self._clock(), told.retry_after)
            else:
                self._throttle.answered()

    def _land_without_answer(self, call: LiveCall, began: float, error: PipelineError) -> None:
        log.warning("%s", error)
        self._throttle.stumble(began, self._clock())
        if isinstance(error, LostAnswerError):  # the intents stand: these rows are in doubt
            self._doubt(call.rows)
            if self._foreign >= MOST_FOREIGN_ANSWERS:
                told = f"{self._foreign} live calls in a row were not answered by the service: {error}"
                self.paused, self._stopped = ConfigurationError(told, code=error.code), True
        elif isinstance(error, ConfigurationError):
            self.paused, self._stopped = error, True
            self._ready.appendleft(call)
        elif isinstance(error, PassingError):  # it never left
            self._ready.appendleft(call)
        else:
            raise error

    def _keep(self, call: LiveCall, answer: "LiveAnswer") -> None:
        """Keep the answer of each row; a row that its own call's answer does not hold is in doubt."""
        status = answer.status
        if status == 200 or len(call.rows) == 1:
            try:
                lines = answer_lines(call, status, answer.body, answer.request_id, answer.marks)
            except msgspec.DecodeError as error:
                log.warning("%s-%d: %s", self._about, call.rows[0], error)
                lines = {}
        else:  # the error of a shared call is that of each of its rows
            lines = {}
            for place in range(len(call.rows)):
                lines |= answer_lines(call.only(place), status, answer.body, answer.request_id)
        for row, line in lines.items():
            self._know(SendRecord(row=row, answer=msgspec.Raw(line)))
        self._doubt(row for row in call.rows if row not in lines)

    def _doubt(self, rows: Iterable[int]) -> None:
        """Leave rows in doubt, or send them again where the settings say so."""
        self._rows.extend(row for row in rows if self._book.tries(row) < self._most_tries)
