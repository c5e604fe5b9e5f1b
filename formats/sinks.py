"""Where written files go: something that takes bytes, one after the other, and never goes back."""

import zlib
from typing import Any, Protocol


class Sink(Protocol):
    """Takes bytes. The code that opened it closes it."""

    def write(self, content: bytes, /) -> object:
        """Add bytes."""


class GzipSink:
    """Packs what is written. `close` writes the end; the sink below stays open."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)

    def write(self, content: bytes) -> None:
        """Add bytes."""
        if packed := self._packer.compress(content):
            self._sink.write(packed)

    def close(self) -> None:
        """Write what is left."""
        self._sink.write(self._packer.flush())


class ArrowSink:
    """A sink as the file that pyarrow writes to."""

    closed = False

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, content: Any) -> int:
        """Add bytes, or a buffer of pyarrow's."""
        taken = bytes(content)
        self._sink.write(taken)
        return len(taken)

    def flush(self) -> None:
        """Do nothing: the sink decides when bytes travel."""

    def close(self) -> None:
        """Do nothing: the code that opened the sink closes it."""
