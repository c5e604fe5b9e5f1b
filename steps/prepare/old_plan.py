"""A plan that was made before, of a file that is taken up again: followed, or taken back where nothing came of it yet.

A wrong deployment, a wrong endpoint, the wrong template: what is mended in a job spec or in the settings counts as long as
nothing of the file was sent.
"""

import logging
from collections.abc import Iterator

import msgspec

from adapters.openai.known_batches import MARGIN_SECONDS, back_to, bears_marks
from adapters.services import Services
from adapters.work.claims import FrozenInput
from domain import names
from domain.basis import basis_of
from domain.contracts import FileWork
from domain.direct.sending import SendBook
from domain.errors import NotFoundError, PipelineError
from domain.records import Ledger, Plan, PlannedShard
from domain.service.batch_states import BatchState, BatchView
from steps.likeness import Likeness, input_file, likeness
from steps.service_files import delete_service_files

log = logging.getLogger(__name__)


class OldPlan:
    """One file's plan, from before a crash or before the file was set aside."""

    def __init__(self, work: FileWork, plan: Plan, services: Services) -> None:
        self._work, self._plan, self._services = work, plan, services
        self._store, self._api = services.work, services.batch_api
        self._sent: bool | None = None

    def is_withdrawn(self, frozen: FrozenInput) -> bool:
        """Tell whether the file was deleted or replaced while it was set aside, before anything of it was sent."""
        return self._work.waited and self._input_is_other(frozen) and not self._was_sent()

    def is_outdated(self) -> bool:
        """Tell whether the plan would be another one today, and may be: nothing was sent."""
        if self._plan.rejected:
            return False
        now = basis_of(self._work.spec, self._services.settings.spec_defaults)
        return self._plan.basis != now and not self._was_sent()

    def take_back(self) -> int:
        """Remove what the plan has left, for another one; gives the number of that one.

        The plan stays until then, as one that nobody follows: a process that dies in between leaves a plan to be taken back.
        """
        key, plan = self._work.key, self._plan
        log.warning("%s: nothing was sent yet, and its job spec has changed: it is prepared anew", plan.path)
        self._store.plans.write(key, msgspec.structs.replace(plan, basis=""))
        for _, ledger in self._ledgers():
            try:
                delete_service_files(ledger, self._api)
            except PipelineError as error:
                log.warning("%s: the service's files stay there until it is done: %s", plan.path, error)
        self._store.drop_all_but_plan(key)
        return plan.number + 1

    def _input_is_other(self, frozen: FrozenInput) -> bool:
        claim = frozen.claim
        try:
            file = input_file(self._services.storage.input.entry(claim.path))
            if file.etag == claim.etag:
                return False
            return likeness(self._work.key, frozen.size, file, self._services) is not Likeness.SAME
        except NotFoundError:
            return True

    def _was_sent(self) -> bool:
        """Tell whether anything of the file was, or may have been, sent: a batch, a live call, an answer."""
        if self._sent is None:
            self._sent = any(self._is_sent(shard, ledger) for shard, ledger in self._ledgers())
        return self._sent

    def _ledgers(self) -> Iterator[tuple[PlannedShard, Ledger]]:
        """Give the ledgers as our own: who was thought dead and still holds one can write nothing into it any more."""
        for shard in self._plan.shards:
            if found := self._store.ledgers.own(self._work.key, shard.shard, self._work.snapshot_id):
                yield shard, found[0]

    def _is_sent(self, shard: PlannedShard, ledger: Ledger) -> bool:
        if ledger.batch or ledger.collected or ledger.refusal:
            return True
        if ledger.sending:
            return self._was_called(shard)
        if ledger.create_intended_at is None:
            return False
        is_in_doubt = (ledger.create_in_doubt_until or 0.0) > self._services.clock()
        return is_in_doubt or self._has_batch(shard, ledger, ledger.create_intended_at)

    def _was_called(self, shard: PlannedShard) -> bool:
        book = SendBook(shard.requests)
        for record in self._store.send_logs.records(self._work.key, shard.shard):
            book.note(record)
        return book.answered > 0 or any(map(book.is_in_doubt, range(shard.requests)))

    def _has_batch(self, shard: PlannedShard, ledger: Ledger, since: float) -> bool:
        """Tell whether the service made a batch although it has refused to. One that failed as a whole has done nothing."""
        past = {batch.batch_id for batch in ledger.past_batches}
        batches = back_to(self._api.batches(), since - MARGIN_SECONDS)
        return any(
            self._is_of_shard(batch, shard, ledger)
            and batch.batch_id not in past
            and (batch.status != BatchState.FAILED or batch.completed > 0)
            for batch in batches
        )

    def _is_of_shard(self, batch: BatchView, shard: PlannedShard, ledger: Ledger) -> bool:
        key = self._work.key
        if bears_marks(batch, key, shard.shard):
            return True
        if batch.input_file_id:
            return batch.input_file_id == ledger.input_file_id
        name = self._services.storage.work_urls.name_of(batch.input_blob) if batch.input_blob else None
        return name in (shard.blob, names.shard_copy(key, shard.shard))
