"""What one pass through a file may take, counted while it is read."""

import time
from collections.abc import Callable, Iterable, Iterator

from domain.bounds import UNBOUNDED, Bounds, refuse_rows, refuse_time, refuse_unpacked
from domain.errors import NeedsOwnProcessError


class Allowance:
    """Counts what the reading of one file takes. Each method raises InputFileError beyond its bound.

    To be made in the thread that reads: `processor` gives the seconds of processor time that the thread has had. Two others are
    told about time as well, by `at_time`: at how many seconds of which clock something is to be called.
    """

    def __init__(self, bounds: Bounds = UNBOUNDED, processor: Callable[[], float] = time.thread_time) -> None:
        self.bounds = bounds
        self._processor = processor
        self._ends: list[tuple[Callable[[], float], float, Callable[[], object]]] = []
        self.at_time(bounds.seconds, lambda: refuse_time(bounds.seconds), processor)
        # Whether what may take all memory is to be begun again elsewhere.
        self.beside_others = False
        self.bytes = 0  # read so far, unpacked
        self._blank_lines = 0

    def at_time(
        self, seconds: float, act: Callable[[], object], clock: Callable[[], float] | None = None
    ) -> None:
        """Have something done, which is to raise, once so many seconds have passed on a clock; by default the processor's."""
        clock = clock or self._processor
        self._ends.append((clock, clock() + seconds, act))

    def check_time(self) -> None:
        """To be called again and again."""
        for clock, end, act in self._ends:
            if clock() > end:
                act()

    def check_rows(self, rows: int) -> None:
        """Say how many rows there are so far, or will be."""
        if rows + self._blank_lines > self.bounds.rows:
            refuse_rows(self.bounds.rows)

    def risk(self, why: str) -> None:
        """Say what may take more memory than there is, although it need not. Raises NeedsOwnProcessError beside others."""
        if self.beside_others:
            raise NeedsOwnProcessError(why)

    def take(self, size: int) -> None:
        """Count bytes that were read and unpacked."""
        self.bytes += size
        self.check_time()

    def unpacked(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Count pieces that pack little or much."""
        for piece in pieces:
            self.take(len(piece))
            if self.bytes > self.bounds.unpacked_bytes:
                refuse_unpacked(self.bounds.unpacked_bytes)
            self._count_blank_lines(piece)
            yield piece

    def read(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Count pieces that are not packed."""
        for piece in pieces:
            self.take(len(piece))
            self._count_blank_lines(piece)
            yield piece

    def _count_blank_lines(self, piece: bytes) -> None:
        # What holds anything else is not looked at any further than that.
        if piece.isspace():
            self._blank_lines += piece.count(b"\n") or piece.count(b"\r")
            self.check_rows(0)
