"""Lines on their way into a blob, by the handful: a call for each would take longer than writing it."""

from typing import Protocol

HELD_BYTES = 64 * 1024


class Sink(Protocol):
    """What takes bytes."""

    def write(self, content: bytes, /) -> object:
        """Add bytes."""


class LineWriter:
    r"""Ends each line with `\n`. Nothing is written for good before `flush`."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._lines: list[bytes] = []
        self._held = 0

    def add(self, line: bytes) -> None:
        """Add a line, without its end."""
        self._lines.append(line)
        self._held += len(line)
        if self._held >= HELD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand over what is held."""
        if self._lines:
            self._lines.append(b"")
            self._sink.write(b"\n".join(self._lines))
            self._lines, self._held = [], 0
