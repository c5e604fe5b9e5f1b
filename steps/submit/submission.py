"""Hand a shard to the service and create its batch. The one step that costs money.

The ledger has an intent before each effect and the id after it. A later try that finds an intent and no id looks at
the service before doing anything twice: files by our own unique name, batches by `input_file_id`.
"""

import logging

import msgspec

from adapters.services import Services
from adapters.storage.urls import NO_SIGNATURE, BlobUrls, is_local
from domain.contracts import Fault, Pause, ShardWork, Submitted
from domain.errors import (
    ConfigurationError,
    ConflictError,
    LostAnswerError,
    PipelineError,
    QuotaFullError,
    RefusedError,
)
from domain.records import BatchRecord, Ledger
from domain.service.batch_states import BatchView
from domain.service.reach import WHOLE_RESOURCE, reach_of_deployment, reach_of_operation
from domain.service.transports import AUTO, Choice, TransportName, choose
from domain.settings import Settings
from steps.service_files import delete_orphans
from steps.submit.blob_transport import BlobTransport
from steps.submit.import_transport import ImportTransport
from steps.submit.ledger_session import LedgerSession
from steps.submit.transport import Transport
from steps.submit.upload_transport import UploadTransport

CONFLICT_WAIT_SECONDS = 2.0
FILE_QUOTA_CODE = "quotaExceeded"
# What these are about is the deployment, whatever it was asked for.
DEPLOYMENT_CODES = frozenset({"model_not_found", "DeploymentNotFound", "token_limit_exceeded"})
# What these are about is what the deployment was asked for.
OPERATION_CODES = frozenset({"OperationNotSupported"})

log = logging.getLogger(__name__)


def submit(work: ShardWork, services: Services) -> Submitted:
    """Submit a shard, or find the batch that an earlier try made of it."""
    return Submission(work, services).run()


