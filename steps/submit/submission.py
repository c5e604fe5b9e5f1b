"""Hand a shard to the service and create its batch. The one step that costs money.

The ledger has an intent before each effect and the id after it. Whatever came of a creation but a batch leaves it in doubt: a
gateway may have made the call twice, and tells the second refusal. So the next try looks at the service first, and so does
the first one of a shard without a ledger: files by our own unique name, batches by `input_file_id` and by our marks.
"""

import logging

import msgspec

from adapters.openai.known_batches import MARGIN_SECONDS, back_to, bears_marks, marks
from adapters.services import Services
from adapters.storage.urls import NO_SIGNATURE, BlobUrls, is_local
from domain import names
from domain.contracts import Fault, Pause, ShardWork, Submitted
from domain.errors import (
    ConfigurationError,
    ConflictError,
    LostAnswerError,
    PipelineError,
    QuotaFullError,
    RefusedError,
)
from domain.records import BatchRecord, BatchRefusal, Ledger
from domain.service.batch_states import BatchState, BatchView
from domain.service.outcomes import AS_ASKED
from domain.service.reach import (
    DEPLOYMENT_CODES,
    OPERATION_CODES,
    WHOLE_RESOURCE,
    reach_of_deployment,
    reach_of_operation,
)
from domain.service.transports import AUTO, Choice, TransportName, choose
from domain.settings import Settings
from steps.looking import looking
from steps.service_files import delete_orphans
from steps.submit.blob_transport import BlobTransport
from steps.submit.import_transport import ImportTransport
from steps.submit.ledger_session import LedgerSession
from steps.submit.transport import Transport
from steps.submit.upload_transport import UploadTransport
from steps.wishes.seen import newly_asked

CONFLICT_WAIT_SECONDS = 2.0
LONGEST_LOOK_SECONDS = 5.0  # between looks for a batch that is in doubt
REFUSED_DOUBT_SECONDS = 15.0  # the answer was the service's own: what an earlier call did shows soon
FILE_QUOTA_CODE = "quotaExceeded"

