"""Hand a shard to the service and create its batch. The one step that costs money.

The ledger has an intent before each effect and the id after it. Whoever comes again with an intent and no id looks at
the service before doing anything twice: files by our own unique name, batches by `input_file_id`.
"""

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import azure.durable_functions as df
import msgspec

from activities.answering import answering
from adapters import clients
from adapters.work_room import WorkRoom
from domain import names
from domain.batch_states import BatchView
from domain.contracts import Fault, Pause, ShardWork, Submitted, from_wire
from domain.errors import (
    ConfigurationError,
    ConflictError,
    LostAnswerError,
    NotFoundError,
    PassingError,
    PipelineError,
    QuotaFullError,
    RefusedError,
)
from domain.records import BatchRecord, Ledger

if TYPE_CHECKING:
    from adapters.batch_api import BatchApi

READY = "processed"
SPOILT = frozenset({"error", "deleted", "deleting"})
MAX_FILE_WAIT_SECONDS = 1800.0  # what the SDK's own wait_for_processing allows
MAX_SPOILT_FILES = 3
CONFLICT_WAIT_SECONDS = 2.0
DEPLOYMENT_CODES = frozenset(
    {"model_not_found", "DeploymentNotFound", "OperationNotSupported", "token_limit_exceeded"}
)

bp = df.Blueprint()
log = logging.getLogger(__name__)


@bp.activity_trigger(input_name="work")
def submit_batch(work: dict) -> dict:
    """Answer Submitted to a ShardWork."""
    return answering(
        lambda: Submission(
            from_wire(work, ShardWork),
            room=clients.work_room(),
            api=clients.batch_api(),
            file_prefix=clients.file_prefix(),
            clock=time.time,
        ).run()
    )


