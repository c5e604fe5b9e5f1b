"""Write request lines into shards that keep the service's limits.

Why some are not written: docs/decisions/0018-a-large-files-bytes-are-written-once.md
"""

from collections.abc import Callable, Iterable

from adapters.storage.blobs import BlobWriter
from adapters.work.store import WorkStore
from domain import names
from domain.records import PlannedShard
from domain.service.endpoints import Engine
from domain.service.transports import TransportName
from domain.settings import Settings
from domain.shards import shard_limits

# Lines are handed over by the handful: a call for each would take longer than writing it.
HELD_BYTES = 64 * 1024


class ShardWriter:
    """Fills one shard after the other. `name(number)` gives shard and blob name of the nth one, from 0.

    A line that alone is larger than `max_bytes` still gets a shard, its own: the service decides about it.
    """

    def __init__(
        self,
        open_writer: Callable[[str], BlobWriter],
        name: Callable[[int], tuple[str, str]],
        *,
        max_requests: int,
        max_bytes: int,
    ) -> None:
        self._open_writer, self._name = open_writer, name
        self.max_requests, self.max_bytes = max_requests, max_bytes
        self._done: list[PlannedShard] = []
        self._writer: BlobWriter | None = None
        self._is_open, self._requests, self._bytes = False, 0, 0
        self._lines: list[bytes] = []
        self._held = 0

    def add(self, line: bytes) -> None:
        """Add one request, without its line end."""
        self._make_room(len(line) + 1)
        self._take([line], len(line) + 1)

    def add_all(self, lines: list[bytes]) -> None:
        """Add requests, as `add` does."""
        size = sum(map(len, lines)) + len(lines)
        has_room = self._requests + len(lines) <= self.max_requests and self._bytes + size <= self.max_bytes
        if not self._is_open or not has_room:
            for line in lines:
                self.add(line)
        else:
            self._take(lines, size)

    def close(self) -> list[PlannedShard]:
        """Finish the last shard; gives all of them in order."""
        if self._is_open:
            self._finish()
        return self._done

    def _make_room(self, size: int) -> None:
        """Have a shard open in which so many bytes have room, or which is empty."""
        if self._is_open and (self._requests >= self.max_requests or self._bytes + size > self.max_bytes):
            self._finish()
        if not self._is_open:
            self._is_open = True
            self._begin()

    def _take(self, lines: list[bytes], size: int) -> None:
        self._lines += lines
        self._requests += len(lines)
        self._bytes += size
        self._held += size
        if self._held >= HELD_BYTES:
            self._hand_over()

    def _finish(self) -> None:
        self._hand_over()
        self._done.append(self._ended())
        self._is_open, self._requests, self._bytes = False, 0, 0

    # --- what becomes of the lines -----------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._writer = self._open_writer(self._name(len(self._done))[1])

    def _hand_over(self) -> None:
        lines, self._lines, self._held = self._lines, [], 0
        if self._writer:
            lines.append(b"")
            self._writer.write(b"\n".join(lines))

    def _ended(self) -> PlannedShard:
        """Close what was written of the shard that is open; gives its plan."""
        writer, self._writer = self._writer, None
        assert writer is not None
        writer.close()
        shard, blob = self._name(len(self._done))
        return PlannedShard(shard=shard, blob=blob, requests=self._requests, size=writer.size)


class InputShards(ShardWriter):
    """Shards of an input file whose lines come in their order: parts of it where those go as they are, blobs of their own else.

    `copy` streams a part of the input, from a byte and of a size; without it all shards are written.
    """

    def __init__(
        self,
        open_writer: Callable[[str], BlobWriter],
        name: Callable[[int], tuple[str, str]],
        *,
        max_requests: int,
        max_bytes: int,
        input_bytes: int,
        copy: Callable[[int, int], Iterable[bytes]] | None,
    ) -> None:
        super().__init__(open_writer, name, max_requests=max_requests, max_bytes=max_bytes)
        self._copy, self._input_bytes = copy, input_bytes
        self._at = self._start = 0  # bytes of the input: where the next line begins, and where the shard does

    def add_changed(self, line: bytes, raw: bytes) -> None:
        """Add a request that is sent otherwise than it stands in the input."""
        self._make_room(len(line) + 1)
        self._write_out()
        self._take([line], len(line) + 1)
        self._at += len(raw) - len(line)

    def pass_over(self, raw: bytes) -> None:
        """Leave out a line of the input."""
        self._write_out()
        self._at += len(raw) + 1

    def lose_place(self) -> None:
        """Write all shards from here on: where in the input the next line begins is not known."""
        self._write_out()
        self._copy = None

    def _write_out(self) -> None:
        """Make a blob of its own of the shard that is open, if it is none."""
        if self._copy is None or not self._is_open or self._writer:
            return
        super()._begin()
        assert self._writer is not None
        self._lines, self._held = [], 0
        for piece in self._copy(self._start, self._bytes) if self._bytes else ():
            self._writer.write(piece)

    def _take(self, lines: list[bytes], size: int) -> None:
        super()._take(lines, size)
        self._at += size

    def _begin(self) -> None:
        self._start = self._at
        if self._copy is None:
            super()._begin()

    def _ended(self) -> PlannedShard:
        if self._writer:
            return super()._ended()
        shard, blob = self._name(len(self._done))
        size = min(self._bytes, self._input_bytes - self._start)  # the last line may have no end
        return PlannedShard(shard=shard, blob=blob, requests=self._requests, size=size, start=self._start)


def first_shards(
    key: str,
    store: WorkStore,
    settings: Settings,
    engine: Engine = "batch",
    *,
    output_tokens: int | None = None,
    plan_number: int = 0,
) -> ShardWriter:
    """Open the shards that an input file is turned into."""
    max_requests, max_bytes = shard_limits(engine, settings, output_tokens)
    name = _first_names(key, plan_number)
    return ShardWriter(store.blobs.writer, name, max_requests=max_requests, max_bytes=max_bytes)


def shards_of_input(
    key: str, store: WorkStore, settings: Settings, *, size: int, as_it_is: bool, plan_number: int
) -> InputShards:
    """Open the shards that a ready-made file of `size` bytes is cut into; `as_it_is`: neither packed nor encoded.

    Only an upload can read a part of the file; for whom it is in vain, a shard is written twice.
    """
    max_requests, max_bytes = shard_limits("batch", settings)
    input_blob = names.frozen_input(key)

    def copy(start: int, size: int) -> Iterable[bytes]:
        return store.blobs.chunks(input_blob, start, size)

    return InputShards(
        store.blobs.writer,
        _first_names(key, plan_number),
        max_requests=max_requests,
        max_bytes=max_bytes,
        input_bytes=size,
        copy=copy if as_it_is and settings.transport == TransportName.UPLOAD.value else None,
    )


def _first_names(key: str, plan_number: int) -> Callable[[int], tuple[str, str]]:
    def name(number: int) -> tuple[str, str]:
        shard = names.first_shard(number, plan_number)
        return shard, names.shard_file(key, shard)

    return name
