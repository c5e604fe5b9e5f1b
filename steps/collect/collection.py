"""Bring an ended batch home: its outcomes, once, whatever was done of that before; one that failed as a whole may be sent again.

Everything lies safely in `work/` before the ledger says so, and the service's files are deleted only after that.
"""

import logging

import msgspec

from adapters.services import Services
from domain.contracts import CollectedShard, EndedBatch, OpenShard, Pause
from domain.errors import ConflictError, NotFoundError, PassingError, PipelineError
from domain.records import BatchRecord, Collected, Ledger, PlannedShard
from domain.results.metadata import cost_of_tally
from domain.service.reach import DEPLOYMENT_CODES, OPERATION_CODES, reach_of_deployment, reach_of_operation
from domain.service.regrouping import Regrouping, regroup
from domain.service.transports import remedy
from steps.collect.patience import Patience
from steps.collect.request_outcomes import RequestOutcomes
from steps.collect.result_sources import BatchResults
from steps.containment import Contained, answers_are_harmless
from steps.service_files import delete_service_files

MOST_DELETIONS = 10  # tries of this step, after which the service's files stay where they are
MOST_REFUSED_DELETIONS = (
    4  # where a role or a path seems to be wrong, which something in the service's place may have said
)

log = logging.getLogger(__name__)


def collect(ended: EndedBatch, services: Services) -> CollectedShard:
    """Collect a shard, or finish what an earlier try began."""
    if answers_are_harmless(ended.shard.size, ended.shard.requests):
        return _collect_small(ended, services)
    collection = Collection(ended, services)
    contained = Contained(
        "collect_batch", ended.key, services, words="answers were collected", shard=ended.shard.shard
    )
    return contained.run(
        ended, CollectedShard, collection.run, is_done=lambda collected: collected.again is None
    )


def _collect_small(ended: EndedBatch, services: Services) -> CollectedShard:
    """Collect a shard by what this process knows of it, and again by what storage has where that was outdated."""
    collection = Collection(ended, services, may_recall=not ended.tries)
    try:
        return collection.run()
    except (ConflictError, NotFoundError):
        if not collection.has_recalled:
            raise
    return Collection(ended, services).run()


def _reach_of(why: Regrouping, shard: OpenShard) -> str:
    """Tell how far the failure of a batch reaches: a full queue is the deployment's, anything else what it was asked for."""
    if why.pause == "quota":
        return reach_of_deployment(shard.engine, shard.model)
    return reach_of_operation(shard.engine, shard.model, shard.url)


