"""What this process knows of shards that it sends live, so that the next slice need not read it again."""

from collections import OrderedDict
from typing import NamedTuple

from domain.direct.sending import SendBook

MOST_SHARDS = 2


class CachedShard(NamedTuple):
    """A shard's lines, and what its log says up to `position` (bytes)."""

    lines: list[bytes]
    book: SendBook
    position: int


class ShardCache:
    """The shards of the last slices.

    Nothing depends on it: a slice reads on from `position`, and cannot write where it has not read.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], CachedShard] = OrderedDict()

    def take(self, blob: str, log_name: str) -> CachedShard | None:
        """Give what is known, to one slice only."""
        return self._known.pop((blob, log_name), None)

    def keep(self, blob: str, log_name: str, shard: CachedShard) -> None:
        """Keep what a slice knows at its end."""
        self._known[blob, log_name] = shard
        while len(self._known) > MOST_SHARDS:
            self._known.popitem(last=False)
