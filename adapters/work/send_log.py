"""The log of a shard that is sent live: an append blob with one writer at a time.

Every append says where it expects the end to be. Where another slice has begun since, it fails, and so does the writer:
a slice that has lost the log sends nothing more.
Why: docs/decisions/0005-intents-in-an-append-blob.md
"""

import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from adapters.storage.append_blob import MAX_APPEND_BYTES, MAX_BLOCKS, AppendBlob
from adapters.storage.blobs import Container
from domain import names
from domain.direct.sending import SendRecord, records, to_line
from domain.errors import ConflictError, NotFoundError
from domain.service.request_lines import split_lines

MOST_TRIES_TO_OPEN = 20  # against a writer that is busy
BLOCKS_IN_RESERVE = 2_000  # for the answers of what is under way


class SendLogs:
    """A log for each shard that is sent live."""

    def __init__(self, work: Container) -> None:
        self._work = work

    def of(self, name: str, position: int, note: Callable[[SendRecord], None]) -> "SendLog":
        """Give the way to a log that has been read up to `position`; `note` is told what is in it from there on."""
        return SendLog(AppendBlob(self._work, name), position, note)

    def records(self, key: str, shard: str) -> Iterator[SendRecord]:
        """Stream the log of a shard; nothing where there is none."""
        with suppress(NotFoundError):
            yield from records(split_lines(self._work.chunks(names.sent(key, shard))))


class SendLog:
    """One slice's way to the log. `note` is told every record, in order, those of other slices as well."""

    def __init__(self, blob: AppendBlob, position: int, note: Callable[[SendRecord], None]) -> None:
        self._blob, self._note = blob, note
        self._by = uuid.uuid4().hex
        self.position = position  # bytes that have been read or written

    @property
    def is_full(self) -> bool:
        """Whether there is only room left for the answers of what is under way."""
        return self._blob.blocks >= MAX_BLOCKS - BLOCKS_IN_RESERVE

    def open(self) -> None:
        """Read what is new and become the writer: the one before fails at the next append.

        Raises ConflictError when it comes to nothing because others write all the time.
        """
        if self.position == 0:
            self._blob.create()
        (begin,) = _blocks([to_line(SendRecord(by=self._by))])
        for tries in range(1, MOST_TRIES_TO_OPEN + 1):
            self._read(rivals=True)
            try:
                self._append(begin)
            except ConflictError:  # nothing is sent yet: whatever others have begun meanwhile is theirs
                if tries == MOST_TRIES_TO_OPEN:
                    raise
            else:
                return

    def append(self, *, intended: list[int], facts: list[SendRecord]) -> None:
        """Write facts and an intent, in this order. Raises ConflictError when another slice has begun."""
        intents = [SendRecord(by=self._by, intended=intended)] if intended else []
        own = [*facts, *intents]
        if not own:
            return
        for block in _blocks(map(to_line, own)):
            self._append(block)
        for record in own:
            self._note(record)

    def add_facts(self, facts: list[SendRecord]) -> None:
        """Write answers, and what was not sent after all, into a log that is another slice's by now: they are true."""
        for block in _blocks(map(to_line, facts)):
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
        """Take in all that was written from `position` on. Raises ConflictError when a slice has begun there, unless it may."""
        overtaken = False
        for record in records(split_lines(self._counted())):
            overtaken = overtaken or record.by not in ("", self._by)
            self._note(record)
        if overtaken and not rivals:
            raise ConflictError(f"{self._blob.name}: another slice has begun.")

    def _counted(self) -> Iterator[bytes]:
        for chunk in self._blob.chunks(self.position):
            self.position += len(chunk)
            yield chunk


def _blocks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Put lines together into blocks that an append takes; only a line that is longer is cut.

    They begin with a line end: the last writer may have died within a line.
    """
    block = bytearray(b"\n")
    for line in lines:
        if len(block) + len(line) > MAX_APPEND_BYTES and block:
            yield bytes(block)
            block.clear()
        block += line
        while len(block) > MAX_APPEND_BYTES:
            yield bytes(block[:MAX_APPEND_BYTES])
            del block[:MAX_APPEND_BYTES]
    yield bytes(block)
