"""The plan of a pool: each file is prepared as it would be alone, and its requests go among those of the others.

Whatever is not as plain as that leaves the pool before anything is sent: a file that is refused, one that takes long, one that
is still written. It is prepared once more, alone, with all that is told about such files.
"""

import logging
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

import msgspec

from adapters.services import Services
from adapters.threads import in_turn
from adapters.work.claims import FrozenInput
from domain import names
from domain.basis import basis_of
from domain.contracts import FileWork, ListedFile
from domain.errors import PassingError, without_secrets
from domain.estimates import Estimate
from domain.pooling import MOST_REQUESTS_OF_FILE, marked_request
from domain.records import Claim, Plan, PlannedShard
from domain.shards import shard_limits
from domain.spec.job_spec import JobSpec
from formats.allowance import Allowance
from steps.job_specs import read_spec
from steps.pool.member_work import MemberWork
from steps.pool.members import AHEAD, CALLS_AT_ONCE, Member, write_members
from steps.prepare.preparation import beyond_budget, make_plan
from steps.shard_writer import ShardWriter

SECONDS_PER_FILE = 2.0  # of the processor
MOST_UNPACKED_BYTES = 16 * 1024 * 1024  # of one file
# A pool waits for those of its files that are still written; those that are longer so go on alone.
LONGEST_SETTLING_SECONDS = 120.0

log = logging.getLogger(__name__)


