"""Take over what another program has begun: input files that have a batch already, and those that were delivered and not deleted.

The Azure OpenAI Batch accelerator imports each file into the service under its path, makes one batch of it, and deletes the file from the
input container last (`code/AzureBatch.py` of Azure-Samples/aoai-batch-api-accelerator, read 2026-11). Stopped in between, it
leaves files that this app would send again. Here such a file gets a claim of a snapshot that does not live, a plan, and a ledger with
the batch: exactly what this app finds after a wiped task hub, so it goes on with them by itself.
"""

import json
import re
from collections.abc import Iterator
from enum import StrEnum

import msgspec

from adapters.services import Services
from adapters.storage.blobs import Container
from domain import names
from domain.contracts import FileWork
from domain.errors import ConflictError, NotFoundError
from domain.records import BatchRecord, Claim, InputFile, Ledger
from domain.service.batch_states import BatchState, BatchView
from domain.service.transports import TransportName
from steps.intake.survey import look
from steps.prepare.preparation import prepare

_FOLDER = re.compile(r"(?P<stem>.+)_\d{4}-\d\d-\d\d_\d\d_\d\d_\d\d")  # of their results
MAX_METADATA_BYTES = 100_000


class Fate(StrEnum):
    """What becomes of an input file."""

    NEW = "new"  # nothing was begun: the app sends it
    ADOPT = "adopt"  # it has a batch, whose answers are collected
    DELIVERED = "delivered"  # its results are there, and it is in its place still
    CLAIMED = "claimed"  # this app works on it already
    UNCLEAR = "unclear"  # it has a batch, and more than that is not certain


class TakenOver(msgspec.Struct, kw_only=True):
    """One input file: what was found, what is to become of it, and whether that was done."""

    file: str
    fate: Fate = Fate.NEW
    batch_id: str | None = None
    batch_status: str | None = None
    other_batches: list[str] = []  # of the same file: it was sent more than once before
    results: str | None = None  # the folder that has them
    reason: str | None = None
    done: bool = False


