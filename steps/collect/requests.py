"""The requests of a shard in their order: ids first, and the lines of those that are asked for."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from domain.service.request_lines import custom_id_of


class Requests:
    """Numbered from 1. `read` streams all lines; `ids`: what they are known to hold, so that few lines are read, or none."""

    def __init__(self, read: Callable[[], Iterator[bytes]], ids: Sequence[str] | None = None) -> None:
        self._read, self._ids = read, ids
        self._lines: Iterator[bytes] | None = None
        self._number, self._line = 0, b""  # of the line that was read last

    def numbered(self) -> Iterator[tuple[int, str]]:
        """Give number and id of each."""
        if self._ids is not None:
            yield from enumerate(self._ids, 1)
            return
        self._lines = self._read()
        for number, line in enumerate(self._lines, 1):
            self._number, self._line = number, line
            yield number, custom_id_of(line)

    def line(self, number: int) -> bytes:
        """Give the line of the request that was given last, or of one after those that were asked for."""
        if self._lines is None:
            self._lines = self._read()
        if number > self._number:
            self._line = next(islice(self._lines, number - self._number - 1, None))
            self._number = number
        return self._line
