"""Which batches the service has that bear a mark of ours: the shard in their metadata, their file's name, or their blob's URL.

A shard without a ledger may have a batch all the same: `work/` was emptied, or is another container now. The list of all batches
tells, and is read once for each snapshot: its files are claimed by then, so that a batch which was made of them
before is in it. Later readings go only as far back as the last one, where the service lists the newest first.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING

from domain import names
from domain.service.batch_states import BatchView

if TYPE_CHECKING:
    from adapters.openai.batch_api import BatchApi

# Beyond this nothing is worked on: `DEADLINE_HOURS` goes up to 720, and results live for 30 days ("How to use global batch").
ADOPTABLE_SECONDS = 62 * 86_400.0
# Clocks differ, and a list may show a batch late.
MARGIN_SECONDS = 3600.0
SNAPSHOTS_KEPT = 500

FILE_KEY, SHARD = "file_key", "shard"


def marks(key: str, shard: str, snapshot_id: str) -> dict[str, str]:
    """Give the metadata by which a shard's batch is found again."""
    return {FILE_KEY: key, SHARD: shard, "snapshot": snapshot_id}


def bears_marks(batch: BatchView, key: str, shard: str) -> bool:
    """Tell whether a batch says that it was made of a shard."""
    return (batch.metadata.get(FILE_KEY), batch.metadata.get(SHARD)) == (key, shard)


def back_to(batches: Iterable[BatchView], since: float) -> Iterator[BatchView]:
    """Give the batches that were created after a time (epoch seconds), and older ones where the order is not the newest first.

    A list that begins with something older tells nothing of its order.
    """
    latest: float | None = None
    is_sorted = True
    for batch in batches:
        created_at = batch.created_at
        if created_at is None:
            is_sorted = False
        else:
            is_sorted = is_sorted and (created_at >= since if latest is None else created_at <= latest)
            if is_sorted and created_at < since:
                return
        latest = created_at
        yield batch


class KnownBatches:
    """The marked batches that this process has seen; many threads may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read_for: deque[str] = deque(maxlen=SNAPSHOTS_KEPT)
        self._read_to: float | None = (
            None  # creation of the newest batch of the last complete reading, epoch seconds
        )
        self._by_marks: dict[tuple[str, str], dict[str, None]] = {}
        self._by_blob: dict[str, dict[str, None]] = {}
        self._by_file: dict[str, str] = {}  # of batches without metadata

    def of_shard(
        self,
        key: str,
        shard: str,
        blobs: Iterable[str],
        *,
        name_of: Callable[[str], str | None],
        snapshot_id: str,
        api: "BatchApi",
        saw: Callable[[Iterable[BatchView]], None] = lambda _: None,
    ) -> list[str]:
        """Give the ids of the batches of a shard.

        `blobs` are the names that its blob may have, `name_of` gives the name in a URL; `saw` is told what a reading has shown.
        Raises what a list of batches raises.
        """
        with self._lock:
            if snapshot_id not in self._read_for:
                saw(self._read(api, name_of))
                self._read_for.append(snapshot_id)
            of_blobs = [batch_id for blob in blobs for batch_id in self._by_blob.get(blob, ())]
            return list(dict.fromkeys([*self._by_marks.get((key, shard), ()), *of_blobs]))

    def _read(self, api: "BatchApi", name_of: Callable[[str], str | None]) -> list[BatchView]:
        batches = iter(api.batches())
        found = list(islice(batches, 1))
        if found:
            newest = found[0].created_at or 0.0
            since = max(newest - ADOPTABLE_SECONDS, (self._read_to or 0.0) - MARGIN_SECONDS)
            found = list(back_to(chain(found, batches), since))
        for batch in found:
            self._note(batch, name_of)
        self._note_files(api)
        self._read_to = max([b.created_at for b in found if b.created_at], default=self._read_to)
        return found

    def _note(self, batch: BatchView, name_of: Callable[[str], str | None]) -> None:
        if FILE_KEY in batch.metadata:
            mark = (batch.metadata[FILE_KEY], batch.metadata.get(SHARD, ""))
            self._by_marks.setdefault(mark, {})[batch.batch_id] = None
        elif batch.input_blob:
            self._by_blob.setdefault(name_of(batch.input_blob) or "", {})[batch.batch_id] = None
        elif batch.input_file_id:
            self._by_file[batch.input_file_id] = batch.batch_id

    def _note_files(self, api: "BatchApi") -> None:
        """Find the shards of batches that keep no metadata by the names of their files."""
        if not self._by_file:
            return
        for file_id, _, name in api.files_named(names.SERVICE_FILE_PREFIX):
            mark = names.shard_of_service_filename(name)
            if mark and file_id in self._by_file:
                self._by_marks.setdefault(mark, {})[self._by_file[file_id]] = None
        self._by_file.clear()