class Collection:
    """One shard whose batch has ended, or never came to be.

    `may_recall`: go by the ledger as this process has left it. What comes of that counts only where the ledger is still the same.
    """

    def __init__(self, ended: EndedBatch, services: Services, *, may_recall: bool = False) -> None:
        self._may_recall, self.has_recalled, self._is_sure = may_recall, False, False
        self._ended, self._shard = ended, ended.shard
        self._services, self._store, self._api = services, services.work, services.batch_api
        self._settings, self._clock = services.settings, services.clock
        self._results: BatchResults | None = None  # of a shard that became a batch
        self._patience = Patience(ended, services)

    def run(self) -> CollectedShard:
        """Collect the shard, or finish what an earlier try began. Of a file that has come to its end meanwhile nothing is left to do."""
        opened = self._open_ledger()
        if opened is None:
            return CollectedShard()
        ledger, etag = opened
        if ledger.collected is None:
            batch = self._batch_of(ledger)
            if batch:
                self._results = BatchResults(self._ended, batch, self._services)
                with self._patience.while_reading():
                    self._ended = self._results.look()
            regrouping = self._regrouping()
            if regrouping and regrouping.pause and not self._has_answers and not self._ended.unwanted:
                return self._submit_again(ledger, etag, regrouping)
            outcomes = RequestOutcomes(
                self._ended, self._results, self._patience, self._services, lambda: self._make_sure(etag)
            )
            ledger.collected = outcomes.collect(regrouping)
            self._close_batch(ledger)
            self._store.ledgers.write(self._ended.key, self._shard.shard, ledger, etag)
            self._store.plans.hand_on(self._ended.key, self._ended.snapshot_id)
        self._delete_service_files(ledger)
        tally = ledger.collected.tally
        return CollectedShard(
            tally=tally,
            cost=cost_of_tally(self._settings.price_list, self._shard.model, tally) or 0.0,
            children=[self._child(child, ledger.collected) for child in ledger.collected.children],
            settled=ledger.collected.settled,
        )

    def _open_ledger(self) -> tuple[Ledger, str | None] | None:
        """Give the ledger and its ETag; None where the file has no records any more: its writing will find that out."""
        about = self._ended.key, self._shard.shard, self._ended.snapshot_id
        if self._may_recall and (recalled := self._store.ledgers.kept(*about)):
            self.has_recalled = True
            return recalled
        found = self._store.ledgers.own(*about)
        claim = None if found else self._store.claims.read(self._ended.key)
        if not (found or claim):
            return None
        if claim and claim[0].snapshot_id != self._ended.snapshot_id:
            raise ConflictError(f"{self._ended.key} belongs to {claim[0].snapshot_id}.")
        if found is None and self._shard.engine == "batch" and not self._ended.refused:
            raise PipelineError(
                f"The ledger of shard {self._shard.shard} is gone; its batch is looked for when the file is taken anew.",
                code="ledger_gone",
            )
        return found or (Ledger(owner=self._ended.snapshot_id, attempt=self._shard.attempt), None)

    def _child(self, child: PlannedShard, collected: Collected) -> OpenShard:
        return msgspec.structs.replace(
            self._shard,
            shard=child.shard,
            blob=child.blob,
            start=child.start,
            requests=child.requests,
            size=child.size,
            model=child.model or self._shard.model,
            engine=child.engine or self._shard.engine,
            attempt=collected.children_attempt,
            batch_id=None,
            submitted_at=None,
        )

    # --- a batch that failed as a whole ------------------------------------------------------------------------------

    def _regrouping(self) -> Regrouping | None:
        seen = self._results.seen if self._results else None
        if self._ended.status != "failed" or seen is None:
            return None
        shards = self._store.ledgers.count(self._ended.key)
        return regroup(seen.faults, requests=self._shard.requests, shards=shards)

    @property
    def _has_answers(self) -> bool:
        """Whether the batch has done something before it failed: that is collected, and the rest goes on."""
        seen = self._results.seen if self._results else None
        return seen is not None and seen.completed > 0

    def _batch_of(self, ledger: Ledger) -> BatchRecord | None:
        """Give the batch that has ended: the shard's present one, or the one that an earlier run of this step has closed.

        What that run has answered may not have been heard: durable activities run at least once. Raises ConflictError where
        it was, and the shard has its next batch.
        """
        closed = next((b for b in ledger.past_batches if b.batch_id == self._ended.batch_id), None)
        if closed and ledger.batch:
            raise ConflictError(f"Shard {self._shard.shard} was submitted anew after {closed.batch_id}.")
        return closed or ledger.batch

    def _submit_again(self, ledger: Ledger, etag: str | None, why: Regrouping) -> CollectedShard:
        """Close the failed batch and leave the shard as one that was never submitted; nothing was done or billed."""
        if ledger.batch:
            self._close_batch(ledger)
            ledger.past_batches.append(ledger.batch)
            ledger.batch = ledger.create_intended_at = ledger.create_in_doubt_until = None
            self._store.ledgers.write(self._ended.key, self._shard.shard, ledger, etag)
        pause = Pause(
            model=self._shard.model,
            reach=_reach_of(why, self._shard),
            certain=why.reason.code in DEPLOYMENT_CODES | OPERATION_CODES,
            kind=why.pause or "quota",
            message=f"{why.reason.code}: {why.reason.message} {remedy(why.reason.code)}".rstrip(),
        )
        return CollectedShard(again=pause)

    def _make_sure(self, etag: str | None) -> None:
        """Make sure that a ledger from memory is what lies there, before anything but itself is written. Raises ConflictError."""
        if self.has_recalled and not self._is_sure:
            found = self._store.ledgers.read(self._ended.key, self._shard.shard)
            if found is None or found[1] != etag:
                raise ConflictError(f"The ledger of shard {self._shard.shard} was written elsewhere.")
            self._is_sure = True

    # --- the service's side ------------------------------------------------------------------------------------------

    def _close_batch(self, ledger: Ledger) -> None:
        if ledger.sending:
            ledger.sending.status, ledger.sending.ended_seen_at = self._ended.status, self._clock()
        if ledger.batch:
            ledger.batch.status = self._ended.status
            ledger.batch.output_file_id = self._ended.output_file_id
            ledger.batch.error_file_id = self._ended.error_file_id
            ledger.batch.ended_seen_at = self._clock()

    def _delete_service_files(self, ledger: Ledger) -> None:
        """Delete the service's files, after the verdict. That they cannot be deleted keeps no results back for long.

        Those that stay would do so for good: result files do not bear our name.
        """
        try:
            delete_service_files(ledger, self._api)
        except PipelineError as error:
            most = MOST_DELETIONS if isinstance(error, PassingError) else MOST_REFUSED_DELETIONS
            if not error.permanent and self._ended.tries < most:
                raise
            log.warning("the service's files of shard %s stay there: %s", self._shard.shard, error)