class Predecessor:
    """What the other program has left: batches by the path of their file, and folders with results by it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        api = services.batch_api
        ours = names.SERVICE_FILE_PREFIX
        paths = {file_id: name for file_id, _, name in api.files_named("") if not name.startswith(ours)}
        self.batches: dict[str, list[BatchView]] = {}
        for batch in api.batches():
            if path := paths.get(batch.input_file_id or ""):
                self.batches.setdefault(path, []).append(batch)
        self.delivered = dict(_delivered(services))

    def look_at(self, file: InputFile, *, claimed: bool) -> TakenOver:
        """Say what is to become of a file."""
        found = TakenOver(file=file.path)
        if claimed:
            found.fate = Fate.CLAIMED
        elif folder := self._delivered_as(file):
            found.fate, found.results = Fate.DELIVERED, folder
        elif batches := [
            batch for batch in self.batches.get(file.path, []) if batch.status != BatchState.FAILED
        ]:
            best = max(batches, key=_worth)
            found.batch_id, found.batch_status = best.batch_id, best.status
            found.other_batches = [batch.batch_id for batch in batches if batch is not best]
            found.reason = self._doubt(file, best)
            found.fate = Fate.UNCLEAR if found.reason else Fate.ADOPT
        return found

    def _delivered_as(self, file: InputFile) -> str | None:
        """Give the folder in which a file lies with its results, its content the same."""
        for container, folder in self.delivered.get(file.path, []):
            archived = f"{folder}{file.path.rpartition('/')[2]}"
            try:
                if _same(container, archived, self._services.storage.input, file.path):
                    return f"{container.name}/{folder}"
            except NotFoundError:
                continue
        return None

    def _doubt(self, file: InputFile, batch: BatchView) -> str | None:
        """Say why a batch may be of another content than the file has now; None where it is of this one."""
        size = self._services.batch_api.file_size(batch.input_file_id or "")
        if size is not None and size != file.size:
            return f"{batch.batch_id} was made of {size:,} bytes, the file has {file.size:,}: it was replaced since"
        return None


def _worth(batch: BatchView) -> tuple[bool, int, float]:
    """Rank the batches of one file: one that is complete before one that has more, before an older one."""
    return batch.status == BatchState.COMPLETED, batch.completed, -(batch.created_at or 0.0)


def survey_takeover(services: Services) -> list[TakenOver]:
    """Look at every input file; changes nothing."""
    seen, predecessor = look(services), Predecessor(services)
    claimed = {found.key for found in seen.records.claims}
    return [
        predecessor.look_at(file, claimed=names.file_key(file.path, file.etag) in claimed)
        for file in seen.inputs
    ]


def take_over(found: list[TakenOver], services: Services, snapshot_id: str) -> None:
    """Do what was found: adopt batches, and remove what was delivered. `snapshot_id`: of a snapshot that does not live."""
    inputs = {file.path: file for file in look(services).inputs}
    for each in found:
        file = inputs.get(each.file)
        if file is None:
            each.reason = "the file has gone meanwhile"
        elif each.fate is Fate.ADOPT:
            _adopt(each, file, services, snapshot_id)
        elif each.fate is Fate.DELIVERED:
            _remove(each, file, services)


def _adopt(each: TakenOver, file: InputFile, services: Services, snapshot_id: str) -> None:
    """Write what makes the app go on with a batch: the claim, the plan, the ledger."""
    assert each.batch_id is not None
    batch = services.batch_api.batch(each.batch_id)
    key, store = names.file_key(file.path, file.etag), services.work
    claim = Claim(
        snapshot_id=snapshot_id,
        timestamp=names.timestamp_of(snapshot_id),
        path=file.path,
        etag=file.etag,
        content_md5=file.content_md5,
    )  # fmt: skip - a line for each would say no more
    if not store.claims.take(services.storage.input, file, key, claim):
        each.fate, each.reason = Fate.CLAIMED, "the app has taken it meanwhile"
        return
    prepare(FileWork(snapshot_id=snapshot_id, key=key, fresh=True), services)
    plan = store.plans.read(key)
    shards = plan.shards if plan else []
    if plan is None or len(shards) != 1 or (batch.total and shards[0].requests != batch.total):
        store.drop_file(key)
        each.fate = Fate.UNCLEAR
        each.reason = (
            f"{each.batch_id} has {batch.total:,} requests, and the file would be sent otherwise by this app"
        )
        return
    record = BatchRecord(
        batch_id=batch.batch_id,
        input_file_id=batch.input_file_id or "",
        submitted_at=batch.created_at or services.clock(),
        transport=TransportName.IMPORT,
        transport_reason="taken over",
    )
    ledger = Ledger(
        owner=snapshot_id,
        transport=TransportName.IMPORT,
        input_file_id=batch.input_file_id,
        batch=record,
        create_intended_at=record.submitted_at,
    )  # fmt: skip - as above
    store.ledgers.write(key, shards[0].shard, ledger, None)
    each.done = True


def _remove(each: TakenOver, file: InputFile, services: Services) -> None:
    try:
        services.storage.input.delete(file.path, if_etag=file.etag)
    except (ConflictError, NotFoundError):
        each.reason = "the file was changed meanwhile"
        return
    each.done = True


def _delivered(services: Services) -> Iterator[tuple[str, list[tuple[Container, str]]]]:
    """Find folders with results of theirs, by the path of the input file that their metadata name."""
    found: dict[str, list[tuple[Container, str]]] = {}
    for container in (services.storage.processed, services.storage.error):
        for entry in container.list():
            folder, _, name = entry.name.rpartition("/")
            place = _FOLDER.fullmatch(folder.rpartition("/")[2])
            is_theirs = (
                place and name.startswith(f"{place['stem']}_metadata.") and entry.size <= MAX_METADATA_BYTES
            )
            if is_theirs and (path := _file_name(container.read(entry.name)[0])):
                found.setdefault(path, []).append((container, f"{folder}/"))
    yield from found.items()


def _file_name(content: bytes) -> str | None:
    """Read which input file a metadata document of theirs is about; None for what is none."""
    try:
        told = json.loads(content)
    except ValueError:
        return None
    path = told.get("file_name") if isinstance(told, dict) else None
    return path if isinstance(path, str) else None


def _same(one: Container, name: str, other: Container, path: str) -> bool:
    """Tell whether two blobs have the same content."""
    if one.entry(name).size != other.entry(path).size:
        return False
    left, right = _Bytes(one.chunks(name)), _Bytes(other.chunks(path))
    while piece := left.some(1024 * 1024):
        if piece != right.some(len(piece)):
            return False
    return True


class _Bytes:
    """A stream that is read by the number of its bytes."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._ahead = chunks, b""

    def some(self, most: int) -> bytes:
        while len(self._ahead) < most and (chunk := next(self._chunks, None)) is not None:
            self._ahead += chunk
        taken, self._ahead = self._ahead[:most], self._ahead[most:]
        return taken
