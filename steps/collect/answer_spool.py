"""The answers of one batch, found again by `custom_id`, with bounded memory: the text lies in a temporary file."""

from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Self

import msgspec

from domain.json_depth import is_balanced, is_too_deep
from domain.service.answer_repair import repaired, salvaged
from domain.service.outcomes import Outcome, Verdict, judge

_decode = msgspec.json.Decoder(Verdict).decode
_encode = msgspec.json.Encoder().encode

SPOOL_BYTES = 4 * 1024 * 1024  # answers below this stay in memory


class AnswerSpool:
    """Takes answer lines in any order. A request answered twice counts once, and a success wins.

    In memory is where each line begins, and no more: a shard may have a hundred thousand. Lines are judged when they
    come, so that a broken one is noticed; the verdict lies before the line.

    `judge` says what a line means for its request; None for a blank one.
    """

    def __init__(self, judge: Callable[[bytes], Verdict | None] = judge) -> None:
        self._judge = judge
        self._file = SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 - closed by __exit__
        self._end = 0
        self._starts: dict[str, int] = {}

    def add(self, line: bytes) -> None:
        """Keep one line of an output or error file; one that strict readers refuse, as `domain.service.answer_repair` writes it.

        Raises msgspec.DecodeError for a line that is no answer, however leniently it is read.
        """
        try:
            verdict = self._judge(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            line = self._repaired(line)
            verdict = self._judge(line)
        if verdict is not None:
            self._keep(verdict, line)

    def add_unreadable(self, line: bytes) -> bool:
        """Keep the text of a line that is no answer, as what came for its request; False where none can be made out in it."""
        kept = salvaged(line)
        verdict = self._judge(kept) if kept else None
        if kept and verdict:
            self._keep(verdict, kept)
        return verdict is not None

    def _repaired(self, line: bytes) -> bytes:
        try:
            return repaired(line)
        except msgspec.DecodeError:
            # A line that has come to its end would be no better another time.
            kept = salvaged(line) if is_too_deep(line) or is_balanced(line) else None
            if kept is None:
                raise
            return kept

    def _keep(self, verdict: Verdict, line: bytes) -> None:
        start = self._starts.get(verdict.custom_id)
        if start is None or (verdict.outcome is Outcome.OK and not self._is_success(start)):
            self._starts[verdict.custom_id] = self._end
            self._file.seek(self._end)
            self._end += self._file.write(b"%b\n%b\n" % (_encode(verdict), line))

    def _is_success(self, start: int) -> bool:
        return self._verdict_at(start).outcome is Outcome.OK

    def _verdict_at(self, start: int) -> Verdict:
        """Read a verdict; what follows in the file is its line."""
        self._file.seek(start)
        return _decode(self._file.readline())

    def take(self, custom_id: str) -> tuple[Verdict, bytes] | None:
        """Give the verdict on a request and the service's line, once; None where there is no answer."""
        start = self._starts.pop(custom_id, None)
        if start is None:
            return None
        return self._verdict_at(start), self._file.readline().removesuffix(b"\n")

    @property
    def unrequested(self) -> int:
        """Count the answers that were not taken: to requests that were not asked."""
        return len(self._starts)

    def __len__(self) -> int:
        """Count the requests whose answers are not taken yet."""
        return len(self._starts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
