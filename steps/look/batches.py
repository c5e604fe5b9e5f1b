"""The service's list of batches, beside our own records: which are ours, of which file, and which none of them knows.

One list of the service counts for a minute, however many look.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING

from adapters.openai.known_batches import FILE_KEY, SHARD
from adapters.threads import in_thread
from domain import names
from domain.api.answers import BatchEntry, Batches
from domain.api.problems import bad_parameter
from domain.results.finished import FinishedFile
from domain.results.metadata import iso
from domain.service.batch_states import BatchView
from steps.look.desk import Desk
from steps.look.files import LOOKED_AT_SNAPSHOTS
from steps.look.snapshots import latest_ids

if TYPE_CHECKING:
    from domain.records import Ledger

MOST_PAGES = 10  # of the service's list, a hundred batches each
MOST_LISTS = 50  # of finished files that are read besides, those of the snapshots that made the batches
MOST_LEDGERS = 50  # that are read for one look
MOST_KNOWN = 50_000  # batches that this process remembers to be in our records
DAY = 86_400.0


async def batches(desk: Desk, *, state: str | None, limit: int, after: str | None) -> Batches:
    """Give a page of this app's batches, newest first."""
    ids = await latest_ids(desk, LOOKED_AT_SNAPSHOTS)
    entries, at = await in_thread(lambda: desk.batches.get(lambda: _Records(ids, desk).entries()))
    wanted = [entry for entry in entries if _fits(entry, state)]
    start = _start(wanted, after)
    page = wanted[start : start + limit]
    return Batches(
        items=page,
        next=page[-1].batch_id if start + limit < len(wanted) else None,
        looked_at=iso(at),
        active=sum(_is_active(entry) for entry in entries),
        limit=desk.services.settings.max_active_batches,
        stray=sum(entry.stray is True for entry in entries),
    )


def _fits(entry: BatchEntry, state: str | None) -> bool:
    match state:
        case "active":
            return _is_active(entry)
        case "ended":
            return not _is_active(entry)
        case "stray":
            return entry.stray is True
    return True


def _is_active(entry: BatchEntry) -> bool:
    return not BatchView(batch_id="", status=entry.status).ended


def _start(wanted: list[BatchEntry], after: str | None) -> int:
    if after is None:
        return 0
    places = [place for place, entry in enumerate(wanted, 1) if entry.batch_id == after]
    if not places:
        raise bad_parameter("after", "that batch is not in the list any more: begin anew.")
    return places[0]


class _Records:
    """What our records say of batches, for one look."""

    def __init__(self, snapshot_ids: Iterable[str], desk: Desk) -> None:
        self._desk, self._ids = desk, list(snapshot_ids)
        self._files: dict[str, FinishedFile] = {}
        self._sharing: Counter[str] = Counter()  # finished files by the batches that they had
        self._ledgers: dict[tuple[str, str], Ledger | None] = {}

    def entries(self) -> list[BatchEntry]:
        """Give the batches of the service that bear our marks."""
        api = self._desk.services.batch_api
        views = [
            (view, mark)
            for view in islice(api.batches(pages=MOST_PAGES), 100 * MOST_PAGES)
            if (mark := self._mark(view))
        ]
        others = {view.metadata.get("snapshot", "") for view, _ in views} - set(self._ids)
        self._read_lists(
            [*self._ids, *sorted(filter(names.is_snapshot_id, others), reverse=True)[:MOST_LISTS]]
        )
        return [self._entry(view, *mark) for view, mark in views]

    def _mark(self, view: BatchView) -> tuple[str, str] | None:
        """Give the file key and the shard that a batch says it was made of, or that its blob's name says."""
        if FILE_KEY in view.metadata:
            return view.metadata[FILE_KEY], view.metadata.get(SHARD, "")
        blob = self._desk.services.storage.work_urls.name_of(view.input_blob) if view.input_blob else None
        key = names.key_of_record(blob) if blob and blob.startswith(names.FILES) else None
        return (key, names.shard_of_blob(blob or "")) if key else None

    def _read_lists(self, snapshot_ids: Iterable[str]) -> None:
        known = self._desk.known_batches
        if len(known) > MOST_KNOWN:
            known.clear()
        for snapshot_id in snapshot_ids:
            for _, file in self._desk.finished(snapshot_id).files():
                if file.state != "held":
                    self._files[file.key] = file
                    known.update(file.batches)
                    self._sharing.update(file.batches)

    def _entry(self, view: BatchView, key: str, shard: str) -> BatchEntry:
        file = self._files.get(key)
        return BatchEntry(
            batch_id=view.batch_id,
            status=view.status,
            created_at=iso(view.created_at) if view.created_at else None,
            total=view.total,
            completed=view.completed,
            failed=view.failed,
            file_key=key,
            shard=shard or None,
            snapshot=view.metadata.get("snapshot"),
            path=file.path if file else self._shared_by(view),
            stray=self._is_stray(view, key, shard, file),
        )

    def _shared_by(self, view: BatchView) -> str | None:
        """Say how many files that are done have shared a batch; None where none is known."""
        sharing = self._sharing[view.batch_id]
        return f"({sharing} files)" if sharing else None

    def _is_stray(self, view: BatchView, key: str, shard: str, file: FinishedFile | None) -> bool | None:
        """Tell whether no record knows a batch; None where that cannot be told, or not in this look."""
        known = self._desk.known_batches
        if view.batch_id in known:
            return False
        if file is not None:
            return True if file.batch_count <= len(file.batches) else None
        if (key, shard) not in self._ledgers:
            if len(self._ledgers) >= MOST_LEDGERS:
                return None
            found = self._desk.services.work.ledgers.read(key, shard) if names.is_file_key(key) else None
            self._ledgers[key, shard] = found[0] if found else None
        ledger = self._ledgers[key, shard]
        if ledger is None:
            return True if self._is_recent(view) else None
        of_shard = [*ledger.past_batches, *([ledger.batch] if ledger.batch else [])]
        known.update(batch.batch_id for batch in of_shard)
        # An intent without an id: it may be this one, and is adopted then.
        return view.batch_id not in known and not (ledger.batch is None and ledger.create_intended_at)

    def _is_recent(self, view: BatchView) -> bool:
        """Tell whether a batch is younger than our records go back."""
        services = self._desk.services
        days = services.settings.retention_days
        return not days or services.clock() - (view.created_at or 0.0) < days * DAY
