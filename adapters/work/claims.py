"""The claims on input files. A claim *is* the frozen copy of the file.

One copy call with If-None-Match takes the file, fixes its content and decides between two snapshots that want it. Who has
claimed it lies in the copy's metadata.
Why: docs/decisions/0001-the-claim-is-the-frozen-copy.md
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from adapters.storage.blobs import BlobEntry, Container
from adapters.work.claim_metadata import claim_from, claim_metadata, refusal_from, refusal_metadata
from domain import names
from domain.contracts import ListedFile
from domain.errors import ConflictError, NotFoundError, PassingError
from domain.records import Claim, InputFile, Refusal

# Older versions of the app take what is done and cannot be removed for a file that is held: they leave it alone.
HELD_FOREVER = datetime(2100, 1, 1, tzinfo=UTC).timestamp()
# How long a process goes by what it has seen of the records. It hears of its own changes at once, of those of other hosts by a listing.
RECORDS_KEPT_SECONDS = 300.0

_encode = msgspec.json.Encoder().encode
_decode_file = msgspec.json.Decoder(ListedFile).decode


class Claimed(NamedTuple):
    """A claim as it was found."""

    key: str
    claim: Claim
    etag: str  # empty where this process has made it and not looked since
    size: int  # bytes


@dataclass(kw_only=True)
class Records:
    """What lies in `work/` about files, as one listing shows it.

    `pools`: claims on pools; what a pool has, it goes on with. `refusals`, by file key: files that storage did not let us take.
    `unreadable`, by file key: claims that do not say which file they are about. `strays`: file keys of records that belong to no claim.
    """

    claims: list[Claimed] = field(default_factory=list)
    pools: list[Claimed] = field(default_factory=list)
    refusals: dict[str, Refusal] = field(default_factory=dict)
    unreadable: dict[str, Claimed] = field(default_factory=dict)
    strays: set[str] = field(default_factory=set)

    @property
    def is_settled(self) -> bool:
        """Whether nothing here waits for something that another host may bring about: a release, a removal, a better claim."""
        held = any(found.claim.held_until for found in self.all)
        return not (held or self.refusals or self.unreadable)

    @property
    def all(self) -> list[Claimed]:
        """All claims, those on pools among them."""
        return [*self.claims, *self.pools]

    def copied(self) -> "Records":
        """Give the same, for one who changes it."""
        return Records(
            claims=list(self.claims),
            pools=list(self.pools),
            refusals=dict(self.refusals),
            unreadable=dict(self.unreadable),
            strays=set(self.strays),
        )

    def drop(self, keys: AbstractSet[str]) -> None:
        """Leave out files."""
        self.claims = [found for found in self.claims if found.key not in keys]
        self.pools = [found for found in self.pools if found.key not in keys]
        self.strays -= keys
        for key in keys:
            self.refusals.pop(key, None)
            self.unreadable.pop(key, None)

    def refused(self, key: str, now: float) -> Refusal | None:
        """Give what storage has refused about a file that it is not to be asked again about yet; None: it may be asked."""
        refusal = self.refusals.get(key)
        return refusal if refusal and refusal.next_at > now else None


class FrozenInput:
    """A frozen input file: who has it, how large it is (bytes), whether its copy is complete, and its content, once.

    `appends`: it was an append blob, which may have been cut while it grew. `content_encoding` is what the blob's property
    says, truly or not; the content is the bytes as stored.
    """

    def __init__(self, claim: Claim, entry: BlobEntry, content: Iterator[bytes]) -> None:
        self.claim, self.size, self.copy_status = claim, entry.size, entry.copy_status or "success"
        self.appends, self.content_encoding = entry.appends, entry.content_encoding
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


class Claims:
    """The claims in the work container, and what this process has seen of them lately."""

    def __init__(self, work: Container) -> None:
        self._work = work
        self._lock = Lock()
        self._changes = 0  # that this process may have made
        self._seen: tuple[Records, float, int] | None = None  # when (epoch seconds), after how many changes

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Change records about files: what was seen of them before the end counts no more."""
        try:
            yield
        finally:
            with self._lock:
                self._changes += 1

    @contextmanager
    def dropping(self, keys: Collection[str]) -> Iterator[None]:
        """Remove all records about files: what was seen of others counts on, if all goes well."""
        try:
            yield
        except BaseException:
            with self._lock:
                self._changes += 1
            raise
        self._learn(lambda seen: seen.drop(frozenset(keys)))

    def _learn(self, change: Callable[[Records], None]) -> None:
        """Make a change to what was seen as well, where that counts."""
        with self._lock:
            counts = self._seen is not None and self._seen[2] == self._changes
            self._changes += 1
            if self._seen is not None and counts:
                records, at, _ = self._seen
                change(records)
                self._seen = records, at, self._changes

    def take(self, source: Container, file: InputFile, key: str, claim: Claim) -> Claim | None:
        """Freeze and claim a file in one step; gives the claim, None when another snapshot has it, or this version of it is gone.

        Another run of the same snapshot may have claimed it first: then the claim is that one's, with its pool.

        Raises what storage has against it: BlockedError, ConfigurationError, RefusedError, PassingError.
        """
        try:
            self._freeze(source, file, key, claim)
        except NotFoundError:
            return None
        except ConflictError:
            return self._of(key, claim.snapshot_id)
        except PassingError:
            if held := self._of(key, claim.snapshot_id):
                return held  # the answer got lost, not the claim
            raise
        return claim

    def _freeze(self, source: Container, file: InputFile, key: str, claim: Claim) -> None:
        try:
            self._work.copy_from(
                source,
                file.path,
                names.frozen_input(key),
                metadata=claim_metadata(claim),
                source_etag=file.etag,
                if_absent=True,
            )
        except BaseException:
            with self._lock:
                self._changes += 1
            raise
        self._learn(lambda seen: seen.claims.append(Claimed(key, claim, "", file.size)))

    def _of(self, key: str, snapshot_id: str) -> Claim | None:
        held = self.read(key)
        return held[0] if held is not None and held[0].snapshot_id == snapshot_id else None

    def read(self, key: str) -> tuple[Claim, str] | None:
        """Give the claim on a file and its ETag, None where there is none."""
        found = self.find(key)
        return (found.claim, found.etag) if found else None

    def find(self, key: str) -> Claimed | None:
        """Give the claim on a file, or on a pool, as it was found; None where there is none."""
        try:
            entry = self._work.entry(names.frozen_input(key))
        except NotFoundError:
            return None
        return Claimed(key, claim_from(entry.metadata), entry.etag, entry.size)

    def pool_of(self, claim: Claim) -> Claimed | None:
        """Give the claim on the pool that a file is in, by the file's; None where it is in none."""
        return self.find(claim.pool) if claim.pool else None

    def deciding(self, key: str) -> Claimed | None:
        """Give the claim that decides about a file: that on its pool, else its own; None where there is none."""
        found = self.find(key)
        return (self.pool_of(found.claim) or found) if found else None

    def replace(self, key: str, claim: Claim, etag: str) -> bool:
        """Change a claim that has not changed since it was read; False when it has."""
        try:
            with self.changing():
                self._work.set_metadata(names.frozen_input(key), claim_metadata(claim), if_etag=etag)
        except (ConflictError, NotFoundError):
            return False
        return True

    def finish(self, key: str, *, code: str, reason: str, at: float) -> bool:
        """Note that a file is done and its input cannot be removed; False where nothing changed. `at`: epoch seconds."""
        found = self.read(key)
        if found is None or (found[0].done_at and found[0].done_code == code):
            return False
        claim, etag = found
        done = msgspec.structs.replace(
            claim,
            held_until=HELD_FOREVER,
            held_for=reason,
            held_by="",
            done_at=claim.done_at or at,
            done_code=code,
        )
        return self.replace(key, done, etag)

    def refuse(self, key: str, refusal: Refusal) -> None:
        """Note that storage did not let us take a file."""
        with self.changing():
            self._work.write(names.refusal(key), b"", metadata=refusal_metadata(refusal))

    def all(self) -> list[Claimed]:
        """List all claims, those on pools among them."""
        return self.survey().all

    def seen_lately(self, now: float) -> Records | None:
        """Give what the last survey has shown, with what this process has taken and removed since, where it has changed nothing else and that is not old.

        Other hosts may have changed it: that something is there to be done is certain only after a survey.
        """
        with self._lock:
            if self._seen is None:
                return None
            records, at, changes = self._seen
            if changes != self._changes or not at <= now < at + RECORDS_KEPT_SECONDS:
                return None
            return records.copied()

    def survey(self, now: float | None = None) -> Records:
        """List all records about files, in one go; `now` (epoch seconds): as what is seen lately, for a while."""
        changes = self._changes
        found = self._listed()
        if now is not None:
            with self._lock:
                self._seen = (found.copied(), now, changes) if found.is_settled else None
        return found

    def _listed(self) -> Records:
        found = Records()
        keys = set()
        for entry in self._work.list(names.FILES, metadata=True):
            key = names.key_of_record(entry.name)
            if key is None:
                continue
            if entry.name == names.refusal(key):
                found.refusals[key] = refusal_from(entry.metadata)
                continue
            keys.add(key)
            if entry.name == names.frozen_input(key):
                claimed = Claimed(key, claim_from(entry.metadata), entry.etag, entry.size)
                if claimed.claim.members:
                    found.pools.append(claimed)
                elif key == names.file_key(claimed.claim.path, claimed.claim.etag):
                    found.claims.append(claimed)
                else:
                    found.unreadable[key] = claimed
        known = {claimed.key for claimed in (*found.claims, *found.pools)}
        found.strays = keys - known - found.unreadable.keys()
        return found

    def pool(self, key: str, claim: Claim, files: Sequence[ListedFile]) -> bool:
        """Put files that were claimed into a pool: from then on they follow it. False where the pool is there already."""
        content = b"".join(_encode(file) + b"\n" for file in files)
        try:
            with self.changing():
                self._work.write(
                    names.frozen_input(key), content, metadata=claim_metadata(claim), if_absent=True
                )
        except ConflictError:
            return False
        return True

    def read_pool(self, key: str) -> tuple[Claim, list[ListedFile]] | None:
        """Give the claim on a pool and the files that it was made of; None where there is no such pool."""
        frozen = self.open_input(key)
        if frozen is None or not frozen.claim.members:
            return None
        return frozen.claim, [_decode_file(line) for line in b"".join(frozen.chunks()).splitlines()]

    def open_input(self, key: str) -> FrozenInput | None:
        """Open a frozen input, in one call; None where there is no claim."""
        try:
            entry, chunks = self._work.open(names.frozen_input(key))
        except NotFoundError:
            return None
        return FrozenInput(claim_from(entry.metadata), entry, chunks)

    def stray_keys(self, now: float) -> list[str]:
        """Give the keys of records about files without a claim. `now`: epoch seconds.

        A run leaves them that died while it dropped a file, or that went on after another one had finished it. No record
        is written before the claim, and the claim goes first.
        """
        records = self.seen_lately(now) or self.survey(now)
        return [key for key in records.strays if self.read(key) is None]

    def copy_input(self, key: str, target: Container, name: str, etag: str) -> str:
        """Copy a frozen input to its last place; gives the copy's status."""
        return target.copy_from(
            self._work, names.frozen_input(key), name, metadata={"source_etag": quote(etag)}
        )
