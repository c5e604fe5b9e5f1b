"""Take the files that are there now: claim each, and write down which ones this snapshot has."""

import time
from collections.abc import Iterator
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from adapters import clients
from adapters.storage.blobs import Storage
from adapters.work.claims import Claimed
from adapters.work.store import WorkStore
from domain import names
from domain.contracts import ListedFile, SnapshotRequest, SnapshotSettings, TakenFiles, from_wire
from domain.records import Claim, InputFile
from domain.settings import Settings
from steps.answering import answering_async
from steps.intake.first_versions import first_versions
from steps.intake.survey import IsAlive, Survey, alive_in, survey
from steps.intake.waiting_note import tell_waiting
from steps.job_specs import JobSpecs
from steps.threads import in_thread, log_as, pool

PAGE_FILES = 100  # files per page of the manifest
CLAIMS_AT_ONCE = 8

bp = df.Blueprint()


@bp.activity_trigger(input_name="request")
@bp.durable_client_input(client_name="client")
async def take_snapshot(request: dict, client: df.DurableOrchestrationClient, context: func.Context) -> dict:
    """Answer TakenFiles to a SnapshotRequest."""
    log_as(context)
    return await answering_async(_take_snapshot(request, alive_in(client)))


async def _take_snapshot(request: dict[str, Any], is_alive: IsAlive) -> TakenFiles:
    settings = await in_thread(clients.settings)
    storage, store = await in_thread(lambda: (clients.storage(), clients.work()))
    snapshot_id = from_wire(request, SnapshotRequest).snapshot_id
    found = await survey(
        storage, store, is_alive, snapshot_id=snapshot_id, settings=settings, now=time.time()
    )
    await in_thread(tell_waiting, found, storage, settings)
    return await in_thread(take, found, snapshot_id, storage=storage, store=store, settings=settings)


def take(
    found: Survey, snapshot_id: str, *, storage: Storage, store: WorkStore, settings: Settings
) -> TakenFiles:
    """Claim what was found and write the manifest; a repetition finds its own claims and comes to the same files."""
    unclaimed = first_versions(found.unclaimed, snapshot_id, storage=storage, store=store, settings=settings)
    dead = {orphan.claim.snapshot_id for orphan in found.orphaned}
    if dead:
        store.shares.drop(dead)  # what they held comes to us, as batches of the files taken over
    with pool(CLAIMS_AT_ONCE) as claiming:
        new = claiming.map(lambda file: _claim(file, snapshot_id, storage, store), unclaimed)
        won = claiming.map(lambda claimed: _take_over(claimed, snapshot_id, store), found.orphaned)
        taken_over = [claimed for claimed, is_ours in zip(found.orphaned, won, strict=True) if is_ours]
        files = [_listed(claimed, found.specs) for claimed in (*found.mine, *taken_over)]
        files += filter(None, new)
    pages = list(_pages(files))
    for number, page in enumerate(pages):
        store.snapshots.write_page(snapshot_id, number, page)
    return TakenFiles(files=len(files), pages=len(pages), settings=snapshot_settings(settings))


def snapshot_settings(settings: Settings) -> SnapshotSettings:
    """Fix the settings a snapshot goes by for its whole life."""
    return SnapshotSettings(
        micro_batch_size=settings.micro_batch_size,
        max_active_batches=settings.max_active_batches,
        poll_min_seconds=min(settings.poll_min_seconds, settings.poll_max_seconds),
        poll_max_seconds=max(settings.poll_min_seconds, settings.poll_max_seconds),
        deadline_seconds=settings.deadline_hours * 3600,
        max_cost=settings.max_cost_per_snapshot,
    )


def _claim(file: InputFile, snapshot_id: str, storage: Storage, store: WorkStore) -> ListedFile | None:
    key = names.file_key(file.path, file.etag)
    claim = Claim(
        snapshot_id=snapshot_id, timestamp=names.timestamp_of(snapshot_id), path=file.path, etag=file.etag
    )
    won = store.claims.take(storage.input, file, key, claim)
    return ListedFile(key=key, path=file.path, size=file.size, fresh=True, spec=file.spec) if won else None


def _take_over(claimed: Claimed, snapshot_id: str, store: WorkStore) -> bool:
    """Become the owner of a dead snapshot's file; it keeps the timestamp that names its output folders."""
    old = claimed.claim
    claim = Claim(snapshot_id=snapshot_id, timestamp=old.timestamp, path=old.path, etag=old.etag)
    return store.claims.replace(claimed.key, claim, claimed.etag)


def _listed(claimed: Claimed, specs: JobSpecs) -> ListedFile:
    path = claimed.claim.path
    return ListedFile(key=claimed.key, path=path, size=claimed.size, spec=specs.governing(path))


def _pages(files: list[ListedFile]) -> Iterator[list[ListedFile]]:
    return (files[start : start + PAGE_FILES] for start in range(0, len(files), PAGE_FILES))
