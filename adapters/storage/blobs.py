"""Azure Blob Storage: containers, blobs, conditions.

Works the same on flat accounts and on hierarchical ones (ADLS Gen2), whose blobs the Blob endpoint serves as well; what
is different about those, `adapters.storage.directories` knows.
"""

import base64
import logging
import uuid
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from azure.core import MatchConditions
from azure.storage.blob import (
    BlobBlock,
    BlobClient,
    BlobType,
    ContainerClient,
    ContentSettings,
    StorageStreamDownloader,
)

from adapters.storage.directories import Directories
from adapters.storage.errors import translated
from adapters.storage.urls import without_query
from adapters.threads import pool
from domain import names
from domain.errors import BlockedError, ConflictError, NotFoundError, PassingError

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

BLOCK_BYTES = 4 * 1024 * 1024  # one read, one staged block: what a stream holds in memory at a time
COPY_WAIT_SECONDS = 2.0  # after which it is worth asking again whether a copy is complete
BLOCKS_UNDER_WAY = 2  # of one writer; a store that answers a block in 0.1 s takes 80 MB/s this way

# What they log of each call holds its URL, and that may hold a signature.
for talkative in ("azure.core.pipeline.policies.http_logging_policy", "urllib3"):
    logging.getLogger(talkative).setLevel(logging.WARNING)

MAX_BATCH_DELETES = 256  # sub-requests of one blob batch ("Blob Batch", read 2026-11)

_DELETED_STATUSES = frozenset({202, 404})


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobEntry:
    """One blob as a listing shows it."""

    name: str
    size: int  # bytes
    etag: str  # without quotes
    modified: float  # epoch seconds
    metadata: dict[str, str] = field(default_factory=dict)
    copy_status: str | None = None
    content_encoding: str | None = None  # what the blob's property says, truly or not
    # In hexadecimal; as its writer or storage told it, which nothing holds to the content.
    content_md5: str = ""
    appends: bool = False  # an append blob
    archived: bool = False  # in the archive tier: cannot be read
    leased: bool = False  # cannot be changed or deleted


