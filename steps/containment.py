"""Steps that could take the process down, or outlast their time: a begun try is noted before, outside the process.

Nothing below an activity tells whose fault it was that a worker died; the task hub calls the same activities again. The
notes tell: the first tries are made as usual, the last one in a process of its own, and then the file is set aside. A step
that finds out by itself that it is too much for a shared process is begun again in that one as well.
Why: docs/decisions/0010-begun-tries-are-noted.md
"""

from collections.abc import Callable
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

# Smaller files of plain text cannot do harm: one call less for each of them.
HARMLESS_BYTES = 1_000_000


def answers_are_harmless(size: int, requests: int) -> bool:
    """Tell whether a shard's requests (`size` in bytes, and their number) and their answers are too small to do harm."""
    return size + requests * answer_bytes() <= HARMLESS_BYTES


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
        if number > 1:
            self._attempts.note(self._key, self._step, number)
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
