"""The claims on input files. A claim *is* the frozen copy of the file.

One copy call with If-None-Match takes the file, fixes its content and decides between two snapshots that want it. Who has
claimed it lies in the copy's metadata.
Why: docs/decisions/0001-the-claim-is-the-frozen-copy.md
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote, unquote

from adapters.storage.blobs import Container
from domain import names
from domain.errors import ConflictError, NotFoundError
from domain.records import Claim, InputFile

MAX_REASON_CHARS = 300  # of the 8 KB that a blob's metadata may have; the log has all of it


class Claimed(NamedTuple):
    """A claim as it was found."""

    key: str
    claim: Claim
    etag: str
    size: int  # bytes


class FrozenInput:
    """A frozen input file: who has it, how large it is (bytes), whether its copy is complete, and its content, once.

    `content_encoding` is what the blob's property says, truly or not; the content is the bytes as stored.
    """

    def __init__(
        self,
        claim: Claim,
        size: int,
        copy_status: str,
        content: Iterator[bytes],
        *,
        content_encoding: str | None = None,
    ) -> None:
        self.claim, self.size, self.copy_status = claim, size, copy_status
        self.content_encoding = content_encoding
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
    """The claims in the work container."""

    def __init__(self, work: Container) -> None:
        self._work = work

    def take(self, source: Container, file: InputFile, key: str, claim: Claim) -> bool:
        """Freeze and claim a file in one step; False when another snapshot has it, or this version of it is gone."""
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
            held = self.read(key)
            return held is not None and held[0].snapshot_id == claim.snapshot_id
        return True

    def read(self, key: str) -> tuple[Claim, str] | None:
        """Give the claim on a file and its ETag, None where there is none."""
        try:
            entry = self._work.entry(names.frozen_input(key))
        except NotFoundError:
            return None
        return _claim_from(entry.metadata), entry.etag

    def replace(self, key: str, claim: Claim, etag: str) -> bool:
        """Change a claim that has not changed since it was read; False when it has."""
        try:
            self._work.set_metadata(names.frozen_input(key), _claim_metadata(claim), if_etag=etag)
        except (ConflictError, NotFoundError):
            return False
        return True

    def all(self) -> list[Claimed]:
        """List all claims."""
        return self.survey()[0]

    def survey(self) -> tuple[list[Claimed], set[str]]:
        """List all claims, and the file keys of records that belong to none of them, in one go."""
        claims: dict[str, Claimed] = {}
        keys = set()
        for entry in self._work.list(names.FILES, metadata=True):
            key = names.key_of_record(entry.name)
            keys.add(key)
            if names.key_of_frozen_input(entry.name):
                claims[key] = Claimed(key, _claim_from(entry.metadata), entry.etag, entry.size)
        return list(claims.values()), keys - claims.keys()

    def open_input(self, key: str) -> FrozenInput | None:
        """Open a frozen input, in one call; None where there is no claim."""
        try:
            entry, chunks = self._work.open(names.frozen_input(key))
        except NotFoundError:
            return None
        return FrozenInput(
            _claim_from(entry.metadata),
            entry.size,
            entry.copy_status or "success",
            chunks,
            content_encoding=entry.content_encoding,
        )

    def stray_keys(self) -> list[str]:
        """Give the keys of records about files without a claim.

        A run leaves them that died while it dropped a file, or that went on after another one had finished it. No record
        is written before the claim, and the claim goes first.
        """
        return [key for key in self.survey()[1] if self.read(key) is None]

    def copy_input(self, key: str, target: Container, name: str, etag: str) -> str:
        """Copy a frozen input to its last place; gives the copy's status."""
        return target.copy_from(
            self._work, names.frozen_input(key), name, metadata={"source_etag": quote(etag)}
        )


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
