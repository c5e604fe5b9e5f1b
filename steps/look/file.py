"""One file from its input to its outputs: what its own page shows."""

from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec

from adapters.threads import in_thread, pool
from adapters.work.claims import Claimed
from domain import names
from domain.api.answers import (
    Asked,
    BatchOfFile,
    CodeCount,
    FileDetails,
    FileEntry,
    FileErrors,
    LiveOfFile,
    ShardOfFile,
)
from domain.api.problems import no_file
from domain.contracts import prepared_type
from domain.errors import NotFoundError
from domain.records import Claim, Ledger, Plan, PlannedShard
from domain.results.finished import FinishedFile
from domain.results.metadata import (
    BatchMetadata,
    LiveMetadata,
    Metadata,
    batch_metadata,
    cost_of,
    live_metadata,
    outcomes_seen,
)
from domain.service.outcomes import Tally
from steps.look.desk import Desk
from steps.look.ends import end_of_file
from steps.look.error_rows import rows_from
from steps.look.files import ANY_CODE, LOOKED_AT_SNAPSHOTS, at_rest_entries, entry_of
from steps.look.hub import TaskHub
from steps.look.outputs import link_to, outputs_of
from steps.look.snapshots import all_described, code_count, described, is_running, latest_ids
from steps.pool.members import read_members
from steps.pool.outcomes import shares_of

MOST_SHARDS = 200  # of a file in work, whose ledgers are read for its page
LEDGERS_AT_ONCE = 8

_decode = msgspec.json.Decoder(Metadata).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where a file is: in work, by its claim; in the list of a snapshot; or among those that wait to be taken."""

    snapshot_id: str | None = None
    claim: Claim | None = None
    pool: Claimed | None = None  # that it is in, with others
    finished: FinishedFile | None = None
    waiting: FileEntry | None = None


async def file_details(key: str, snapshot_id: str | None, hub: TaskHub, desk: Desk) -> FileDetails:
    """Describe one file. Raises ProblemError for one that is not known."""
    found = await _find(key, snapshot_id, desk)
    ids = await latest_ids(desk, LOOKED_AT_SNAPSHOTS)
    await all_described(ids, hub, desk)  # the lists of those that have ended are read once
    about = await in_thread(_about, key, ids, desk)
    if found.waiting:
        return FileDetails(**msgspec.structs.asdict(found.waiting), **about)
    if found.finished:
        details = await in_thread(_finished, found.finished, found.snapshot_id, desk)
        return msgspec.structs.replace(details, **about)
    assert found.claim is not None
    assert found.snapshot_id is not None
    details = msgspec.structs.replace(await in_thread(_in_work, key, found, desk), **about)
    if details.state != "working":
        return details
    finished = await in_thread(desk.finished, found.snapshot_id)
    details = msgspec.structs.replace(details, ends=end_of_file(details, finished, desk.services.clock()))
    # The task hub knows more of a few dozen files.
    snapshot = await described(found.snapshot_id, hub, desk)
    shown = {file.key: file for file in (snapshot.progress.files if snapshot and snapshot.progress else [])}
    now = shown.get(details.pool or key)
    if now and snapshot and is_running(snapshot):
        done = details.done if details.pool else now.done
        return msgspec.structs.replace(details, state=now.state, done=done)
    return details


def _about(key: str, snapshot_ids: list[str], desk: Desk) -> dict[str, Any]:
    """Give what people have asked for about a file, and what its failed rows were tried again as."""
    wishes = [wish for wish in desk.files_at_rest()["asked"] if wish.get("key") == key]
    retries = [file.key for snapshot in snapshot_ids for file in desk.finished(snapshot).retries_of(key)]
    return {"asked": msgspec.convert(wishes, prepared_type(list[Asked])), "retried_as": retries}


async def file_errors(
    key: str, snapshot_id: str | None, desk: Desk, *, code: str | None, after: str | None, limit: int
) -> FileErrors:
    """Give the digest of a file's errors and a page of them. Raises ProblemError for a file that is not known."""
    found = await _find(key, snapshot_id, desk)
    finished = found.finished
    if finished is None or finished.outputs.errors is None:
        return FileErrors(key=key, digest=digest_of(finished), items=[], next=None)
    wanted = None if code == ANY_CODE else code
    try:
        items, following = await in_thread(
            rows_from,
            desk.services.storage.error,
            finished.outputs.errors,
            after=after,
            limit=limit,
            code=wanted,
        )
    except NotFoundError:
        items, following = [], None
    return FileErrors(key=key, digest=digest_of(finished), items=items, next=following)


