"""Set a pool aside: as one thing where something of it was sent, else each of its files alone."""

import msgspec

from adapters.services import Services
from adapters.threads import pool
from domain.contracts import FileWork, ListedFile
from domain.results.finished import FinishedFile
from steps.deliver.hold import mark_held
from steps.deliver.listing import add_to_list
from steps.pool.members import CALLS_AT_ONCE
from steps.setting_free import free


def hold_pool(work: FileWork, services: Services) -> None:
    """Mark the claim on a pool, or those on its files: no snapshot takes them before the time is over."""
    store = services.work
    found = store.claims.read_pool(work.key)
    if found is None or found[0].snapshot_id != work.snapshot_id:
        return  # finished or taken over: nothing of ours to hold
    plan = store.plans.read(work.key)
    if plan is not None and store.ledgers.count(work.key):
        left = {*plan.alone, *plan.taken_out, *plan.delivered}
        files = [file for file in found[1] if file.key not in left]
        marked = mark_held(work, services)
        lines = [msgspec.structs.replace(marked, key=file.key, path=file.path) for file in files if marked]
    else:
        lines = _hold_each(work, found[1], services)
        store.drop_file(work.key)
    add_to_list(work, lines, services)


def _hold_each(work: FileWork, files: list[ListedFile], services: Services) -> list[FinishedFile]:
    left = free(work.key, files, work.snapshot_id, services)
    with pool(CALLS_AT_ONCE) as holding:
        marked = holding.map(
            lambda file: mark_held(msgspec.structs.replace(work, key=file.key, pooled=False), services), left
        )
        return [line for line in marked if line]
