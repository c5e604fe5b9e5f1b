"""The pipeline's own notes in the work container: claims, plans, ledgers, outcomes, manifests.

The claim on an input file *is* the frozen copy of it: one copy call with If-None-Match takes the file, fixes its content
and decides between two snapshots that want it.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import quote, unquote

import msgspec

from adapters.storage.append_blob import AppendBlob
from adapters.storage.blobs import BlobWriter, Container, LazyWriter
from adapters.storage.source import BlobSource
from adapters.storage.stream import BlobStream
from adapters.work.rates import RateNote
from adapters.work.send_log import SendLog
from domain import names
from domain.contracts import ListedFile, learned
from domain.direct.sending import SendRecord, records
from domain.direct.throttle import Limits
from domain.errors import ConflictError, NotFoundError
from domain.records import Claim, InputFile, Ledger, Plan, PlannedShard
from domain.service.outcomes import ShardOutcome
from domain.service.request_lines import split_lines

RECENT_DAYS = 3

Record = TypeVar("Record")

MAX_REASON_CHARS = 300  # of the 8 KB that a blob's metadata may have; the log has all of it

_encode = msgspec.json.Encoder().encode
_decode_page = msgspec.json.Decoder(list[ListedFile]).decode
_decode_outcome = msgspec.json.Decoder(ShardOutcome).decode


class FrozenInput:
    """A frozen input file: who has it, how large it is (bytes), whether its copy is complete, and its content, once."""

    def __init__(self, claim: Claim, size: int, copy_status: str, content: Iterator[bytes]) -> None:
        self.claim, self.size, self.copy_status = claim, size, copy_status
        self._first, self._rest = b"", content

    def first_piece(self) -> bytes:
        """Look at the first piece of the content, which `chunks` gives all the same."""
        self._first = self._first or next(self._rest, b"")
        return self._first

    def chunks(self) -> Iterator[bytes]:
        """Stream the content, from the download that is open already."""
        if self._first:
            yield self._first
        yield from self._rest


class WorkRoom:
    """Typed access to the work container. Raises NotFoundError for what is not there."""

    def __init__(self, work: Container) -> None:
        self._work = work

    # --- claims ------------------------------------------------------------------------------------------------------

    def claim(self, source: Container, file: InputFile, key: str, claim: Claim) -> bool:
        """Freeze and claim a file in one step; False when somebody has it, or this version of it is gone."""
        try:
            self._work.copy_from(
                source,
                file.path,
                names.frozen_input(key),
                metadata=_claim_metadata(claim),
                source_etag=file.etag,
                if_absent=True,
            )
        except NotFoundError:
            return False
        except ConflictError:
            held = self.read_claim(key)
            return held is not None and held[0].snapshot_id == claim.snapshot_id
        return True

    def read_claim(self, key: str) -> tuple[Claim, str] | None:
        """Give the claim on a file and its ETag, None when nobody has claimed it."""
        try:
            entry = self._work.entry(names.frozen_input(key))
        except NotFoundError:
            return None
        return _claim_from(entry.metadata), entry.etag

    def replace_claim(self, key: str, claim: Claim, etag: str) -> bool:
        """Change a claim that has not changed since it was read; False when it has."""
        try:
            self._work.set_metadata(names.frozen_input(key), _claim_metadata(claim), if_etag=etag)
        except (ConflictError, NotFoundError):
            return False
        return True

    def claims(self) -> list[tuple[str, Claim, str, int]]:
        """List all claims: file key, claim, ETag, size in bytes."""
        return self.survey()[0]

    def survey(self) -> tuple[list[tuple[str, Claim, str, int]], set[str]]:
        """List all claims, and the file keys of notes that belong to none of them, in one go."""
        claims: dict[str, tuple[str, Claim, str, int]] = {}
        keys = set()
        for entry in self._work.list(names.FILES, metadata=True):
            key = names.key_of_note(entry.name)
            keys.add(key)
            if names.key_of_frozen_input(entry.name):
                claims[key] = key, _claim_from(entry.metadata), entry.etag, entry.size
        return list(claims.values()), keys - claims.keys()

    def open_frozen(self, key: str) -> "FrozenInput | None":
        """Open a frozen input, in one call; None when nobody has claimed the file."""
        try:
            entry, chunks = self._work.open(names.frozen_input(key))
        except NotFoundError:
            return None
        return FrozenInput(_claim_from(entry.metadata), entry.size, entry.copy_status or "success", chunks)

    def stray_keys(self) -> list[str]:
        """Give the keys of notes about files that nobody has claimed.

        A run leaves them that died while it dropped a file, or that went on after another one had finished it. No note
        is written before the claim, and the claim goes first.
        """
        return [key for key in self.survey()[1] if self.read_claim(key) is None]

    # --- plans and ledgers -------------------------------------------------------------------------------------------

    def plan(self, key: str) -> Plan | None:
        """Give a file's plan, None before it is complete."""
        found = self._record(names.plan(key), Plan)
        return found[0] if found else None

    def write_plan(self, key: str, plan: Plan) -> None:
        """Write a file's plan; from then on nothing about it is decided again."""
        self._work.write(names.plan(key), _encode(plan))

    def ledger(self, key: str, shard: str) -> tuple[Ledger, str] | None:
        """Give a shard's ledger and its ETag, None before its first entry."""
        return self._record(names.ledger(key, shard), Ledger)

    def own_ledger(self, key: str, shard: str, owner: str) -> tuple[Ledger, str] | None:
        """Give a shard's ledger as `owner`'s: one left by a dead snapshot is rewritten first, so that a late writer fails.

        Raises ConflictError when the file is claimed by somebody else.
        """
        found = self.ledger(key, shard)
        if found is None or found[0].owner == owner:
            return found
        claim = self.read_claim(key)
        if claim is None or claim[0].snapshot_id != owner:
            raise ConflictError(f"Shard {shard} of {key} belongs to {found[0].owner}.")
        ledger, etag = found
        ledger.owner = owner
        return ledger, self.write_ledger(key, shard, ledger, etag)

    def shard_ledgers(self, key: str, shards: Iterable[PlannedShard]) -> dict[str, Ledger]:
        """Give the ledgers of shards and of what became of them, by shard."""
        found = {}
        for shard in shards:
            if record := self.ledger(key, shard.shard):
                found[shard.shard] = record[0]
                if record[0].collected:
                    found |= self.shard_ledgers(key, record[0].collected.children)
        return found

    def count_ledgers(self, key: str) -> int:
        """Count the shards that a file has had so far."""
        return sum(1 for _ in self._work.list(names.ledgers(key)))

    def write_ledger(self, key: str, shard: str, ledger: Ledger, etag: str | None) -> str:
        """Write a ledger that nobody else has written since (`etag` None: that did not exist); gives the new ETag.

        Raises ConflictError when somebody has. An own write whose answer was lost does not count as somebody.
        """
        name, content = names.ledger(key, shard), _encode(ledger)
        try:
            return self._work.write(name, content, if_absent=etag is None, if_etag=etag)
        except ConflictError:
            there, current = self._work.read(name)
            if there != content:
                raise
            return current

    def _record(self, name: str, kind: type[Record]) -> tuple[Record, str] | None:
        try:
            content, etag = self._work.read(name)
        except NotFoundError:
            return None
        return msgspec.json.decode(content, type=learned(kind)), etag

    # --- lines -------------------------------------------------------------------------------------------------------

    def lines(self, blob: str) -> Iterator[bytes]:
        """Stream a blob line by line."""
        return split_lines(self._work.chunks(blob))

    def chunks(self, blob: str) -> Iterator[bytes]:
        """Stream a blob in pieces."""
        return self._work.chunks(blob)

    def size(self, blob: str) -> int | None:
        """Give a blob's size in bytes; None where there is none."""
        try:
            return self._work.entry(blob).size
        except NotFoundError:
            return None

    def copy_aside(self, source: str, blob: str) -> str:
        """Copy a blob to one that nobody touches any more, unless that was done; gives the copy's status."""
        try:
            return self._work.copy_from(
                self._work, source, blob, metadata={"copy_of": quote(source)}, if_absent=True
            )
        except ConflictError:
            return self._work.entry(blob).copy_status or "success"

    def stream(self, blob: str, size: int) -> BlobStream:
        """Open a blob as a file."""
        return BlobStream(self._work, blob, size)

    def source(self, blob: str, size: int, opened: Iterator[bytes] | None = None) -> BlobSource:
        """Give a blob to those who read file formats; `opened`, where somebody has begun to read it."""
        return BlobSource(self._work, blob, size, opened)

    def writer(self, blob: str) -> BlobWriter:
        """Open a blob for streaming."""
        return self._work.writer(blob)

    def lazy_writer(self, blob: str) -> LazyWriter:
        """Open a blob for streaming that is not written at all when nothing comes."""
        return self._work.lazy_writer(blob)

    def send_log(self, name: str, position: int, note: Callable[[SendRecord], None]) -> SendLog:
        """Give the way to the log of a shard that is sent live, read up to `position`; `note` is told what is in it."""
        return SendLog(AppendBlob(self._work, name), position, note)

    def rate_note(self, deployment: str, limits: Limits) -> RateNote:
        """Give the note of what is spent of a deployment's limits."""
        return RateNote(self._work, names.rate_note(deployment), limits)

    def sent(self, key: str, shard: str) -> Iterator[SendRecord]:
        """Stream the log of a shard that is sent live; nothing where there is none."""
        with suppress(NotFoundError):
            yield from records(self.lines(names.sent(key, shard)))

    def outcomes(self, key: str, shard: str) -> Iterator[ShardOutcome]:
        """Stream a shard's outcomes."""
        return (_decode_outcome(line) for line in self.lines(names.outcomes(key, shard)))

    # --- snapshots ---------------------------------------------------------------------------------------------------

    def write_page(self, snapshot_id: str, page: int, files: list[ListedFile]) -> None:
        """Write one page of a snapshot's manifest."""
        self._work.write(names.manifest_page(snapshot_id, page), _encode(files))

    def read_page(self, snapshot_id: str, page: int) -> list[ListedFile]:
        """Read one page of a snapshot's manifest."""
        content, _ = self._work.read(names.manifest_page(snapshot_id, page))
        return _decode_page(content)

    def write_report(self, snapshot_id: str, report: dict[str, object]) -> None:
        """Write a finished snapshot's summary and drop its manifest."""
        self._work.write(names.report(snapshot_id), _encode(report))
        self._work.delete_folder(names.manifest(snapshot_id))

    def latest_snapshots(self, now: datetime, most: int) -> list[str]:
        """Name the latest snapshots there are notes of, newest first.

        Looks through a day at a time, so that the answer does not take longer the more there were; where the last days
        had few, all together are few as well.
        """
        found: set[str] = set()
        for days in range(RECENT_DAYS):
            found |= self._snapshots(names.snapshots_of_day(now - timedelta(days=days)))
            if len(found) >= most:
                return sorted(found, reverse=True)[:most]
        return sorted(self._snapshots(names.SNAPSHOTS), reverse=True)[:most]

    def _snapshots(self, prefix: str) -> set[str]:
        return {entry.name.split("/")[1] for entry in self._work.list(prefix)}

    def snapshots_before(self, snapshot_id: str) -> dict[str, bool]:
        """Name the snapshots older than one, which need not exist; each with whether it has left its report."""
        found: dict[str, bool] = {}
        for entry in self._work.list(names.SNAPSHOTS):
            name = entry.name.split("/")[1]
            if name >= snapshot_id:
                break  # ids are moments, and a listing is in the order of names
            found[name] = found.get(name, False) or entry.name == names.report(name)
        return found

    def drop_snapshots(self, snapshot_ids: Iterable[str]) -> None:
        """Remove all notes about snapshots."""
        for snapshot_id in snapshot_ids:
            self._work.delete_folder(names.snapshot_notes(snapshot_id))

    # --- the end -----------------------------------------------------------------------------------------------------

    def archive(self, key: str, target: Container, name: str, etag: str) -> str:
        """Copy the frozen input to its last place; gives the copy's status."""
        return target.copy_from(
            self._work, names.frozen_input(key), name, metadata={"source_etag": quote(etag)}
        )

    def drop_file(self, key: str) -> None:
        """Remove all notes about a file, the claim first: without it nothing can be mistaken for unfinished work."""
        self._work.delete_folder(names.file_folder(key), first=names.frozen_input(key))

    def forget(self, blob: str) -> None:
        """Delete a blob; one that is gone already is what was wanted."""
        with suppress(NotFoundError):
            self._work.delete(blob)


def _claim_metadata(claim: Claim) -> dict[str, str]:
    """Write a claim as blob metadata, which is ASCII and at most 8 KB: base64 keeps the longest path below that."""
    fields = {
        "snapshot": quote(claim.snapshot_id),
        "timestamp": quote(claim.timestamp),
        "path": urlsafe_b64encode(claim.path.encode()).decode(),
        "etag": quote(claim.etag),
        "held_until": str(claim.held_until),
        "held_for": quote(claim.held_for[:MAX_REASON_CHARS]),
        "held_by": claim.held_by,
    }
    return {name: value for name, value in fields.items() if value}  # an empty value does not come back


def _claim_from(metadata: dict[str, str]) -> Claim:
    return Claim(
        snapshot_id=unquote(metadata.get("snapshot", "")),
        timestamp=unquote(metadata.get("timestamp", "")),
        path=urlsafe_b64decode(metadata.get("path", "")).decode(),
        etag=unquote(metadata.get("etag", "")),
        held_until=float(metadata.get("held_until", "0")),
        held_for=unquote(metadata.get("held_for", "")),
        held_by=metadata.get("held_by", ""),
    )
