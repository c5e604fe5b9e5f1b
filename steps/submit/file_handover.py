"""Bring a shard within the service's reach: as a file of the service that is uploaded or imported.

A file is found again by its unique name when the answer that told its id was lost.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from adapters.storage.urls import BlobUrls
from adapters.work.store import WorkStore
from domain import names
from domain.contracts import ShardWork
from domain.errors import ConfigurationError, NotFoundError, PassingError, RefusedError, UnsupportedError
from domain.service.batch_states import BatchView
from domain.service.transports import AUTO, READING_REMEDY, Choice, Transport
from domain.settings import Settings
from steps.submit.ledger_session import LedgerBook

if TYPE_CHECKING:
    from adapters.openai.batch_api import BatchApi, CreatedBatch

READY = "processed"
SPOILT = frozenset({"error", "deleted", "deleting"})
MAX_FILE_WAIT_SECONDS = 1800.0  # what the SDK's own wait_for_processing allows
MAX_SPOILT_FILES = 3
SIGNED_FOR = timedelta(hours=2)  # four times as long as a file is waited for

log = logging.getLogger(__name__)


class FileHandover:
    """A shard that becomes a file of the service."""

    def __init__(
        self,
        work: ShardWork,
        book: LedgerBook,
        *,
        store: WorkStore,
        urls: BlobUrls,
        api: "BatchApi",
        settings: Settings,
        file_prefix: str,
        clock: Callable[[], float],
    ) -> None:
        self._work, self._shard, self._book = work, work.shard, book
        self._store, self._urls, self._api = store, urls, api
        self._settings, self._prefix, self._clock = settings, file_prefix, clock

    input_blob = None  # the service reads a file

    def is_ready(self) -> bool:
        """Send the shard's file unless that was done; tell whether batches may use it yet."""
        ledger = self._book.ledger
        if ledger.input_file_id is None:
            known = None if self._book.first_time else next(self._api.files_named(self._filename), None)
            ledger.input_file_id, status = known[:2] if known else self._send()
            if status != READY:  # else the write of the intent to create keeps the id as well
                self._book.write()
        else:
            status = self._status(ledger.input_file_id)
        too_long = self._clock() - (ledger.upload_intended_at or 0.0) > MAX_FILE_WAIT_SECONDS
        if status in SPOILT or (status != READY and too_long):
            self._begin_again(status)
        return status == READY

    def wait_seconds(self) -> float:
        """Wait half as long again as the file has taken so far, within a quarter of a second and ten seconds."""
        taken = self._clock() - (self._book.ledger.upload_intended_at or 0.0)
        return min(max(taken / 2, 0.25), 10.0)

    def is_of_shard(self, batch: BatchView) -> bool:
        """Tell whether a batch was made of this shard. The file is the shard's own, so any batch of it is."""
        return batch.input_file_id == self._book.ledger.input_file_id

    def create(self, metadata: dict[str, str]) -> "CreatedBatch":
        """Create the batch."""
        return self._api.create(str(self._book.ledger.input_file_id), self._shard.url, metadata)

    # --- the file ----------------------------------------------------------------------------------------------------

    @property
    def _filename(self) -> str:
        submission = self._book.ledger.submission
        return names.service_filename(self._prefix, self._work.key, self._shard.shard, submission)

    def _send(self) -> tuple[str, str]:
        if self._book.ledger.transport == Transport.IMPORT:
            try:
                return self._api.import_from(self._filename, self._content_url())
            except (UnsupportedError, RefusedError) as error:
                self._go_by_upload_after(error)
        return self._api.upload(self._filename, self._store.blobs.stream(self._shard.blob, self._shard.size))

    def _content_url(self) -> str:
        if self._settings.import_url == "identity":
            return self._urls.plain(self._shard.blob)
        return self._urls.signed(self._shard.blob, SIGNED_FOR)

    def _go_by_upload_after(self, error: UnsupportedError | RefusedError) -> None:
        """Upload after all: where the choice was ours, and where nobody says that the operation exists.

        Raises ConfigurationError where an import was asked for that ought to work.
        """
        unsupported = isinstance(error, UnsupportedError)
        undocumented = unsupported and self._settings.azure_openai_api_version == "v1"
        asked_for = self._settings.transport != AUTO
        if asked_for and not undocumented:
            raise ConfigurationError(f"{error} {READING_REMEDY}", code=error.code) from error
        log.warning("uploaded instead of imported: %s", error)
        if not unsupported:
            self._api.imports.failing = f"an import was refused ({error.code})"
        why = "the service knows no import in this api-version" if unsupported else "the import was refused"
        self._book.go(Choice(Transport.UPLOAD, f"TRANSPORT={self._settings.transport}, but {why}"))
        self._book.write()

    def _status(self, file_id: str) -> str:
        try:
            return self._api.file_status(file_id)
        except NotFoundError:
            return "deleted"

    def _begin_again(self, status: str) -> None:
        """Drop a file the service could not use and send a fresh one next time; give up after a few.

        A file that a batch may have been made of stays what it is. An import that was asked for is never given up: the
        service cannot read the account, which somebody can mend.
        """
        ledger = self._book.ledger
        imported = ledger.transport == Transport.IMPORT
        message = f"The service's file for shard {self._shard.shard} is in state {status!r}."
        enough = ledger.submission >= MAX_SPOILT_FILES
        if ledger.create_intended_at is not None or (enough and not imported):
            raise RefusedError(message, code="file_error")
        if imported and ledger.input_file_id:
            message = f"{message} {self._complaint(ledger.input_file_id)}".rstrip()
        if ledger.input_file_id:
            self._api.delete_file(ledger.input_file_id)
        ledger.input_file_id, ledger.upload_intended_at = None, self._clock()
        ledger.submission += 1
        if imported and self._settings.transport == AUTO:
            self._api.imports.failing = f"an import ended in state {status!r}"
            self._book.go(Choice(Transport.UPLOAD, f"auto: {self._api.imports.failing}"))
        self._book.write()
        if imported and enough and self._settings.transport != AUTO:
            raise ConfigurationError(f"{message} {READING_REMEDY}", code="import_failed")
        raise PassingError(message, code="file_error")

    def _complaint(self, file_id: str) -> str:
        try:
            return self._api.file_complaint(file_id)
        except NotFoundError:
            return ""
