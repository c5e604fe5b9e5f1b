"""Write request lines into shards that keep the service's limits."""

from collections.abc import Callable

from adapters.storage.blobs import BlobWriter
from adapters.work.store import WorkStore
from domain import names
from domain.records import PlannedShard
from domain.service.endpoints import Engine
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
        self._requests = self._bytes = 0
        self._lines: list[bytes] = []
        self._held = 0

    def add(self, line: bytes) -> None:
        """Add one request, without its line end."""
        size = len(line) + 1
        writer = self._writer
        if writer and (self._requests >= self.max_requests or self._bytes + size > self.max_bytes):
            self._finish(writer)
            writer = None
        if writer is None:
            writer = self._writer = self._open_writer(self._name(len(self._done))[1])
        self._lines.append(line)
        self._requests += 1
        self._bytes += size
        self._held += size
        if self._held >= HELD_BYTES:
            self._hand_over(writer)

    def add_all(self, lines: list[bytes]) -> None:
        """Add requests, as `add` does."""
        size = sum(map(len, lines)) + len(lines)
        has_room = self._requests + len(lines) <= self.max_requests and self._bytes + size <= self.max_bytes
        if self._writer is None or not has_room:
            for line in lines:
                self.add(line)
            return
        self._lines += lines
        self._requests += len(lines)
        self._bytes += size
        self._held += size
        if self._held >= HELD_BYTES:
            self._hand_over(self._writer)

    def _hand_over(self, writer: BlobWriter) -> None:
        self._lines.append(b"")
        writer.write(b"\n".join(self._lines))
        self._lines, self._held = [], 0

    def close(self) -> list[PlannedShard]:
        """Finish the last shard; gives all of them in order."""
        if self._writer:
            self._finish(self._writer)
        return self._done

    def _finish(self, writer: BlobWriter) -> None:
        self._hand_over(writer)
        writer.close()
        shard, blob = self._name(len(self._done))
        self._done.append(PlannedShard(shard=shard, blob=blob, requests=self._requests, size=writer.size))
        self._writer, self._requests, self._bytes = None, 0, 0


def first_shards(
    key: str,
    store: WorkStore,
    settings: Settings,
    engine: Engine = "batch",
    *,
    output_tokens: int | None = None,
    plan_number: int = 0,
) -> ShardWriter:
    """Open the shards that an input file is cut into."""
    max_requests, max_bytes = shard_limits(engine, settings, output_tokens)

    def name(number: int) -> tuple[str, str]:
        shard = names.first_shard(number, plan_number)
        return shard, names.shard_file(key, shard)

    return ShardWriter(
        store.blobs.writer,
        name,
        max_requests=max_requests,
        max_bytes=max_bytes,
    )
