"""The answers of one batch, found again by `custom_id`, with bounded memory: the text lies in a temporary file."""

import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from tempfile import TemporaryFile
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from domain.json_depth import is_balanced, is_too_deep
from domain.service.answer_repair import repaired, salvaged
from domain.service.outcomes import Outcome, Verdict, is_plain, judge

_decode = msgspec.json.Decoder(Verdict).decode
_encode = msgspec.json.Encoder().encode

SPOOL_BYTES = 4 * 1024 * 1024  # answers below this stay in memory; above, they go to the file by so many
READ_BYTES = 256 * 1024  # read at once where answers are taken in the order in which they came

# Place and size of an answer are one number: a shard may have a hundred thousand.
_SIZE_BITS = 32
_SIZES = (1 << _SIZE_BITS) - 1


class AnswerSpool:
    """Takes answer lines in any order. A request answered twice counts once, and a success wins.

    In memory is where each line lies, and no more. Lines are judged when they come, so that a broken one is noticed; the
    verdict lies before the line.

    `judge` says what a line means for its request; None for a blank one.
    """

    def __init__(self, judge: Callable[[bytes], Verdict | None] = judge) -> None:
        self._judge = judge
        self._places: dict[str, int] = {}
        self._is_plain = True  # every answer so far is one, in full
        self._end = 0  # of all answers, in bytes
        self._file: BinaryIO | None = None
        self._held: list[bytes] = []  # not in the file yet
        self._held_from = 0
        self._block, self._block_start = b"", 0  # read last
        self._expected = 0  # where the next answer lies, if they are taken in the order in which they came

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
        place = self._places.get(verdict.custom_id)
        if place is None or (verdict.outcome is Outcome.OK and not self._is_success(place)):
            self._is_plain = self._is_plain and is_plain(verdict)
            record = b"%b\n%b" % (_encode(verdict), line)
            size = len(record)
            self._places[verdict.custom_id] = self._end << _SIZE_BITS | size
            self._held.append(record)
            self._end += size
            if self._end - self._held_from > SPOOL_BYTES:
                self._write_held()

    def _write_held(self) -> None:
        if self._file is None:
            self._file = TemporaryFile(buffering=0)  # noqa: SIM115 - closed by __exit__
        self._file.seek(self._held_from)
        left = memoryview(b"".join(self._held))
        while left:
            left = left[self._file.write(left) :]
        self._held, self._held_from = [], self._end

    def _is_success(self, place: int) -> bool:
        return _decode(self._record(place).partition(b"\n")[0]).outcome is Outcome.OK

    def _record(self, place: int) -> bytes:
        """Give an answer as it was kept: its verdict, and its line."""
        start, size = place >> _SIZE_BITS, place & _SIZES
        begin = start - self._block_start
        if not 0 <= begin <= len(self._block) - size:
            self._read(start, READ_BYTES if start == self._expected and size < READ_BYTES else size)
            begin = start - self._block_start
        self._expected = start + size
        return self._block[begin : begin + size]

    def _read(self, start: int, size: int) -> None:
        """Bring a piece into the block: what is held, as a whole, or a piece of the file."""
        if self._file is None or start >= self._held_from:
            self._block, self._block_start = b"".join(self._held), self._held_from
            self._held = [self._block]
            return
        self._block, self._block_start = b"", start
        size = min(size, self._held_from - start)
        while missing := size - len(self._block):
            piece = os.pread(self._file.fileno(), missing, start + len(self._block))
            if not piece:
                raise EOFError("The temporary file of answers is shorter than what was written to it.")
            self._block = self._block + piece if self._block else piece

    def take(self, custom_id: str) -> tuple[Verdict, bytes] | None:
        """Give the verdict on a request and the service's line, once; None where there is no answer."""
        place = self._places.pop(custom_id, None)
        if place is None:
            return None
        verdict, _, line = self._record(place).partition(b"\n")
        return _decode(verdict), line

    def are_all_plain_of(self, custom_ids: Collection[str]) -> bool:
        """Tell whether there is an answer in full to each request of these ids, and nothing else."""
        is_one_each = self._is_plain and len(custom_ids) == len(self._places)
        return is_one_each and all(map(self._places.__contains__, custom_ids))

    def take_all(self, custom_ids: Iterable[str]) -> Iterator[tuple[Verdict, bytes]]:
        """Give what `take` gives, for requests that have an answer."""
        for custom_id in custom_ids:
            found = self.take(custom_id)
            assert found is not None
            yield found

    @property
    def unrequested(self) -> int:
        """Count the answers that were not taken: to requests that were not asked."""
        return len(self._places)

    def __len__(self) -> int:
        """Count the requests whose answers are not taken yet."""
        return len(self._places)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()


def _read_at(file: BinaryIO, start: int, size: int) -> bytes:
    """Read at most so many bytes from a place of an unbuffered file."""
    if sys.platform == "win32":
        file.seek(start)
        return file.read(size)
    return os.pread(file.fileno(), size, start)  # one call to the system in place of two, for each answer
