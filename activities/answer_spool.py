"""The answers of one batch, found again by `custom_id`, with bounded memory: the text lies in a temporary file."""

from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Self

from domain.outcomes import Outcome, Verdict, judge

SPOOL_BYTES = 16 * 1024 * 1024  # answers below this stay in memory


class AnswerSpool:
    """Takes answer lines in any order. A request answered twice counts once, and a success wins.

    `judge` says what a line means for its request; None for a blank one.
    """

    def __init__(self, judge: Callable[[bytes], Verdict | None] = judge) -> None:
        self._judge = judge
        self._file = SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - closed by __exit__
        self._end = 0
        self._found: dict[str, tuple[int, int, Verdict]] = {}

    def add(self, line: bytes) -> None:
        """Keep one line of an output or error file. Raises msgspec.DecodeError for a line that is no answer."""
        verdict = self._judge(line)
        if verdict is None:
            return
        earlier = self._found.get(verdict.custom_id)
        if earlier is None or (verdict.outcome is Outcome.OK and earlier[2].outcome is not Outcome.OK):
            self._found[verdict.custom_id] = (self._end, len(line), verdict)
            self._file.seek(self._end)
            self._end += self._file.write(line)

    def take(self, custom_id: str) -> tuple[Verdict, bytes] | None:
        """Give the verdict on a request and the service's line, once; None where there is no answer."""
        found = self._found.pop(custom_id, None)
        if found is None:
            return None
        start, length, verdict = found
        self._file.seek(start)
        return verdict, self._file.read(length)

    @property
    def strangers(self) -> int:
        """Answers nobody has taken: to requests that were not asked."""
        return len(self._found)

    def __len__(self) -> int:
        """Count the requests whose answers nobody has taken yet."""
        return len(self._found)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
