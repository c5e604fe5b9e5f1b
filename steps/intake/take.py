"""Take the files that are there now: claim each, and write down which ones this snapshot has."""

import logging
from collections.abc import Iterator

import msgspec

from adapters.services import Services
from adapters.threads import in_thread, pool
from adapters.work.claims import Claimed
from adapters.work.store import WorkStore
from domain import names
from domain.contracts import ListedFile, SnapshotRequest, SnapshotSettings, TakenFiles
from domain.errors import PipelineError
from domain.records import Claim, InputFile
from domain.settings import Settings
from domain.wishes import Standing, WishKind, rank_of
from steps.intake.first_versions import first_versions
from steps.intake.liveness import TaskHub, alive_in
from steps.intake.pooling import Pooling
from steps.intake.refusals import Refusals
from steps.intake.survey import Survey, survey
from steps.intake.tidying import tell, tidy
from steps.intake.turn import a_turn, is_taken
from steps.intake.upcoming import upcoming
from steps.job_specs import JobSpecs

log = logging.getLogger(__name__)

PAGE_FILES = 100  # files per page of the manifest
CLAIMS_AT_ONCE = 8
# For how long a snapshot keeps files whose deployment takes nothing. The sweep takes those again that are set aside, and sees
# what people set right; where no sweep does, the one snapshot that was asked for waits longer.
MISCONFIGURED_SECONDS = 30.0
AWAITED_SECONDS = 900.0


async def take_files(request: SnapshotRequest, services: Services, hub: TaskHub) -> TakenFiles:
    """Take what waits. A repetition finds its own claims and comes to the same files.

    Where another snapshot has looked and taken since this one was to begin, it has taken what this one would: that leaves nothing.
    """
    await in_thread(lambda: services.work)  # opening blocks
    async with a_turn() as turn:
        if is_taken(turn, request.snapshot_id) and request.woken_by != "http":
            upcoming.has_taken(request.snapshot_id, services.clock())
            return TakenFiles(files=0, pages=0, settings=snapshot_settings(services.settings))
        upcoming.looks(request.snapshot_id, services.clock())
        found = await survey(services, alive_in(hub, services), snapshot_id=request.snapshot_id)
        await in_thread(tell, found, services)
        await in_thread(tidy, found.look, services)
        taken = await in_thread(take, found, request.snapshot_id, services)
        turn.owners = frozenset(claimed.claim.snapshot_id for claimed in found.look.in_hand)
        upcoming.has_taken(request.snapshot_id, services.clock())
        return taken


def take(found: Survey, snapshot_id: str, services: Services) -> TakenFiles:
    """Claim what was found and write the manifest."""
    store = services.work
    refusals = Refusals(found.look, services)
    unclaimed = first_versions(found.unclaimed, snapshot_id, services, refusals)
    dead = {orphan.claim.snapshot_id for orphan in found.orphaned}
    if dead:
        _drop_shares(dead, store)
    pooling = Pooling(unclaimed, found.look, services)
    orphaned = pooling.set_free(found.orphaned, snapshot_id)
    with pool(CLAIMS_AT_ONCE) as claiming:
        new = claiming.map(
            lambda file: _claim(file, snapshot_id, pooling.pool_of(file), services, refusals), unclaimed
        )
        won = claiming.map(
            lambda claimed: _take_over(claimed, snapshot_id, found.look.wished, store, refusals),
            orphaned,
        )
        taken_over = [claimed for claimed, is_ours in zip(orphaned, won, strict=True) if is_ours]
        files = [_listed(claimed, found.look.specs, of_pool=claimed.claim.pool) for claimed in found.mine]
        files += [_listed(claimed, found.look.specs) for claimed in taken_over]
        files += filter(None, new)
    pooling.drop_voids()
    if refusals.passing:
        raise refusals.passing  # the repetition finds what was claimed
    return _write_manifest(files, pooling, snapshot_id, found.look.wished, services)


