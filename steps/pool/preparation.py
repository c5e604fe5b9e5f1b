"""Prepare the small files of a pool: find its plan or have one made, and say what is left to do of it."""

import logging

import msgspec

from adapters.services import Services
from domain.contracts import Asked, FileWork, ListedFile, PreparedFile
from domain.errors import ConflictError, SetAsideError
from domain.records import Claim, Plan
from domain.shards import ended_requests, open_shards
from domain.wishes import asked
from steps.containment import Contained
from steps.intake.survey import list_inputs
from steps.pool.plan import PoolPlan, Unsettled
from steps.prepare.day_budget import beyond_day
from steps.prepare.old_plan import OldPlan
from steps.service_files import delete_leftovers
from steps.setting_free import free

log = logging.getLogger(__name__)


def prepare_pool(work: FileWork, services: Services) -> PreparedFile:
    """Make a pool's plan, or find the one made before a crash and say what is left of it."""
    # In this order, as for any file: see `steps.prepare.preparation`.
    plan = services.work.plans.read(work.key)
    found = services.work.claims.read_pool(work.key)
    if found is None or found[0].snapshot_id != work.snapshot_id:
        return PreparedFile(gone=True)
    preparation = _PoolPreparation(work, *found, services)
    if plan is not None and not preparation.takes_back(plan):
        prepared = preparation.go_on(plan)
        delete_leftovers(work.key, services)
        return prepared
    contained = Contained("prepare_file", work.key, services, words="it was prepared")
    try:
        return contained.run(work, PreparedFile, preparation.run, is_done=lambda prepared: not prepared.gone)
    except SetAsideError as error:
        log.warning("%s: its files go on one by one: %s", found[0].path, error)
        return preparation.dissolve()


class _PoolPreparation:
    """One pool. `claim` is that on the pool, `files` all that it was made of."""

    def __init__(self, work: FileWork, claim: Claim, files: list[ListedFile], services: Services) -> None:
        self._work, self._claim, self._files, self._services = work, claim, files, services
        self._store = services.work
        self._wishes = services.work.wishes.standing().wishes
        self._instead_of: str | None = None  # the version of a plan that is followed no more

    def run(self) -> PreparedFile:
        """Make the plan. What is wrong with the pool as a whole is told for each of its files, alone."""
        about = {wish.subject for wish in self._wishes}
        alone = {file.key for file in self._files if file.key in about or file.spec != self._work.spec}
        made = PoolPlan(self._work, self._claim, self._files, self._services)
        try:
            plan = made.plan(alone=alone)
        except Unsettled as waits:
            return PreparedFile(wait_seconds=waits.seconds)
        if self._is_beyond_budget(made.cost):
            plan, made.cost = made.empty(), 0.0
        return self._follow_first(plan, made.cost)

    def dissolve(self) -> PreparedFile:
        """Have all files go on alone. The pool itself goes on with none, and comes to its end as others do."""
        made = PoolPlan(self._work, self._claim, self._files, self._services)
        return self._follow_first(made.empty(), 0.0)

    def _follow_first(self, plan: Plan, cost: float) -> PreparedFile:
        """Follow a plan that was made just now, or the one of another run that was quicker."""
        try:
            self._store.plans.write_once(self._work.key, plan, instead_of=self._instead_of)
        except ConflictError:
            return prepare_pool(self._work, self._services)
        found = self._store.claims.read(self._work.key)
        if found is None or found[0].snapshot_id != self._work.snapshot_id:
            return PreparedFile(gone=True)
        return self._go_on(plan, cost=cost)

    def takes_back(self, plan: Plan) -> bool:
        """Take back a plan that would be another one today, where nothing of it was sent; tells whether."""
        old = OldPlan(self._work, plan, self._services)
        if not old.is_outdated():
            return False
        old.take_back()
        self._instead_of = self._store.plans.version(self._work.key)
        # Another spec may be the nearest one to some of the files by now.
        specs = list_inputs(self._services).specs
        self._files = [msgspec.structs.replace(file, spec=specs.governing(file.path)) for file in self._files]
        return True

    def go_on(self, plan: Plan) -> PreparedFile:
        """Go on with a plan that is there."""
        prices = self._services.settings.price_list
        return self._go_on(plan, cost=plan.estimate.cost(prices, plan.model) or 0.0)

    def _go_on(self, plan: Plan, *, cost: float) -> PreparedFile:
        alone = {*plan.alone, *plan.taken_out}
        left = free(
            self._work.key,
            [file for file in self._files if file.key in alone],
            self._work.snapshot_id,
            self._services,
        )
        ledgers = self._store.ledgers.of_shards(self._work.key, plan.shards)
        return PreparedFile(
            requests=plan.requests,
            ended=ended_requests(plan, ledgers),
            shards=open_shards(plan, ledgers),
            cost=0.0 if ledgers else cost,
            members=len(self._files) - len(alone),
            alone=left,
            asked=self._asked_about(left),
        )

    def _is_beyond_budget(self, cost: float) -> bool:
        """Tell whether the files together are beyond what the snapshot or the day may cost: then each has its own chance."""
        if not cost or self._work.unwanted:
            return False
        most = self._work.most_cost
        return (most is not None and cost > most) or beyond_day(self._work, cost, self._services) is not None

    def _asked_about(self, files: list[ListedFile]) -> Asked | None:
        keys = {file.key for file in files}
        wishes = [wish for wish in self._wishes if wish.subject in keys]
        return asked(wishes) if wishes else None