class Submission:
    """One shard on its way to a batch."""

    def __init__(
        self,
        work: ShardWork,
        *,
        room: WorkRoom,
        api: "BatchApi",
        file_prefix: str,
        clock: Callable[[], float],
    ) -> None:
        self._work, self._shard = work, work.shard
        self._room, self._api, self._prefix, self._clock = room, api, file_prefix, clock
        self._ledger = Ledger(owner=work.snapshot_id, attempt=work.shard.attempt, upload_intended_at=clock())
        self._etag: str | None = None
        self._first_time = True

    def run(self) -> Submitted:
        """Go on from where the ledger says the last try got to."""
        try:
            self._open_ledger()
            batch = self._ledger.batch
            return self._entered(batch) if batch else self._submit()
        except ConflictError:
            log.warning("%s/%s is being submitted by somebody else", self._work.key, self._shard.shard)
            return Submitted(wait_seconds=CONFLICT_WAIT_SECONDS)
        except (QuotaFullError, ConfigurationError) as error:
            return self._paused(error)
        except RefusedError as error:
            return Submitted(refused=Fault(code=error.code, message=str(error), passing=False))

    def _submit(self) -> Submitted:
        ready = self._file_is_ready()
        if not ready:
            return Submitted(wait_seconds=self._file_wait())
        found = self._look_for_batch()
        if found:
            return self._enter(found)
        in_doubt = (self._ledger.create_in_doubt_until or 0.0) - self._clock()
        return Submitted(wait_seconds=min(in_doubt, 5.0)) if in_doubt > 0 else self._create()

    # --- the ledger --------------------------------------------------------------------------------------------------

    def _open_ledger(self) -> None:
        """Begin the ledger with the intent to upload, or read the one there is and take it over from a dead owner."""
        if not self._work.begun and self._begin_ledger():
            return
        found = self._room.own_ledger(self._work.key, self._shard.shard, self._work.snapshot_id)
        if found:
            self._first_time = False
            self._ledger, self._etag = found
        elif not self._begin_ledger():
            raise ConflictError(f"The ledger of shard {self._shard.shard} comes and goes.")

    def _begin_ledger(self) -> bool:
        try:
            self._write()
        except ConflictError:
            return False
        return True

    def _write(self) -> None:
        self._etag = self._room.write_ledger(self._work.key, self._shard.shard, self._ledger, self._etag)

    # --- the file ----------------------------------------------------------------------------------------------------

    @property
    def _filename(self) -> str:
        return names.service_filename(
            self._prefix, self._work.key, self._shard.shard, self._ledger.submission
        )

    def _file_is_ready(self) -> bool:
        """Upload the shard's file unless that was done; tell whether batches may use it yet."""
        ledger = self._ledger
        if ledger.input_file_id is None:
            known = None if self._first_time else next(self._api.files_named(self._filename), None)
            stream = self._room.stream(self._shard.blob, self._shard.size)
            ledger.input_file_id, status = known[:2] if known else self._api.upload(self._filename, stream)
            if status != READY:  # else the write of the intent to create keeps the id as well
                self._write()
        else:
            status = self._status(ledger.input_file_id)
        too_long = self._clock() - (ledger.upload_intended_at or 0.0) > MAX_FILE_WAIT_SECONDS
        if status in SPOILT or (status != READY and too_long):
            self._begin_again(status)
        return status == READY

    def _status(self, file_id: str) -> str:
        try:
            return self._api.file_status(file_id)
        except NotFoundError:
            return "deleted"

    def _file_wait(self) -> float:
        """Wait half as long again as the file has taken so far, within a quarter of a second and ten seconds."""
        return min(max((self._clock() - (self._ledger.upload_intended_at or 0.0)) / 2, 0.25), 10.0)

    def _begin_again(self, status: str) -> None:
        """Drop a file the service could not use and upload a fresh one next time; give up after a few.

        A file that a batch may have been made of stays what it is.
        """
        ledger = self._ledger
        message = f"The service's file for shard {self._shard.shard} is in state {status!r}."
        if ledger.create_intended_at is not None or ledger.submission >= MAX_SPOILT_FILES:
            raise RefusedError(message, code="file_error")
        if ledger.input_file_id:
            self._api.delete_file(ledger.input_file_id)
        ledger.input_file_id, ledger.upload_intended_at = None, self._clock()
        ledger.submission += 1
        self._write()
        raise PassingError(message, code="file_error")

    # --- the batch ---------------------------------------------------------------------------------------------------

    def _look_for_batch(self) -> BatchView | None:
        """Look whether an earlier try made the batch. The file is the shard's own, so any batch of it is the one."""
        if self._ledger.create_intended_at is None:
            return None
        file_id, past = self._ledger.input_file_id, {batch.batch_id for batch in self._ledger.past_batches}
        batches = (batch for batch in self._api.batches() if batch.batch_id not in past)
        return next((batch for batch in batches if batch.input_file_id == file_id), None)

    def _create(self) -> Submitted:
        ledger = self._ledger
        ledger.create_intended_at = self._clock()
        ledger.create_in_doubt_until = ledger.create_intended_at + LostAnswerError.longest_doubt_seconds
        self._write()
        metadata = {
            "file_key": self._work.key,
            "shard": self._shard.shard,
            "snapshot": self._work.snapshot_id,
        }
        try:
            created = self._api.create(str(ledger.input_file_id), self._shard.url, metadata)
        except LostAnswerError as error:
            ledger.create_in_doubt_until = self._clock() + error.doubt_seconds
            self._write()
            raise
        except PipelineError:  # the service said no, or said nothing was done: the intent is void
            ledger.create_intended_at = ledger.create_in_doubt_until = None
            self._write()
            raise
        entered = self._enter(created.batch)
        return msgspec.structs.replace(
            entered, enqueued_tokens=created.enqueued_tokens, enqueued_limit=created.enqueued_limit
        )

    def _enter(self, batch: BatchView) -> Submitted:
        ledger = self._ledger
        ledger.batch = BatchRecord(
            batch_id=batch.batch_id,
            input_file_id=str(ledger.input_file_id),
            submitted_at=ledger.create_intended_at or self._clock(),
        )
        self._write()
        return self._entered(ledger.batch)

    def _entered(self, batch: BatchRecord) -> Submitted:
        return Submitted(batch_id=batch.batch_id, submitted_at=batch.submitted_at)

    def _paused(self, error: QuotaFullError | ConfigurationError) -> Submitted:
        model = self._shard.model if error.code in DEPLOYMENT_CODES else None
        kind = "quota" if isinstance(error, QuotaFullError) else "configuration"
        return Submitted(paused=Pause(model=model, kind=kind, message=str(error)))
