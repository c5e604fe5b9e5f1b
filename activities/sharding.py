"""Write request lines into shards that keep the service's limits."""

from collections.abc import Callable

from adapters.storage import BlobWriter
from domain.records import PlannedShard


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
        self._max_requests, self._max_bytes = max_requests, max_bytes
        self._done: list[PlannedShard] = []
        self._writer: BlobWriter | None = None
        self._requests = 0

    def add(self, line: bytes) -> None:
        """Add one request, without its line end."""
        writer = self._writer
        if writer and (self._requests >= self._max_requests or writer.size + len(line) + 1 > self._max_bytes):
            self._finish(writer)
            writer = None
        if writer is None:
            writer = self._writer = self._open_writer(self._name(len(self._done))[1])
        writer.write(line)
        writer.write(b"\n")
        self._requests += 1

    def close(self) -> list[PlannedShard]:
        """Finish the last shard; gives all of them in order."""
        if self._writer:
            self._finish(self._writer)
        return self._done

    def _finish(self, writer: BlobWriter) -> None:
        writer.close()
        shard, blob = self._name(len(self._done))
        self._done.append(PlannedShard(shard=shard, blob=blob, requests=self._requests, size=writer.size))
        self._writer, self._requests = None, 0