# Collecting finds what came of the shard.
_DONE = Submitted(
    refused=Fault(code=ConflictError.code, message="Another run has collected the shard.", passing=False)
)

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
            self._session.open()
            if self._ledger.collected:
                return _DONE
            batch = self._ledger.batch
            return self._entered(batch) if batch else self._submit()
        except ConflictError:
            if not self._session.is_ours():
                raise  # taken over: there is nothing to wait for
            log.warning("%s/%s is being submitted by another process", self._work.key, self._shard.shard)
            return Submitted(wait_seconds=CONFLICT_WAIT_SECONDS)
        except (QuotaFullError, ConfigurationError) as error:
            if isinstance(error, ConfigurationError) and error.of_storage:
                raise  # this blob's affair: it is waited out by this shard, and no deployment stands still for it
            if error.code == FILE_QUOTA_CODE:  # what is left of dead runs may be what fills it
                delete_orphans(self._services)
            return self._paused(error)
        except RefusedError as error:
            return Submitted(refused=Fault(code=error.code, message=str(error), passing=False))

    def _begin_anew(self) -> None:
        """Where nothing is under way, or in doubt any more, TRANSPORT counts as it is set now, not as it was."""
        ledger = self._ledger
        ledger.create_intended_at = ledger.create_in_doubt_until = None
        if not ledger.input_file_id and (self._wanted != AUTO or ledger.transport == TransportName.BLOB):
            self._session.go(self._choice)

    def _submit(self) -> Submitted:
        ledger = self._ledger
        with looking():
            found = self._look_for_batch()
        if found:
            return self._enter(found)
        in_doubt = (ledger.create_in_doubt_until or 0.0) - self._clock()
        if in_doubt > 0:
            return Submitted(wait_seconds=min(in_doubt, LONGEST_LOOK_SECONDS))
        if ledger.refusal:
            no = ledger.refusal
            return Submitted(refused=Fault(code=no.code, message=no.message, passing=False))
        if self._work.unwanted:
            return Submitted(refused=Fault(code=AS_ASKED.code or "", message=AS_ASKED.message or ""))
        self._begin_anew()
        wait_seconds = self._transport.advance()
        return self._create() if wait_seconds is None else Submitted(wait_seconds=wait_seconds)

    # --- the batch ---------------------------------------------------------------------------------------------------

    def _look_for_batch(self) -> BatchView | None:
        """Look whether an earlier try made the batch: one that this ledger intended, or one that no ledger knows any more."""
        ledger = self._ledger
        if ledger.create_intended_at is not None:
            since = ledger.create_intended_at - MARGIN_SECONDS
            past = {batch.batch_id for batch in ledger.past_batches}
            batches = (batch for batch in back_to(self._api.batches(), since) if batch.batch_id not in past)
            return next(filter(self._is_of_shard, batches), None)
        if ledger.searched_at is None:
            found = self._search()
            ledger.searched_at = self._clock()
            return found
        return None

    def _is_of_shard(self, batch: BatchView) -> bool:
        return self._transport.is_of_shard(batch) or bears_marks(batch, self._work.key, self._shard.shard)

    def _search(self) -> BatchView | None:
        """Look for a batch by our marks. One that failed without doing anything has cost nothing, and is left where it is."""
        services, key, shard = self._services, self._work.key, self._shard
        begun = self._clock()
        known = services.known_batches.of_shard(
            key,
            shard.shard,
            (shard.blob, names.shard_copy(key, shard.shard)),
            name_of=services.storage.work_urls.name_of,
            snapshot_id=self._work.snapshot_id,
            api=self._api,
            # Those who wait for batches need not look for themselves.
            saw=lambda batches: services.looks.saw(batches, begun),
        )
        found = [self._api.batch(batch_id) for batch_id in known]
        useful = [batch for batch in found if batch.status != BatchState.FAILED or batch.completed]
        if useful and not self._session.is_ours():
            raise ConflictError(f"{key} is another snapshot's, or finished, with its batches.")
        if useful:
            log.warning("%s/%s has a batch that no record knows of", key, shard.shard)
        return max(useful, key=_worth, default=None)

    def _create(self) -> Submitted:
        ledger = self._ledger
        ledger.create_intended_at = self._clock()
        ledger.create_in_doubt_until = ledger.create_intended_at + LostAnswerError.longest_doubt_seconds
        self._session.write()
        self._creating = True
        try:
            created = self._transport.create(marks(self._work.key, self._shard.shard, self._work.snapshot_id))
        except PipelineError as error:
            return self._not_created(error)
        entered = self._enter(created.batch)
        return msgspec.structs.replace(
            entered, enqueued_tokens=created.enqueued_tokens, enqueued_limit=created.enqueued_limit
        )

    def _not_created(self, error: PipelineError) -> Submitted:
        """Leave the creation in doubt for a while, however sure the answer sounded. Raises it unless it is a refusal."""
        ledger = self._ledger
        doubt_seconds = _doubt_seconds(error)
        ledger.create_in_doubt_until = self._clock() + doubt_seconds
        if isinstance(error, RefusedError):
            ledger.refusal = BatchRefusal(code=error.code, message=str(error))
        self._session.write()
        if ledger.refusal is None:
            raise error
        return Submitted(wait_seconds=min(doubt_seconds, LONGEST_LOOK_SECONDS))

    def _enter(self, batch: BatchView) -> Submitted:
        """Enter a batch: the one that was just made, or one that was found."""
        ledger = self._ledger
        if batch.input_file_id:
            ledger.input_file_id = batch.input_file_id
            if ledger.transport == TransportName.BLOB:
                self._session.go(Choice(TransportName.UPLOAD, "its batch was found, made of a file"))
        ledger.refusal = None
        ledger.batch = BatchRecord(
            batch_id=batch.batch_id,
            input_file_id=ledger.input_file_id or "",
            input_blob=None if batch.input_file_id else batch.input_blob or self._transport.input_blob,
            submitted_at=ledger.create_intended_at or batch.created_at or self._clock(),
            transport=ledger.transport,
            transport_reason=ledger.transport_reason,
        )
        self._session.write()
        return self._entered(ledger.batch)

    def _entered(self, batch: BatchRecord) -> Submitted:
        others_look = self._services.looks.expect(batch.batch_id, self._services.settings.poll_min_seconds)
        return Submitted(batch_id=batch.batch_id, submitted_at=batch.submitted_at, others_look=others_look)

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
                certain=error.code in DEPLOYMENT_CODES | OPERATION_CODES,
            ),
            # Where nothing else goes on, this is the look.
            asked=newly_asked(self._work.asked_since, self._services),
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


def _doubt_seconds(error: PipelineError) -> float:
    """Give the seconds for which a batch may still show up after its creation ended so; 0: one look is enough."""
    if isinstance(error, LostAnswerError):
        return error.doubt_seconds
    return 0.0 if isinstance(error, QuotaFullError | ConfigurationError) else REFUSED_DOUBT_SECONDS


def _worth(batch: BatchView) -> tuple[bool, int, bool]:
    """Order the batches of one shard: what has answered most, else what may still answer."""
    return batch.status == BatchState.COMPLETED, batch.completed, not batch.ended
