"""What waits in the input container: files nobody has claimed, and claims whose snapshot is not alive any more."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import azure.durable_functions as df

from adapters.storage import Storage
from adapters.work_room import WorkRoom
from domain import names
from domain.records import Claim, InputFile

MAX_OWNERS_ASKED = 50  # one status call each; a different sample every time, so that all are asked in the end

ALIVE = frozenset({"Running", "Pending", "Suspended", "ContinuedAsNew"})

IsAlive = Callable[[str], Awaitable[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A claim as it was found."""

    key: str
    claim: Claim
    etag: str
    size: int  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """`mine`: claims of the asking snapshot itself, from before a crash."""

    unclaimed: list[InputFile]
    orphaned: list[Claimed]
    mine: list[Claimed]

    @property
    def anything(self) -> bool:
        """Whether there is something to take."""
        return bool(self.unclaimed or self.orphaned or self.mine)


async def survey(
    storage: Storage, room: WorkRoom, is_alive: IsAlive, *, snapshot_id: str, directory: str, now: float
) -> Survey:
    """Look through input and claims once; one storage call per 5,000 blobs, whatever is being worked on."""
    claims = await asyncio.to_thread(
        lambda: [Claimed(key=k, claim=c, etag=e, size=s) for k, c, e, s in room.claims()]
    )
    inputs = await asyncio.to_thread(list_input_files, storage, directory)
    claimed = {found.key for found in claims}
    others = [
        found for found in claims if found.claim.snapshot_id != snapshot_id and found.claim.held_until <= now
    ]
    dead = await _dead_owners({found.claim.snapshot_id for found in others}, is_alive)
    return Survey(
        unclaimed=[file for file in inputs if names.file_key(file.path, file.etag) not in claimed],
        orphaned=[found for found in others if found.claim.snapshot_id in dead],
        mine=[found for found in claims if found.claim.snapshot_id == snapshot_id],
    )


def list_input_files(storage: Storage, directory: str) -> list[InputFile]:
    """List the input files, oldest first: those that waited longest are taken first."""
    found = [
        InputFile(path=blob.name, etag=blob.etag, size=blob.size, modified=blob.modified)
        for blob in storage.input.list(names.prefix_of(directory), metadata=True)
        if names.is_input(blob.name, blob.size, blob.metadata)
    ]
    return sorted(found, key=lambda file: (file.modified, file.path))


async def _dead_owners(owners: set[str], is_alive: IsAlive) -> set[str]:
    asked = random.sample(sorted(owners), min(len(owners), MAX_OWNERS_ASKED))
    return {owner for owner in asked if not await is_alive(owner)}


def alive_in(client: df.DurableOrchestrationClient) -> IsAlive:
    """Ask the task hub about snapshots. A wiped hub knows none of them: all are dead."""

    async def is_alive(snapshot_id: str) -> bool:
        status = await client.get_status(snapshot_id)
        return bool(status) and status.runtime_status is not None and status.runtime_status.name in ALIVE

    return is_alive