async def output_link(key: str, name: str, snapshot_id: str | None, desk: Desk) -> str:
    """Give a link to an output. Raises ProblemError where there is none."""
    found = await _find(key, snapshot_id, desk)
    if found.finished is None:
        raise no_file(key)
    return await in_thread(link_to, found.finished, name, desk)


def digest_of(file: FinishedFile | None) -> list[CodeCount]:
    """Give a file's error codes, the most frequent first."""
    counted = (file.error_codes if file else {}).items()
    return [code_count(code, rows, 1) for code, rows in sorted(counted, key=lambda item: (-item[1], item[0]))]


async def _find(key: str, snapshot_id: str | None, desk: Desk) -> Found:
    """Look for a file: whether it is in work, then in the lists of the snapshot that is named or of the latest ones."""
    if not names.is_file_key(key):
        raise no_file(key)
    claims = desk.services.work.claims
    claimed = await in_thread(claims.find, key)
    if claimed and not claimed.claim.done_at:
        pool = await in_thread(claims.pool_of, claimed.claim)
        return Found(snapshot_id=(pool or claimed).claim.snapshot_id, claim=claimed.claim, pool=pool)
    if snapshot_id and not names.is_snapshot_id(snapshot_id):
        raise no_file(key)
    ids = [snapshot_id] if snapshot_id else await latest_ids(desk, LOOKED_AT_SNAPSHOTS)
    for candidate in ids:
        if file := (await in_thread(desk.finished, candidate)).file(key):
            return Found(snapshot_id=candidate, finished=file)
    for entry in (await in_thread(at_rest_entries, desk)).values():
        for waiting in entry:
            if waiting.key == key:
                return Found(waiting=waiting)
    raise no_file(key)


# --- a file that has ended --------------------------------------------------------------------------------------------


def _finished(file: FinishedFile, snapshot_id: str | None, desk: Desk) -> FileDetails:
    entry = msgspec.structs.asdict(entry_of(file, snapshot_id))
    entry["shared_with"] = desk.finished(snapshot_id).shared_with(file) if snapshot_id else 0
    document = _document(file, desk)
    if document is None:
        return FileDetails(**entry, deployment=file.deployment, digest=digest_of(file))
    return FileDetails(
        **entry,
        etag=document.etag,
        engine=document.engine,
        endpoint=document.endpoint,
        deployment=document.deployment,
        is_balanced=sum(document.outcomes.values()) == document.requests,
        input_state=document.input_state,
        digest=digest_of(file),
        shards=_shards_of(document),
        files=outputs_of(file, desk),
    )


def _document(file: FinishedFile, desk: Desk) -> Metadata | None:
    """Read a file's metadata document; None where it is gone, or is no document of ours any more."""
    storage, name = desk.services.storage, file.outputs.metadata
    if name is None:
        return None
    try:
        return _decode((storage.error if file.state == "rejected" else storage.processed).read(name)[0])
    except (NotFoundError, msgspec.MsgspecError):
        return None


def _shards_of(document: Metadata) -> list[ShardOfFile]:
    by_shard = attrgetter("shard", "attempt")
    batches = sorted(document.batches, key=by_shard)
    shards = [
        ShardOfFile(shard=shard, attempt=attempt, collected=True, batches=[_batch(batch) for batch in group])
        for (shard, attempt), group in groupby(batches, key=by_shard)
    ]
    shards += [
        ShardOfFile(shard=live.shard, attempt=live.attempt, collected=True, live=_live(live))
        for live in document.live
    ]
    return sorted(shards, key=by_shard)


def _batch(batch: BatchMetadata) -> BatchOfFile:
    return BatchOfFile(
        batch_id=batch.batch_id,
        status=batch.status,
        transport=batch.transport,
        submitted_at=batch.submitted_at,
        ended_at=batch.ended_at,
    )