class Container:
    """One container. Names are blob names as people write them; the SDK does the quoting."""

    def __init__(
        self, client: ContainerClient, directories: Directories, *, of_outputs: bool = False
    ) -> None:
        self._client, self._directories, self.of_outputs = client, directories, of_outputs
        self.name: str = client.container_name

    @property
    def address(self) -> str:
        """The container's URL, without what it may be signed with."""
        return without_query(str(self._client.url))

    @property
    def is_hierarchical(self) -> bool:
        """Whether it is one of an account with directories, where any blob may be appended to."""
        return self._directories.exist

    def exists(self) -> bool:
        """Tell whether the container is there."""
        with translated(self.name):
            return bool(self._client.exists())

    def create(self) -> None:
        """Create the container unless it is there."""
        try:
            with translated(self.name):
                self._client.create_container()
        except ConflictError:
            return  # it is there already, which is all that was asked

    def list(self, prefix: str = "", *, metadata: bool = False) -> Iterator[BlobEntry]:
        """List the blobs whose names start with `prefix`, in the order of their names.

        Directories are none, although a hierarchical account lists them as blobs that only their metadata tells apart.
        """
        with_metadata = metadata or self._directories.exist
        with translated(f"{self.name}/{prefix}"):
            include = ["metadata"] if with_metadata else None
            for blob in self._client.list_blobs(name_starts_with=prefix or None, include=include):
                entry = _entry(blob)
                if not names.marks_directory(entry.metadata, entry.size):
                    yield entry

    def entry(self, name: str) -> BlobEntry:
        """Look at one blob. Raises NotFoundError."""
        with self._blob(name) as blob:
            return _entry(blob.get_blob_properties())

    def read(self, name: str) -> tuple[bytes, str]:
        """Read a small blob whole; gives its bytes and its ETag. Raises NotFoundError."""
        with self._blob(name) as blob:
            download = blob.download_blob(decompress=False)
            return download.readall(), str(download.properties.etag).strip('"')

    def chunks(self, name: str, start: int = 0, size: int | None = None) -> Iterator[bytes]:
        """Stream a blob, or a range of it, in pieces of at most BLOCK_BYTES.

        Raises NotFoundError; ConflictError if it changes meanwhile.
        """
        if size is None and not start:
            yield from self.open(name)[1]
            return
        with self._blob(name) as blob:
            download = blob.download_blob(offset=start, length=size, decompress=False)
            yield from _streamed(download, f"{self.name}/{name}")

    def open(self, name: str) -> tuple[BlobEntry, Iterator[bytes]]:
        """Look at a blob and stream it, in one call as far as its first piece reaches. Raises NotFoundError."""
        with self._blob(name) as blob:
            download = blob.download_blob(decompress=False)
            return _entry(download.properties), _streamed(download, f"{self.name}/{name}")

    def read_start(self, name: str, most: int) -> tuple[bytes, str]:
        """Read at most so many bytes of a blob; gives them and its ETag. Raises NotFoundError."""
        try:
            with self._blob(name) as blob:
                download = blob.download_blob(offset=0, length=most, decompress=False)
                return bytes(download.readall()), str(download.properties.etag).strip('"')
        except PassingError as error:
            if error.code != "InvalidRange":
                raise
        return self.read(name)  # an empty blob has no range

    def read_range(self, name: str, offset: int, length: int) -> bytes:
        """Read part of a blob."""
        with self._blob(name) as blob:
            return bytes(blob.download_blob(offset=offset, length=length, decompress=False).readall())

    def read_on(self, name: str, offset: int) -> tuple[bytes, int]:
        """Read an append blob from a byte to its end, and tell how many appends it has had; nothing and 0 at its end."""
        try:
            with self._blob(name) as blob:
                download = blob.download_blob(offset=offset, decompress=False)
                blocks = download.properties.append_blob_committed_block_count
                return bytes(download.readall()), int(blocks or 0)
        except PassingError as error:
            if error.code != "InvalidRange":
                raise
        return b"", 0

    def write(
        self,
        name: str,
        content: bytes,
        *,
        metadata: dict[str, str] | None = None,
        if_absent: bool = False,
        if_etag: str | None = None,
    ) -> str:
        """Write a small blob whole, replacing it unless a condition says otherwise; gives the new ETag.

        Raises ConflictError when the condition does not hold.
        """
        conditions: dict[str, Any] = {"overwrite": not if_absent}
        if if_etag:
            conditions |= _only_if(if_etag)
        if metadata:
            conditions["metadata"] = metadata
        settings = _content_settings(name)
        try:
            with self._blob(name) as blob:
                etag = blob.upload_blob(content, content_settings=settings, **conditions)["etag"]
        except BlockedError as error:
            return self._standing(name, error).etag
        return str(etag).strip('"')

    def writer(self, name: str, *, metadata: dict[str, str] | None = None) -> "BlobWriter":
        """Open a blob for streaming; it appears, replacing an older one, when the writer is closed without an error."""
        return BlobWriter(self, name, metadata)

    def continuation(self, name: str) -> "BlobWriter | None":
        """Open a blob for streaming that goes on where it ends now; None for one that was not written in blocks."""
        with self._blob(name) as blob:
            blocks, _ = blob.get_block_list("committed")
        return BlobWriter(self, name, None, blocks) if blocks else None

    def lazy_writer(self, name: str, *, metadata: dict[str, str] | None = None) -> "LazyWriter":
        """Open a blob for streaming that is not written at all when nothing comes."""
        return LazyWriter(self, name, metadata)

    def copy_from(
        self,
        source: "Container",
        source_name: str,
        name: str,
        *,
        metadata: dict[str, str],
        source_etag: str | None = None,
        if_absent: bool = False,
    ) -> str:
        """Copy a blob within the account, no bytes through here; gives `success`, or `pending` for a large one.

        Raises NotFoundError for the source, ConflictError when the source has changed or the target is there already.
        """
        conditions: dict[str, Any] = {}
        if source_etag:
            condition = MatchConditions.IfNotModified
            conditions |= {"source_etag": f'"{source_etag}"', "source_match_condition": condition}
        if if_absent:
            conditions["match_condition"] = MatchConditions.IfMissing
        with self._blob(name) as blob:
            answer = blob.start_copy_from_url(source.url_of(source_name), metadata=metadata, **conditions)
            return str(answer.get("copy_status") or "success")

    def set_metadata(self, name: str, metadata: dict[str, str], *, if_etag: str) -> None:
        """Replace a blob's metadata. Raises ConflictError when the blob was changed since."""
        with self._blob(name) as blob:
            blob.set_blob_metadata(metadata, **_only_if(if_etag))

    def delete(self, name: str, *, if_etag: str | None = None) -> None:
        """Delete a blob. Raises NotFoundError, and ConflictError when it is not the version meant."""
        conditions = _only_if(if_etag) if if_etag else {}
        with self._blob(name) as blob:
            blob.delete_blob(delete_snapshots="include", **conditions)

    def delete_folder(self, folder: str, *, first: str | None = None) -> None:
        """Delete every blob whose name starts with `folder`, which ends with a slash.

        A hierarchical account does it in one step, and leaves no empty directories behind. On a flat one the blob named
        `first` goes before all others. Raises PassingError when some are left.
        """
        if self._directories.exist:
            self._directories.remove(self.name, folder.rstrip("/"))
            return
        if first:
            with suppress(NotFoundError):
                self.delete(first)
        self.delete_all(entry.name for entry in self.list(folder, metadata=True))

    def delete_all(self, blobs: Iterable[str]) -> None:
        """Delete blobs, many in one call, in any order; those that are gone already are what was wanted.

        Raises PassingError when some are left.
        """
        wanted = list(blobs)
        if self._client.credential is None:
            # A shared access signature: the calls within a batch are not signed by it everywhere (not in Azurite).
            for name in wanted:
                with suppress(NotFoundError):
                    self.delete(name)
            return
        for start in range(0, len(wanted), MAX_BATCH_DELETES):
            with translated(self.name):
                answers = self._client.delete_blobs(
                    *wanted[start : start + MAX_BATCH_DELETES],
                    delete_snapshots="include",
                    raise_on_any_failure=False,
                )
                statuses = {answer.status_code for answer in answers}
            if not statuses <= _DELETED_STATUSES:
                raise PassingError(
                    f"{self.name}: some blobs could not be deleted ({sorted(statuses)}).", code="delete"
                )

    def _standing(self, name: str, error: BlockedError) -> BlobEntry:
        """Give the blob that a retention policy keeps as an earlier try has written it. Raises the error for any other.

        Outputs are named by what they hold, so that a repetition writes the same again.
        """
        if self.of_outputs and error.code.startswith("BlobImmutable"):
            with suppress(NotFoundError):
                return self.entry(name)
        raise error

    def url_of(self, name: str) -> str:
        """Give a blob's URL, quoted as the service wants it."""
        return str(self._client.get_blob_client(name).url)

    @contextmanager
    def _blob(self, name: str) -> Iterator[BlobClient]:
        with translated(f"{self.name}/{name}"):
            yield self._client.get_blob_client(name)