def _write_manifest(
    files: list[ListedFile], pooling: Pooling, snapshot_id: str, wished: Standing, services: Services
) -> TakenFiles:
    """Write the list of the files for people, and, where some share batches, that for the flow as well."""
    entries, snapshots = pooling.put_together(files, snapshot_id), services.work.snapshots
    files = [file for entry in entries for file in pooling.files_of(entry)]
    for number, page in enumerate(_pages(_in_order(files, wished))):
        snapshots.write_page(snapshot_id, number, page)
    pages = list(_pages(_in_order(entries, wished)))
    is_pooled = len(entries) < len(files)
    for number, page in enumerate(pages if is_pooled else []):
        snapshots.write_page(snapshot_id, number, page, pooled=True)
    return TakenFiles(
        files=len(files),
        pages=len(pages),
        settings=snapshot_settings(services.settings),
        pooled=is_pooled,
    )


def _drop_shares(dead: set[str], store: WorkStore) -> None:
    """Drop what dead snapshots held: it comes to us, as batches of the files taken over. What stays grows stale."""
    try:
        store.shares.drop(dead)
    except PipelineError as error:
        log.warning("what dead snapshots held counts for a while longer: %s", error)


def snapshot_settings(settings: Settings) -> SnapshotSettings:
    """Fix the settings a snapshot goes by for its whole life."""
    return SnapshotSettings(
        micro_batch_size=settings.micro_batch_size,
        max_active_batches=settings.max_active_batches,
        poll_min_seconds=min(settings.poll_min_seconds, settings.poll_max_seconds),
        poll_max_seconds=max(settings.poll_min_seconds, settings.poll_max_seconds),
        deadline_seconds=settings.deadline_hours * 3600,
        misconfigured_seconds=MISCONFIGURED_SECONDS if settings.continuous_mode else AWAITED_SECONDS,
        max_cost=settings.max_cost_per_snapshot,
        files_per_call=settings.max_files_per_call,
        bytes_per_call=settings.max_bytes_per_call,
        seconds_per_call=settings.max_seconds_per_call,
    )


def _claim(
    file: InputFile, snapshot_id: str, pool_key: str, services: Services, refusals: Refusals
) -> ListedFile | None:
    key = names.file_key(file.path, file.etag)
    claim = Claim(
        snapshot_id=snapshot_id,
        timestamp=names.timestamp_of(snapshot_id),
        path=file.path,
        etag=file.etag,
        content_md5=file.content_md5,
        origin=file.origin,
        pool=pool_key,
    )

    def take() -> ListedFile | None:
        if held := services.work.claims.take(services.storage.input, file, key, claim):
            return ListedFile(
                key=key, path=file.path, size=file.size, fresh=True, spec=file.spec, pool=held.pool
            )
        refusals.look_again(file)
        return None

    return refusals.attempt(key, file.path, take)


def _take_over(
    claimed: Claimed, snapshot_id: str, wished: Standing, store: WorkStore, refusals: Refusals
) -> bool | None:
    """Become the owner of a dead snapshot's file; it keeps the timestamp that names its output folders.

    What was asked about that whole snapshot is asked about the file first: it is another one's from then on.
    """
    old = claimed.claim
    claim = msgspec.structs.replace(
        old,
        snapshot_id=snapshot_id,
        timestamp=old.timestamp or names.timestamp_of(snapshot_id),
        held_until=0.0,
        held_for="",
        held_by="",
        held_beside="",
        pool="",
    )

    def take_over() -> bool:
        if not old.held_until:
            for wish in wished.wishes:
                if wish.kind is WishKind.CANCEL and wish.subject == old.snapshot_id:
                    store.wishes.make(msgspec.structs.replace(wish, subject=claimed.key))
        return store.claims.replace(claimed.key, claim, claimed.etag)

    return refusals.attempt(claimed.key, old.path, take_over)


def _in_order(files: list[ListedFile], wished: Standing) -> list[ListedFile]:
    """Put first what people want first; else those that have waited longest."""
    given = {wish.about: wish.priority for wish in wished.wishes if wish.kind is WishKind.PRIORITY}
    return sorted(files, key=lambda file: -rank_of(file.path, given.get(file.key), given)) if given else files


def _listed(claimed: Claimed, specs: JobSpecs, *, of_pool: str = "") -> ListedFile:
    claim = claimed.claim
    return ListedFile(
        key=claimed.key,
        path=claim.path,
        size=claim.pool_bytes if claim.members else claimed.size,
        spec=specs.governing(claim.path),
        waited=bool(claim.held_beside),
        members=claim.members,
        pool=of_pool,
    )


def _pages(files: list[ListedFile]) -> Iterator[list[ListedFile]]:
    return (files[start : start + PAGE_FILES] for start in range(0, len(files), PAGE_FILES))
