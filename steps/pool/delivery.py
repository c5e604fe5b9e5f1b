"""Write results, errors and metadata of each file of a pool, by what writes them for a file that was sent alone."""

import logging
from collections.abc import Iterator, Mapping

import msgspec

from adapters.services import Services
from adapters.storage.line_writer import LineWriter
from adapters.threads import in_turn
from domain import names
from domain.contracts import FileWork, ListedFile, Settled, WrittenOutputs
from domain.errors import PassingError, PipelineError, SetAsideError, without_secrets
from domain.records import Collected, Ledger, Plan, PlannedShard
from domain.service.outcomes import Tally
from steps.containment import Contained
from steps.deliver.collected_outcomes import CollectedOutcomes
from steps.deliver.outputs import Delivery
from steps.pool.ending import end_members
from steps.pool.members import AHEAD, CALLS_AT_ONCE, Member, read_members
from steps.pool.outcomes import MemberOutcomes, SettledSoFar, by_member
from steps.setting_free import free

log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


def write_pool(work: FileWork, services: Services) -> WrittenOutputs:
    """Write everything about the files of a pool; a repetition writes the same again."""
    plan = services.work.plans.read(work.key)
    if plan is None:
        return WrittenOutputs(gone=True)
    delivery = _PoolDelivery(work, plan, services)
    if all(member.plan.spec is None for member in delivery.members.values()):
        return delivery.write()  # as harmless as each of them
    contained = Contained("write_outputs", work.key, services, words="its outputs were written")
    try:
        return contained.run(work, WrittenOutputs, delivery.write)
    except SetAsideError as error:
        # One of them may have done it. Each is begun alone, with tries of its own.
        log.warning("%s: its files are written one by one: %s", plan.path, error)
        return delivery.scatter()


def deliver_settled(work: FileWork, services: Services) -> Settled:
    """Bring those files of a pool to their end of which no request is open, while others of it go on.

    Whatever stands against that is told when the pool is at its end. Raises PassingError for what passes by itself, and
    ConflictError where another run of this step is under way.
    """
    planned, claimed = services.work.plans.find(work.key), services.work.claims.read(work.key)
    if planned is None or claimed is None or claimed[0].snapshot_id != work.snapshot_id:
        return Settled()
    plan, version = planned
    return _PoolDelivery(work, plan, services).deliver_settled(version)


class _PoolDelivery:
    """The outputs of one pool's files. `members`: those that are in it now, by their numbers."""

    def __init__(self, work: FileWork, plan: Plan, services: Services) -> None:
        self._work, self._plan, self._services = work, plan, services
        self._store = services.work
        self._tally = Tally()
        self._etags: dict[str, str] = {}  # of the input files that are there, by path
        self._members = 0
        self.members: Mapping[str, Member] = {
            str(member.number): member
            for member in read_members(work.key, plan, self._store)
            if plan.delivered.get(member.key, work.snapshot_id) == work.snapshot_id
        }

    def write(self) -> WrittenOutputs:
        """Write the outputs of all files, whatever stands against those of one. Raises PassingError for what passes by itself."""
        passing: PassingError | None = None
        for member, outcomes, error in self._written(self._parts()):
            if isinstance(error, PassingError):
                passing = error
            elif error is not None and self._store.claims.read(member.key) is not None:
                # What is wrong with it is told where it goes on, alone.
                log.warning("%s leaves its pool: %s", member.file.path, without_secrets(str(error)))
                self._take_out(member, outcomes)
                continue
            self._count(outcomes)
        if passing is not None:
            raise passing
        return self._told()

    def scatter(self) -> WrittenOutputs:
        """Have all files that have no outputs yet leave the pool, with what was collected of them."""
        for member, outcomes in self._parts():
            if member.key in self._plan.delivered or self._store.claims.read(member.key) is None:
                self._count(outcomes)
            else:
                self._take_out(member, outcomes)
        return self._told()

    def deliver_settled(self, version: str) -> Settled:
        """Bring the files that are through to their end; counts all of this snapshot's that are. `version`: of the plan."""
        done: list[Member] = []
        passing: PassingError | None = None
        so_far = SettledSoFar(self._work.key, self._plan, self._store)
        parts = by_member(so_far, self.members, self._store)
        for member, outcomes, error in self._written(part for part in parts if part[1].are_all):
            if isinstance(error, PassingError):
                passing = error
            elif error is not None:
                log.warning("%s waits for its pool: %s", member.file.path, without_secrets(str(error)))
            else:
                done += [member] if member.key not in self._plan.delivered else []
                self._count(outcomes)
        self._note_delivered(done, version)
        end_members(self._work, self._plan, done, self._services)
        if passing is not None:
            raise passing
        return Settled(files=self._members, tally=self._tally)

    def _note_delivered(self, done: list[Member], version: str) -> None:
        """Note the files whose outputs must not be written again: before their inputs go, which that would need."""
        if done:
            noted = {**self._plan.delivered, **{member.key: self._work.snapshot_id for member in done}}
            plan = msgspec.structs.replace(self._plan, delivered=noted)
            self._store.plans.write_once(self._work.key, plan, instead_of=version)

    def _parts(self) -> Iterator[tuple[Member, MemberOutcomes]]:
        collected = CollectedOutcomes(self._work.key, self._plan, self._store)
        return by_member(collected, self.members, self._store)

    def _count(self, outcomes: MemberOutcomes) -> None:
        self._members += 1
        self._tally.add(outcomes.tally)

    def _told(self) -> WrittenOutputs:
        return WrittenOutputs(tally=self._tally, members=self._members, alone=self._let_leave())

    def _written(
        self, parts: Iterator[tuple[Member, MemberOutcomes]]
    ) -> Iterator[tuple[Member, MemberOutcomes, Exception | None]]:
        """Write the outputs of several files at once; gives each with what went wrong."""
        self._etags = self._listed()
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
        if member.key in self._plan.delivered:
            return None
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