class BlobWriter:
    """Streams bytes into a block blob. `size` counts bytes written.

    Holds a few blocks in memory: while one fills, BLOCKS_UNDER_WAY others are being sent.
    """

    def __init__(
        self,
        container: Container,
        name: str,
        metadata: dict[str, str] | None = None,
        before: Iterable[BlobBlock] = (),
    ) -> None:
        self._container, self._name, self._metadata = container, name, metadata
        self._blocks = list(before)  # those that the blob begins with: it goes on behind them
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._series = uuid.uuid4().hex  # two writers of one blob never mix their blocks
        self._sender: ThreadPoolExecutor | None = None
        self._sending: deque[Future[None]] = deque()
        self.size = 0

    def write(self, content: bytes) -> None:
        """Add bytes."""
        self._held.append(bytes(content))  # no copy of what is bytes already
        self._held_bytes += len(content)
        self.size += len(content)
        if self._held_bytes >= BLOCK_BYTES:
            self._stage()

    def close(self) -> None:
        """Make the blob appear."""
        if not self._blocks:
            self._container.write(self._name, b"".join(self._held), metadata=self._metadata)
            return
        if self._held_bytes:
            self._stage()
        self._wait(0)
        self.abandon()
        with self._own_blob() as blob:
            blob.commit_block_list(
                self._blocks, content_settings=_content_settings(self._name), metadata=self._metadata
            )

    @property
    def whole(self) -> bytes | None:
        """All that was written, where it is little enough to be held; None else."""
        return None if self._blocks else b"".join(self._held)

    def _stage(self) -> None:
        self._wait(BLOCKS_UNDER_WAY - 1)
        block = base64.b64encode(f"{self._series}{len(self._blocks):06d}".encode()).decode()
        self._sender = self._sender or pool(BLOCKS_UNDER_WAY)
        self._sending.append(self._sender.submit(self._send, block, b"".join(self._held)))
        self._blocks.append(BlobBlock(block))
        self._held, self._held_bytes = [], 0

    def _send(self, block: str, content: bytes) -> None:
        with self._own_blob() as blob:
            blob.stage_block(block, content)

    @contextmanager
    def _own_blob(self) -> Iterator[BlobClient]:
        try:
            with self._container._blob(self._name) as blob:  # noqa: SLF001 - the writer is part of the container
                yield blob
        except BlockedError as error:
            self._container._standing(self._name, error)  # noqa: SLF001 - as above

    def _wait(self, most: int) -> None:
        """Wait until at most so many blocks are under way. Raises what went wrong with one."""
        while len(self._sending) > most:
            self._sending.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        self.abandon()

    def abandon(self) -> None:
        """Stop sending; what was sent without a close never appears."""
        if self._sender:
            self._sender.shutdown(wait=False, cancel_futures=True)


