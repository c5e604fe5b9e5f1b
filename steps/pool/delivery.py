"""Write results, errors and metadata of each file of a pool, by what writes them for a file that was sent alone."""

import logging
from collections.abc import Iterator

import msgspec

from adapters.services import Services
from adapters.storage.line_writer import LineWriter
from adapters.threads import in_turn
from domain import names
from domain.contracts import FileWork, ListedFile, WrittenOutputs
from domain.errors import PassingError, PipelineError, without_secrets
from domain.records import Collected, Ledger, Plan, PlannedShard
from domain.service.outcomes import Tally
from steps.containment import Contained
from steps.deliver.collected_outcomes import CollectedOutcomes
from steps.deliver.outputs import Delivery
from steps.pool.members import AHEAD, CALLS_AT_ONCE, Member, read_members
from steps.pool.outcomes import MemberOutcomes, by_member
from steps.setting_free import free

log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


def write_pool(work: FileWork, services: Services) -> WrittenOutputs:
    """Write everything about the files of a pool; a repetition writes the same again."""
    plan = services.work.plans.read(work.key)
    if plan is None:
        return WrittenOutputs(gone=True)
    contained = Contained("write_outputs", work.key, services, words="its outputs were written")
    return contained.run(work, WrittenOutputs, _PoolDelivery(work, plan, services).write)


class _PoolDelivery:
    """The outputs of one pool's files."""

    def __init__(self, work: FileWork, plan: Plan, services: Services) -> None:
        self._work, self._plan, self._services = work, plan, services
        self._store = services.work
        self._tally = Tally()
        self._etags: dict[str, str] = {}  # of the input files that are there, by path
        self._members = 0

    def write(self) -> WrittenOutputs:
        """Write the outputs of all files, whatever stands against those of one. Raises PassingError for what passes by itself."""
        passing: PassingError | None = None
        for member, outcomes, error in self._written():
            if isinstance(error, PassingError):
                passing = error
            elif error is not None and self._store.claims.read(member.key) is not None:
                # What is wrong with it is told where it goes on, alone.
                log.warning("%s leaves its pool: %s", member.file.path, without_secrets(str(error)))
                self._take_out(member, outcomes)
                continue
            self._members += 1
            self._tally.add(outcomes.tally)
        if passing is not None:
            raise passing
        return WrittenOutputs(tally=self._tally, members=self._members, alone=self._let_leave())

    def _written(self) -> Iterator[tuple[Member, MemberOutcomes, Exception | None]]:
        """Write the outputs of several files at once; gives each with what went wrong."""
        members = {
            str(member.number): member for member in read_members(self._work.key, self._plan, self._store)
        }
        self._etags = self._listed()
        collected = CollectedOutcomes(self._work.key, self._plan, self._store)
        parts = by_member(collected, members, self._store)
        written = in_turn(lambda part: self._write_one(*part), parts, threads=CALLS_AT_ONCE, ahead=AHEAD)
        return ((member, outcomes, error) for (member, outcomes), error in written)

    def _listed(self) -> dict[str, str]:
        """List the input files: one call for thousands, in place of one for each. What cannot be listed is asked for one by one."""
        folder = self._plan.path[: self._plan.path.rfind("/") + 1]
        try:
            return {entry.name: entry.etag for entry in self._services.storage.input.list(folder)}
        except PassingError:
            raise
        except PipelineError as error:
            log.info("%s: its files are looked at one by one: %s", self._plan.path, error)
            return {}

    def _write_one(self, member: Member, outcomes: MemberOutcomes) -> Exception | None:
        try:
            Delivery(
                member.key,
                member.plan,
                self._services,
                snapshot_id=self._work.snapshot_id,
                collected=outcomes,
                is_untouched=self._etags.get(member.plan.path) == member.plan.etag,
            ).processed()
        except Exception as error:  # noqa: BLE001 - it costs this file its place in the pool, and no other anything
            return error
        return None

    # --- a file that leaves with all that was collected ------------------------------------------------------------------

    def _take_out(self, member: Member, outcomes: MemberOutcomes) -> None:
        """Give a file records of its own, as if it had been sent alone and collected."""
        key, shard = member.key, names.first_shard(0)
        with self._store.blobs.writer(names.outcomes(key, shard)) as written:
            lines = LineWriter(written)
            for outcome in outcomes.outcomes():
                lines.add(_encode(outcome))
            lines.flush()
        if self._store.ledgers.read(key, shard) is None:
            self._store.ledgers.write(key, shard, self._ledger(outcomes), None)
        planned = PlannedShard(
            shard=shard, blob=names.frozen_input(key), requests=len(outcomes.ended), size=member.plan.size
        )
        self._store.plans.write(key, msgspec.structs.replace(member.plan, shards=[planned]))
        self._plan.taken_out.append(member.key)
        self._store.plans.write(self._work.key, self._plan)

    def _ledger(self, outcomes: MemberOutcomes) -> Ledger:
        ledgers, counted = list(outcomes.ledgers.values()), outcomes.counted
        batches = [
            batch
            for ledger in ledgers
            for batch in (*ledger.past_batches, *([ledger.batch] if ledger.batch else []))
        ]
        return Ledger(
            owner=self._work.snapshot_id,
            attempt=max(ledger.attempt for ledger in ledgers),
            batch=batches[-1] if batches else None,
            past_batches=batches[:-1],
            sending=next((ledger.sending for ledger in ledgers if ledger.sending), None),
            collected=Collected(tally=counted.tally, again=counted.again, wide=sorted(outcomes.wide)),
        )

    def _let_leave(self) -> list[ListedFile]:
        """Set free the files that were taken out, now or by an earlier try whose answer was lost."""
        if not self._plan.taken_out:
            return []
        found = self._store.claims.read_pool(self._work.key)
        files = [file for file in (found[1] if found else []) if file.key in self._plan.taken_out]
        return free(self._work.key, files, self._work.snapshot_id, self._services)
