"""Turn an input file into shards: stream through it once, check every line before anything is sent."""

import time
from pathlib import PurePosixPath

import azure.durable_functions as df

from activities.answering import answering
from activities.request_preparation import RequestPreparation
from activities.service_files import delete_leftovers
from adapters import clients
from adapters.storage import Storage
from adapters.work_room import FrozenInput, WorkRoom
from domain.contracts import FileWork, PreparedFile, from_wire
from domain.errors import InputFileError, NotFoundError
from domain.records import Claim, Plan
from domain.settings import Settings
from domain.shards import ended_requests, open_shards

COPY_WAIT_SECONDS = 2.0
TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".parquet", ".json", ".arrow", ".feather", ".txt", ".gz"})

bp = df.Blueprint()


@bp.activity_trigger(input_name="work")
def prepare_file(work: dict) -> dict:
    """Answer PreparedFile to a FileWork."""
    return answering(lambda: _prepare_and_tidy_up(from_wire(work, FileWork)))


def _prepare_and_tidy_up(work: FileWork) -> PreparedFile:
    room = clients.work_room()
    prepared = prepare(
        work, storage=clients.storage(), room=room, settings=clients.settings(), now=time.time()
    )
    if not work.fresh and not prepared.gone:
        delete_leftovers(work.key, room=room, api=clients.batch_api())
    return prepared


def prepare(
    work: FileWork, *, storage: Storage, room: WorkRoom, settings: Settings, now: float
) -> PreparedFile:
    """Make a file's plan, or find the one made before a crash and say what is left of it."""
    frozen = room.open_frozen(work.key)
    if frozen is None or frozen.claim.snapshot_id != work.snapshot_id:
        return PreparedFile(gone=True)  # finished, or taken over by another snapshot
    # A fresh file's plan cannot have been acted upon before this answer: making it again is as good as looking for it.
    plan = None if work.fresh else room.plan(work.key)
    if plan is not None:
        ledgers = room.shard_ledgers(work.key, plan.shards)
        ended = plan.requests if plan.rejected else ended_requests(plan, ledgers)
        return PreparedFile(requests=plan.requests, ended=ended, shards=open_shards(plan, ledgers))
    if frozen.copy_status == "pending":
        return PreparedFile(wait_seconds=COPY_WAIT_SECONDS)
    if frozen.copy_status != "success":
        room.drop_file(
            work.key
        )  # the file itself is untouched in the input container: the next sweep takes it
        return PreparedFile(gone=True)
    if frozen.size == 0 and (wait := _writing_seconds(frozen.claim, storage, settings, now)) is not None:
        return _wait_for_content(work, room, wait)
    plan = _make_plan(work.key, frozen, room=room, settings=settings)
    room.write_plan(work.key, plan)
    return PreparedFile(requests=plan.requests, ended=_ended(plan), shards=open_shards(plan, {}))


def _ended(plan: Plan) -> int:
    return plan.requests if plan.rejected else plan.invalid


def _writing_seconds(claim: Claim, storage: Storage, settings: Settings, now: float) -> float | None:
    """Say how long an empty file may still be filled by its writer; 0: it is another version already; None: no more.

    Writers on hierarchical accounts create a file first, with 0 bytes, and flush its content later.
    """
    try:
        entry = storage.input.entry(claim.path)
    except NotFoundError:
        return None
    if entry.etag != claim.etag:
        return 0.0
    left = entry.modified + settings.snapshot_window_seconds - now
    return left if left > 0 else None


def _wait_for_content(work: FileWork, room: WorkRoom, wait: float) -> PreparedFile:
    if wait > 0:
        return PreparedFile(wait_seconds=wait)
    room.drop_file(
        work.key
    )  # content has come: the file has a new ETag, an event of its own, and a later snapshot
    return PreparedFile(gone=True)


def _make_plan(key: str, frozen: FrozenInput, *, room: WorkRoom, settings: Settings) -> Plan:
    preparation = RequestPreparation(key, frozen, room=room, settings=settings)
    try:
        _refuse_unreadable(frozen)
        return preparation.plan()
    except InputFileError as error:
        return preparation.refuse(error.code, str(error))


def _refuse_unreadable(frozen: FrozenInput) -> None:
    if frozen.size == 0:
        raise InputFileError("The file is empty.", code="empty_file")
    suffix = PurePosixPath(frozen.claim.path).suffix.lower()
    if suffix in TABLE_SUFFIXES:
        message = (
            f"Files of type {suffix} are not read by this version; drop ready-made batch requests as .jsonl."
        )
        raise InputFileError(message, code="unsupported_type")