class LazyWriter:
    """A blob that comes into being with its first byte."""

    def __init__(self, container: Container, name: str, metadata: dict[str, str] | None = None) -> None:
        self._container, self._name, self._metadata = container, name, metadata
        self._writer: BlobWriter | None = None

    def write(self, content: bytes) -> None:
        """Add bytes."""
        self._writer = self._writer or self._container.writer(self._name, metadata=self._metadata)
        self._writer.write(content)

    def close(self) -> str | None:
        """Make the blob appear; gives its name, None when nothing was written."""
        if self._writer is None:
            return None
        self._writer.close()
        return self._name


def _entry(blob: Any) -> BlobEntry:
    md5 = blob.content_settings.content_md5
    return BlobEntry(
        name=blob.name,
        size=blob.size or 0,
        etag=str(blob.etag).strip('"'),
        modified=blob.last_modified.timestamp(),
        metadata={
            name: value or "" for name, value in (blob.metadata or {}).items()
        },  # a listing has None for empty
        copy_status=blob.copy.status if blob.copy else None,
        content_encoding=blob.content_settings.content_encoding,
        content_md5=bytes(md5).hex() if md5 else "",
        appends=blob.blob_type == BlobType.APPENDBLOB,
        archived=str(blob.blob_tier or "") == "Archive",
        leased=blob.lease is not None and blob.lease.state in ("leased", "breaking"),
    )


def _only_if(etag: str) -> dict[str, Any]:
    return {"etag": f'"{etag}"', "match_condition": MatchConditions.IfNotModified}


def _content_settings(name: str) -> ContentSettings:
    kind = "application/json" if name.endswith(".json") else "application/octet-stream"
    return ContentSettings(content_type="application/jsonl" if name.endswith(".jsonl") else kind)


def _streamed(download: StorageStreamDownloader[bytes], about: str) -> Iterator[bytes]:
    """Give a blob's pieces; of a blob with several, the next is fetched while the last one is being looked at."""
    chunks = download.chunks()
    with translated(about):
        if download.size <= BLOCK_BYTES:
            yield from chunks
            return
        with pool(1) as one_ahead:
            ahead = one_ahead.submit(next, chunks, None)
            while (chunk := ahead.result()) is not None:
                ahead = one_ahead.submit(next, chunks, None)
                yield chunk