class Unsettled(Exception):  # noqa: N818 - nothing went wrong
    """Files of the pool may still be written: it is prepared later."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"for {seconds} s")
        self.seconds = seconds


class _AloneError(Exception):
    """A file is not as plain as those that share batches."""


class _Route(NamedTuple):
    """Where requests go; those of one batch go the same way."""

    model: str | None
    url: str | None


class PoolPlan:
    """Makes the plan of one pool, and its shards."""

    def __init__(self, work: FileWork, claim: Claim, files: Sequence[ListedFile], services: Services) -> None:
        self._work, self._claim, self._files, self._services = work, claim, files, services
        self._store, self._settings = services.work, services.settings
        # Two runs never write the same shards: which files are in the pool may be others.
        self._number = random.randrange(1, 1_000_000)  # noqa: S311 - nothing is to be kept secret
        self._writers: dict[_Route, ShardWriter] = {}
        self._spec: JobSpec | None = None
        self.cost = 0.0  # estimated, of all requests

    def empty(self) -> Plan:
        """Give the plan of a pool that all files leave."""
        write_members(self._work.key, self._number, [], self._store)
        return msgspec.structs.replace(self._bare(), alone=[file.key for file in self._files])

    def _bare(self) -> Plan:
        return Plan(
            path=self._claim.path,
            timestamp=self._claim.timestamp,
            number=self._number,
            basis=basis_of(self._work.spec, self._settings.spec_defaults),
        )

    def plan(self, *, alone: Collection[str]) -> Plan:
        """Write the shards. `alone`: keys of files that are not to be in the pool. Raises Unsettled."""
        left_out = {*alone, *self._unsettled()}
        wanted = [file for file in self._files if file.key not in left_out]
        members: list[Member] = []
        total = self._bare()
        for file, frozen in self._opened(wanted):
            try:
                member, lines = self._member(len(members), file, frozen)
            except PassingError:
                raise
            except Exception as why:  # noqa: BLE001 - whatever it is, it is found again where the file goes alone, and told there
                log.info("%s leaves its pool: %s", file.path, without_secrets(str(why)))
                continue
            # What cannot be written is the pool's affair: some of the file's requests are in a shard by now.
            self._writer_of(member.plan).add_all(lines)
            self._count(member.plan)
            members.append(member)
            _add(total, member.plan)
        if not members:
            return self.empty()
        total.shards = [
            shard for route, writer in self._writers.items() for shard in _routed(writer.close(), route)
        ]
        first = members[0].plan
        total.model, total.url, total.direct_deployment = first.model, first.url, first.direct_deployment
        total.spec, total.members = self._spec, len(members)
        kept = {member.key for member in members}
        total.alone = [file.key for file in self._files if file.key not in kept]
        write_members(self._work.key, self._number, members, self._store)
        return total

    def _unsettled(self) -> set[str]:
        """Give the keys of files that were written since, or may still be. Raises Unsettled while it is early to go on without them."""
        container, now = self._services.storage.input, self._services.clock()
        quiet = self._settings.settle_seconds
        if not container.is_hierarchical or not quiet:
            return set()
        folder = self._claim.path[: self._claim.path.rfind("/") + 1]
        there = {entry.name: entry for entry in container.list(folder)}
        waits = {
            file.key: there[file.path].modified + quiet - now for file in self._files if file.path in there
        }
        longest = max(waits.values(), default=0.0)
        begun = names.takes_files_at(f"{names.SNAPSHOT_PREFIX}{self._claim.timestamp}", 0) or now
        if longest > 0 and now - begun < quiet + LONGEST_SETTLING_SECONDS:
            raise Unsettled(longest)
        written = {
            file.key
            for file in self._files
            if file.path in there and names.file_key(file.path, there[file.path].etag) != file.key
        }
        return written | {key for key, wait in waits.items() if wait > 0}

    def _opened(self, files: Sequence[ListedFile]) -> Iterator[tuple[ListedFile, FrozenInput | None]]:
        """Open the frozen inputs in their order, some ahead of being looked at."""
        open_input = self._store.claims.open_input
        return in_turn(lambda file: open_input(file.key), files, threads=CALLS_AT_ONCE, ahead=AHEAD)

    # --- one file ------------------------------------------------------------------------------------------------------

    def _member(
        self, number: int, file: ListedFile, frozen: FrozenInput | None
    ) -> tuple[Member, list[bytes]]:
        """Prepare a file; gives its requests as they are sent. Raises _AloneError, and what reading the job spec raises."""
        if frozen is None or frozen.claim.pool != self._work.key:
            raise _AloneError("it is not in it any more.")
        if frozen.copy_status != "success":
            raise _AloneError("its copy is not complete.")
        member = MemberWork(file.key, frozen)
        plan = make_plan(
            file.key,
            member.frozen,
            self._governing,
            spec_path=self._work.spec.path if self._work.spec else None,
            store=member.store,
            settings=self._settings,
            allow=self._allowance,
        )
        lines = self._checked(number, plan, member)
        if records := member.error_records:
            with self._store.blobs.writer(names.invalid_lines(file.key)) as written:
                written.write(records)
        plan.shards = []
        return Member(number=number, file=file, plan=plan), lines

    def _count(self, plan: Plan) -> None:
        """Count what a file that is in the pool may cost, and keep the first job spec that checks answers."""
        self.cost += plan.estimate.cost(self._settings.price_list, plan.model) or 0.0
        if plan.spec and plan.spec.checks_answers:
            self._spec = self._spec or plan.spec

    def _checked(self, number: int, plan: Plan, member: MemberWork) -> list[bytes]:
        """Give the requests of a file as they are sent. Raises _AloneError for one that is not plain."""
        if plan.rejected:
            raise _AloneError(f"it is refused: {plan.rejected}")
        if plan.engine != "batch" or not plan.shards:
            raise _AloneError("none of it goes into a batch.")
        if plan.requests > MOST_REQUESTS_OF_FILE:
            raise _AloneError(f"it has {plan.requests} requests.")
        if not (self._work.unwanted or self._work.approved) and (
            reason := beyond_budget(plan, self._settings)
        ):
            raise _AloneError(reason)
        if plan.spec is None and (governing := self._governing()) and governing.checks_answers:
            raise _AloneError("its requests are ready-made, and the job spec checks answers.")
        lines = []
        for shard in plan.shards:
            for request in member.requests(shard):
                line = marked_request(number, request)
                if line is None:
                    raise _AloneError("a `custom_id` of it is long.")
                lines.append(line)
        return lines

    def _governing(self) -> JobSpec | None:
        if self._work.spec is None:
            return None
        return read_spec(self._services.storage.input, self._work.spec, self._settings.spec_defaults)

    def _allowance(self) -> Allowance:
        """Give what one file may take; one that takes more is prepared alone, where it may."""
        bounds = self._settings.bounds
        most = min(bounds.unpacked_bytes, MOST_UNPACKED_BYTES)
        allowance = Allowance(msgspec.structs.replace(bounds, unpacked_bytes=most))
        allowance.beside_others = True
        allowance.at_time(min(SECONDS_PER_FILE, bounds.seconds), _takes_long)
        return allowance

    # --- the shards ----------------------------------------------------------------------------------------------------

    def _writer_of(self, plan: Plan) -> ShardWriter:
        """Give what writes the shards of a file's requests, for as many as their answers allow."""
        route = _Route(plan.model, plan.url)
        max_requests, max_bytes = shard_limits("batch", self._settings, plan.output_tokens)
        if route not in self._writers:
            self._writers[route] = ShardWriter(
                self._store.blobs.writer,
                self._naming(len(self._writers)),
                max_requests=max_requests,
                max_bytes=max_bytes,
            )
        writer = self._writers[route]
        writer.max_requests = min(writer.max_requests, max_requests)
        return writer

    def _naming(self, route: int) -> Callable[[int], tuple[str, str]]:
        def name(number: int) -> tuple[str, str]:
            shard = names.first_shard(number, self._number * 1000 + route)
            return shard, names.shard_file(self._work.key, shard)

        return name


def _takes_long() -> None:
    raise _AloneError("it takes long.")


def _add(total: Plan, plan: Plan) -> None:
    """Add a file to the plan of its pool."""
    total.requests += plan.requests
    total.invalid += plan.invalid
    total.size += plan.size
    total.estimate = Estimate(
        input_tokens=total.estimate.input_tokens + plan.estimate.input_tokens,
        output_tokens=total.estimate.output_tokens + plan.estimate.output_tokens,
    )


def _routed(shards: Sequence[PlannedShard], route: _Route) -> list[PlannedShard]:
    return [msgspec.structs.replace(shard, model=route.model, url=route.url) for shard in shards]