class Submission:
    """One shard on its way to a batch."""

    def __init__(self, work: ShardWork, services: Services) -> None:
        self._work, self._shard, self._services = work, work.shard, services
        self._api, self._clock = services.batch_api, services.clock
        self._wanted = services.settings.transport
        self._creating = False
        self._choice = self._choose(services.settings, services.storage.work_urls)
        self._session = LedgerSession(work, services.work, self._choice, now=self._clock())
        self._transports: dict[TransportName, Transport] = {
            TransportName.UPLOAD: UploadTransport(work, self._session, services),
            TransportName.IMPORT: ImportTransport(work, self._session, services),
            TransportName.BLOB: BlobTransport(work, services),
        }

    @property
    def _ledger(self) -> Ledger:
        return self._session.ledger

    @property
    def _transport(self) -> Transport:
        """The transport that the ledger says; it may change while the shard is on its way."""
        return self._transports[self._ledger.transport]

    def _choose(self, settings: Settings, urls: BlobUrls) -> Choice:
        """Choose the transport of a first submission; a ledger that is there has its own."""
        failing = self._api.imports.failing
        if urls.is_local and not is_local(settings.azure_openai_endpoint):
            failing = "no service can reach a storage account on this machine"
        elif settings.import_url == "sas" and not urls.can_sign:
            failing = NO_SIGNATURE
        undocumented = settings.azure_openai_api_version == "v1"
        unsupported = self._api.imports.unsupported if self._wanted == AUTO or undocumented else None
        return choose(settings.transport, size=self._shard.size, unsupported=unsupported, failing=failing)

    def run(self) -> Submitted:
        """Go on from where the ledger says the last try got to."""
        try:
            return self._run()
        except PipelineError:
            self._session.tidy_up()
            raise

    def _run(self) -> Submitted:
        try:
            self._open_ledger()
            batch = self._ledger.batch
            return self._entered(batch) if batch else self._submit()
        except ConflictError:
            if not self._session.is_ours():
                raise  # taken over: there is nothing to wait for
            log.warning("%s/%s is being submitted by another process", self._work.key, self._shard.shard)
            return Submitted(wait_seconds=CONFLICT_WAIT_SECONDS)
        except (QuotaFullError, ConfigurationError) as error:
            if error.code == FILE_QUOTA_CODE:  # what is left of dead runs may be what fills it
                delete_orphans(self._services)
            return self._paused(error)
        except RefusedError as error:
            return Submitted(refused=Fault(code=error.code, message=str(error), passing=False))

    def _open_ledger(self) -> None:
        """Open the ledger; where nothing is under way, TRANSPORT counts as it is set now, not as it was."""
        self._session.open()
        ledger, choice = self._ledger, self._choice
        idle = not (ledger.batch or ledger.create_intended_at or ledger.input_file_id)
        if idle and (self._wanted != AUTO or ledger.transport == TransportName.BLOB):
            self._session.go(choice)

    def _submit(self) -> Submitted:
        wait_seconds = self._transport.advance()
        if wait_seconds is not None:
            return Submitted(wait_seconds=wait_seconds)
        found = self._look_for_batch()
        if found:
            return self._enter(found)
        in_doubt = (self._ledger.create_in_doubt_until or 0.0) - self._clock()
        return Submitted(wait_seconds=min(in_doubt, 5.0)) if in_doubt > 0 else self._create()

    # --- the batch ---------------------------------------------------------------------------------------------------

    def _look_for_batch(self) -> BatchView | None:
        """Look whether an earlier try made the batch."""
        if self._ledger.create_intended_at is None:
            return None
        past = {batch.batch_id for batch in self._ledger.past_batches}
        batches = (batch for batch in self._api.batches() if batch.batch_id not in past)
        return next(filter(self._transport.is_of_shard, batches), None)

    def _create(self) -> Submitted:
        ledger = self._ledger
        ledger.create_intended_at = self._clock()
        ledger.create_in_doubt_until = ledger.create_intended_at + LostAnswerError.longest_doubt_seconds
        self._session.write()
        metadata = {
            "file_key": self._work.key,
            "shard": self._shard.shard,
            "snapshot": self._work.snapshot_id,
        }
        self._creating = True
        try:
            created = self._transport.create(metadata)
        except LostAnswerError as error:
            ledger.create_in_doubt_until = self._clock() + error.doubt_seconds
            self._session.write()
            raise
        except PipelineError:  # the service said no, or said nothing was done: the intent is void
            ledger.create_intended_at = ledger.create_in_doubt_until = None
            self._session.write()
            raise
        entered = self._enter(created.batch)
        return msgspec.structs.replace(
            entered, enqueued_tokens=created.enqueued_tokens, enqueued_limit=created.enqueued_limit
        )

    def _enter(self, batch: BatchView) -> Submitted:
        ledger = self._ledger
        ledger.batch = BatchRecord(
            batch_id=batch.batch_id,
            input_file_id=ledger.input_file_id or "",
            input_blob=self._transport.input_blob,
            submitted_at=ledger.create_intended_at or self._clock(),
            transport=ledger.transport,
            transport_reason=ledger.transport_reason,
        )
        self._session.write()
        return self._entered(ledger.batch)

    def _entered(self, batch: BatchRecord) -> Submitted:
        return Submitted(batch_id=batch.batch_id, submitted_at=batch.submitted_at)

    def _paused(self, error: QuotaFullError | ConfigurationError) -> Submitted:
        is_full = isinstance(error, QuotaFullError)
        # Anything else is for a person to set right.
        level = logging.INFO if is_full else logging.WARNING
        log.log(level, "%s/%s waits: %s", self._work.key, self._shard.shard, error)
        reach = self._reach_of(error)
        return Submitted(
            paused=Pause(
                model=None if reach == WHOLE_RESOURCE else self._shard.model,
                kind="quota" if is_full else "configuration",
                message=str(error),
                reach=reach,
            )
        )

    def _reach_of(self, error: QuotaFullError | ConfigurationError) -> str:
        """Tell how far a refusal reaches. Uploads are the same for all deployments, a creation is one deployment's."""
        shard = self._shard
        if error.code in DEPLOYMENT_CODES:
            return reach_of_deployment(shard.engine, shard.model)
        if error.code in OPERATION_CODES:
            return reach_of_operation(shard.engine, shard.model, shard.url)
        if isinstance(error, QuotaFullError) or not self._creating or self._refuses_all():
            return WHOLE_RESOURCE
        return reach_of_operation(shard.engine, shard.model, shard.url)

    def _refuses_all(self) -> bool:
        """Ask the resource for something that no deployment is needed for: whether it takes us at all."""
        try:
            next(self._api.batches(pages=1), None)
        except ConfigurationError:
            return True
        except PipelineError:
            log.info("whether the resource refuses all cannot be told now")
        return False
