"""The log of a shard that is sent live: an append blob with one writer at a time.

Every append says where it expects the end to be. Where another slice has begun since, it fails, and so does the writer:
whoever has lost the log sends nothing more.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator

from adapters.append_blob import MAX_APPEND_BYTES, MAX_BLOCKS, AppendBlob
from domain.errors import ConflictError
from domain.request_lines import split_lines
from domain.sending import SendRecord, records, to_line

BLOCKS_IN_RESERVE = 2_000  # for the answers of what is under way


class SendLog:
    """One slice's way to the log. `note` is told every record, in order, whoever has written it."""

    def __init__(self, blob: AppendBlob, position: int, note: Callable[[SendRecord], None]) -> None:
        self._blob, self._note = blob, note
        self._by = uuid.uuid4().hex
        self.position = position  # bytes that have been read or written

    @property
    def is_full(self) -> bool:
        """Whether there is only room left for the answers of what is under way."""
        return self._blob.blocks >= MAX_BLOCKS - BLOCKS_IN_RESERVE

    def open(self) -> None:
        """Read what is new and become the writer: whoever was it before fails at the next append.

        Raises ConflictError when another slice does so at the same time.
        """
        if self.position == 0:
            self._blob.create()
        self._read(rivals=True)
        # The last writer may have died within a line: a line end before ours keeps the two apart.
        self._append(b"\n" + to_line(SendRecord(by=self._by)))

    def append(self, *, intended: list[int], facts: list[SendRecord]) -> None:
        """Write facts and an intent, in this order. Raises ConflictError when another slice has begun."""
        intents = [SendRecord(by=self._by, intended=intended)] if intended else []
        own = [*facts, *intents]
        for block in _blocks(map(to_line, own)):
            self._append(block)
        for record in own:
            self._note(record)

    def add_facts(self, facts: list[SendRecord]) -> None:
        """Write answers, and what was not sent after all, into a log that is somebody else's by now: they are true."""
        for block in _blocks(b"\n" + to_line(fact) for fact in facts):
            self._blob.append(block, position=None)

    def _append(self, block: bytes) -> None:
        while True:
            try:
                self._blob.append(block, position=self.position)
            except ConflictError:
                if self._blob.read(self.position, len(block)) == block:
                    break  # an own append, whose answer was lost on the way
                self._read(rivals=False)
            else:
                break
        self.position += len(block)

    def _read(self, *, rivals: bool) -> None:
        """Take in what was written from `position` on. Raises ConflictError when a slice has begun there, unless it may."""
        for record in records(split_lines(self._counted())):
            if record.by not in ("", self._by) and not rivals:
                raise ConflictError(f"{self._blob.name}: another slice has begun.")
            self._note(record)

    def _counted(self) -> Iterator[bytes]:
        for chunk in self._blob.chunks(self.position):
            self.position += len(chunk)
            yield chunk


def _blocks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Put lines together into blocks that an append takes; only a line that is longer is cut."""
    block = bytearray()
    for line in lines:
        if len(block) + len(line) > MAX_APPEND_BYTES and block:
            yield bytes(block)
            block.clear()
        block += line
        while len(block) > MAX_APPEND_BYTES:
            yield bytes(block[:MAX_APPEND_BYTES])
            del block[:MAX_APPEND_BYTES]
    if block:
        yield bytes(block)
