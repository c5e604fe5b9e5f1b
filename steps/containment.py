"""Steps that could take the process down, or outlast their time: a begun try is noted before, outside the process.

Nothing below an activity tells whose fault it was that a worker died; the task hub calls the same activities again. The
notes tell: the first try is made as usual, the second one while no other step makes its own, so that the next death has one
culprit, the third one in a process of its own, and then the file is set aside. A step that finds out by itself that it is
too much for a shared process is begun again in that one as well.
Why: docs/decisions/0010-begun-tries-are-noted.md
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from typing import TypeVar

from adapters.malloc import give_memory_back
from adapters.own_process import OwnProcess, OwnProcessError
from adapters.services import Services
from domain.contracts import Answer, Fault, from_wire, to_wire
from domain.errors import NeedsOwnProcessError, PassingError, PipelineError, SetAsideError
from domain.shards import answer_bytes

Result = TypeVar("Result")

# From the third try on it runs alone: a worker that was stopped twice may have been stopped by others. The first of these
# that dies by itself is the last one; those whose worker is stopped meanwhile, by whatever it is, are few as well.
ALONE_FROM = 3
MOST_TRIES = 6
ALONE_AFTER_SECONDS = 1.0

# A second try waits so long for that of another step, where it stands, and then for the next call. One that goes on for long
# is not waited for: what stops its worker does so soon.
SUSPECT_WAIT_SECONDS = 3.0
SUSPECT_SECONDS = 30.0

# Smaller files of plain text cannot do harm: one call less for each of them.
HARMLESS_BYTES = 1_000_000


def answers_are_harmless(size: int, requests: int) -> bool:
    """Tell whether a shard's requests (`size` in bytes, and their number) and their answers are too small to do harm."""
    return size + requests * answer_bytes() <= HARMLESS_BYTES


class Suspects:
    """Lets the steps that were under way when their worker was stopped go one after the other."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._turned = Condition()
        self._latest: float | None = None  # when the one whose turn it is began

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Take a turn. Raises PassingError while another step has one."""
        with self._turned:
            if not self._turned.wait_for(self._is_free, SUSPECT_WAIT_SECONDS):
                raise PassingError(
                    "Its worker was stopped while it was under way, as others were; they are tried one by one.",
                    code=NeedsOwnProcessError.code,
                    retry_after=ALONE_AFTER_SECONDS,
                )
            ours = self._latest = self._clock()
        try:
            yield
        finally:
            with self._turned:
                if self._latest == ours:
                    self._latest = None
                    self._turned.notify()

    def _is_free(self) -> bool:
        return self._latest is None or self._clock() - self._latest >= SUSPECT_SECONDS


_suspects = Suspects()


class Contained:
    """One step about one file. `words` say what was done to it, behind "while"."""

    def __init__(self, activity: str, key: str, services: Services, *, words: str, shard: str = "") -> None:
        self._activity, self._key, self._words = activity, key, words
        self._step = f"{activity}-{shard}" if shard else activity
        self._own_process = services.own_process
        self._attempts = services.work.attempts

    def run(
        self,
        work: object,
        kind: type[Result],
        step: Callable[[], Result],
        *,
        is_done: Callable[[Result], bool] = lambda _: True,
    ) -> Result:
        """Carry out the step, here or alone; `work` and `kind` are its contracts. Raises SetAsideError after the last try.

        `is_done` tells by the answer whether the step is done for good: then its note may stay, and costs no call.
        """
        try:
            return self._run(work, kind, step, is_done)
        finally:
            give_memory_back()

    def _run(
        self, work: object, kind: type[Result], step: Callable[[], Result], is_done: Callable[[Result], bool]
    ) -> Result:
        if self._own_process is None:
            return step()
        number = self._attempts.begin(self._key, self._step)
        if number > MOST_TRIES:
            raise self._set_aside("")
        if number >= ALONE_FROM:
            return self._alone(work, kind, self._own_process, number)
        if number == 1:
            return self._beside_others(step, is_done)
        with _suspects.turn():
            self._attempts.note(self._key, self._step, number)
            return self._beside_others(step, is_done)

    def _beside_others(self, step: Callable[[], Result], is_done: Callable[[Result], bool]) -> Result:
        try:
            answer = step()
        except NeedsOwnProcessError as error:
            # With the whole of the time that a call has.
            self._attempts.note(self._key, self._step, ALONE_FROM - 1)
            raise PassingError(str(error), code=error.code, retry_after=ALONE_AFTER_SECONDS) from error
        except Exception:
            self._attempts.end(self._key, self._step)
            raise
        if not is_done(answer):
            self._attempts.end(self._key, self._step)
        return answer

    def _alone(
        self, work: object, kind: type[Result], own_process: Callable[[], OwnProcess], number: int
    ) -> Result:
        with own_process() as process:
            self._attempts.note(self._key, self._step, number)
            try:
                answer = from_wire(process.run(self._activity, to_wire(work)), Answer)
            except OwnProcessError as error:
                self._attempts.note(self._key, self._step, MOST_TRIES)
                raise self._set_aside(f" {error}") from error
        self._attempts.end(self._key, self._step)
        if answer.fault:
            raise _as_error(answer.fault)
        return from_wire(answer.ok, kind)

    def _set_aside(self, how: str) -> SetAsideError:
        return SetAsideError(
            f"It stopped its worker again and again while {self._words}.{how} It waits for another version of the app, or "
            "until it is released."
        )


def _as_error(fault: Fault) -> PipelineError:
    """Give the error that a fault of the other process was."""
    if fault.passing:
        return PassingError(fault.message, code=fault.code, retry_after=fault.retry_after)
    return PipelineError(fault.message, code=fault.code)
