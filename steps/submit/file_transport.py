"""Bring a shard within the service's reach as a file of the service, however the bytes get there.

A file is found again by its unique name when the answer that told its id was lost.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from adapters.services import Services
from domain import names
from domain.contracts import ShardWork
from domain.errors import NotFoundError, PipelineError, RefusedError
from domain.service.batch_states import BatchView
from steps.looking import looking
from steps.submit.ledger_session import LedgerSession

if TYPE_CHECKING:
    from adapters.openai.batch_api import CreatedBatch

READY = "processed"
SPOILT = frozenset({"error", "deleted", "deleting"})
MAX_FILE_WAIT_SECONDS = 1800.0  # what the SDK's own wait_for_processing allows
MAX_SPOILT_FILES = 3


class FileTransport(ABC):
    """A shard that becomes a file of the service. `_send` and `_spoilt` are what its kinds differ in."""

    input_blob = None  # the service reads a file

    def __init__(self, work: ShardWork, session: LedgerSession, services: Services) -> None:
        self._work, self._shard, self._session = work, work.shard, session
        self._api, self._blobs, self._settings = services.batch_api, services.work.blobs, services.settings
        self._urls, self._prefixes, self._clock = (
            services.storage.work_urls,
            services.known_file_prefixes,
            services.clock,
        )

    def advance(self) -> float | None:
        """Send the shard's file unless that was done; None once batches may use it."""
        ledger = self._session.ledger
        if ledger.input_file_id is None:
            known = None if self._session.first_time else self._known_file()
            ledger.input_file_id, status = known[:2] if known else self._sent()
            if status != READY:  # else the write of the intent to create keeps the id as well
                self._session.write()
        else:
            status = self._status(ledger.input_file_id)
        waited = self._clock() - (ledger.upload_intended_at or 0.0)
        if status in SPOILT or (status != READY and waited > MAX_FILE_WAIT_SECONDS):
            self._begin_again(status)
        return None if status == READY else _wait_seconds(waited)

    def is_of_shard(self, batch: BatchView) -> bool:
        """Tell whether a batch was made of this shard. The file is the shard's own, so any batch of it is."""
        return batch.input_file_id == self._session.ledger.input_file_id

    def create(self, metadata: dict[str, str]) -> "CreatedBatch":
        """Create the batch."""
        return self._api.create(str(self._session.ledger.input_file_id), self._shard.url, metadata)

    def _sent(self) -> tuple[str, str]:
        """Have the service make the file. A refusal counts when there is no file: a gateway may have made the call twice."""
        try:
            return self._send()
        except RefusedError:
            known = self._known_file()
            if known is None:
                raise
            return known[:2]

    def _known_file(self) -> tuple[str, str, str] | None:
        """Find the shard's file in the service, by any name that this app has given it."""
        with looking():
            return next(
                (file for name in map(self._name, self._prefixes) for file in self._api.files_named(name)),
                None,
            )

    @property
    def _filename(self) -> str:
        return self._name(self._prefixes[0])

    def _name(self, prefix: str) -> str:
        submission = self._session.ledger.submission
        return names.service_filename(prefix, self._work.key, self._shard.shard, submission)

    @abstractmethod
    def _send(self) -> tuple[str, str]:
        """Have the service make the file; gives its id and its status."""

    @abstractmethod
    def _spoilt(self, status: str, message: str) -> PipelineError:
        """Give the error to end this try with, or raise what ends all of them. The file is still there."""

    def _status(self, file_id: str) -> str:
        try:
            with looking():
                return self._api.file_status(file_id)
        except NotFoundError:
            return "deleted"

    def _begin_again(self, status: str) -> None:
        """Drop a file the service could not use, so that the next try sends a fresh one. Raises what `_spoilt` gives.

        No batch was made of it: that was looked for before.
        """
        ledger = self._session.ledger
        message = f"The service's file for shard {self._shard.shard} is in state {status!r}."
        error = self._spoilt(status, message)
        if ledger.input_file_id:
            self._api.delete_file(ledger.input_file_id)
        ledger.input_file_id, ledger.upload_intended_at = None, self._clock()
        ledger.submission += 1
        self._session.write()
        raise error


def _wait_seconds(taken: float) -> float:
    """Wait half as long again as the file has taken so far, within a quarter of a second and ten seconds."""
    return min(max(taken / 2, 0.25), 10.0)