def _live(live: LiveMetadata) -> LiveOfFile:
    return LiveOfFile(
        deployment=live.deployment, status=live.status, started_at=live.started_at, ended_at=live.ended_at
    )


# --- a file in work ---------------------------------------------------------------------------------------------------


def _in_work(key: str, found: Found, desk: Desk) -> FileDetails:
    """Describe a file by its plan and its ledgers, or by those of its pool."""
    claim, services = found.claim, desk.services
    assert claim is not None
    owner = found.pool.claim if found.pool else claim
    is_held = owner.held_until > services.clock()
    told: dict[str, Any] = {
        "key": key,
        "path": claim.path,
        "state": "held" if is_held else "working",
        "snapshot": owner.snapshot_id,
        "etag": claim.etag,
        "reason": owner.held_for if is_held else "",
        "pool": found.pool.key if found.pool else "",
        "shared_with": max(0, owner.members - 1),
    }
    whole_key = found.pool.key if found.pool else key
    whole = services.work.plans.read(whole_key)
    if whole is None:
        return FileDetails(**told)
    plan, ledgers = whole, _ledgers(whole_key, whole, desk)
    shards = _shards_in_work(whole, ledgers)
    if found.pool:
        member = next((m for m in read_members(whole_key, whole, services.work) if m.key == key), None)
        if member is None:
            return FileDetails(**told)
        plan, ledgers = member.plan, dict(shares_of(member, ledgers))
    tally = Tally(invalid=plan.invalid)
    for ledger in ledgers.values():
        if ledger.collected:
            tally.add(ledger.collected.tally)
    prices = services.settings.price_list
    return FileDetails(
        **told,
        size_bytes=plan.size,
        requests=plan.requests,
        done=min(tally.total, plan.requests),
        failed=tally.errors,
        outcomes=outcomes_seen(tally),
        input_tokens=tally.input_tokens,
        output_tokens=tally.output_tokens,
        cached_tokens=tally.cached_tokens,
        cost=cost_of(prices, plan, tally),
        estimated_cost=plan.estimate.cost(prices, plan.model),
        batches=sum(len(shard.batches) for shard in shards),
        engine=plan.engine,
        endpoint=plan.url,
        deployment=plan.model,
        shards=shards,
    )


def _ledgers(key: str, plan: Plan, desk: Desk) -> dict[str, Ledger]:
    """Read the ledgers of the first shards and of what became of them."""
    ledgers = desk.services.work.ledgers
    found: dict[str, Ledger] = {}
    with pool(LEDGERS_AT_ONCE) as reading:
        for some in reading.map(lambda shard: ledgers.of_shards(key, [shard]), plan.shards[:MOST_SHARDS]):
            found |= some
    return found


def _shards_in_work(plan: Plan, ledgers: dict[str, Ledger]) -> list[ShardOfFile]:
    found: list[ShardOfFile] = []
    waiting: list[tuple[PlannedShard, int]] = [(shard, 1) for shard in plan.shards[:MOST_SHARDS]]
    while waiting:
        shard, attempt = waiting.pop(0)
        ledger = ledgers.get(shard.shard)
        found.append(_shard_in_work(shard, attempt, ledger))
        if ledger and ledger.collected:
            waiting += [(child, ledger.collected.children_attempt) for child in ledger.collected.children]
    return sorted(found, key=lambda shard: shard.shard)


def _shard_in_work(shard: PlannedShard, attempt: int, ledger: Ledger | None) -> ShardOfFile:
    if ledger is None:
        return ShardOfFile(
            shard=shard.shard,
            attempt=attempt,
            requests=shard.requests,
            size_bytes=shard.size,
            collected=False,
        )
    batches = [*ledger.past_batches, *([ledger.batch] if ledger.batch else [])]
    collected = ledger.collected
    return ShardOfFile(
        shard=shard.shard,
        attempt=ledger.attempt,
        requests=shard.requests,
        size_bytes=shard.size,
        collected=collected is not None,
        outcomes=outcomes_seen(collected.tally) if collected else {},
        batches=[
            _batch(batch_metadata(batch, shard=shard.shard, attempt=ledger.attempt)) for batch in batches
        ],
        live=_live(live_metadata(ledger.sending, shard=shard.shard, attempt=ledger.attempt))
        if ledger.sending
        else None,
    )
