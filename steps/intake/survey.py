"""What waits in the input container: files without a claim, and claims whose snapshot is not alive any more."""

import random
from collections.abc import Iterable
from dataclasses import dataclass

from adapters.services import Services
from adapters.threads import in_thread
from adapters.version import app_version
from adapters.work.claims import Claimed
from domain import names
from domain.errors import JobSpecError
from domain.records import Claim, InputFile, SpecBlob
from domain.settings import Settings
from steps.intake.liveness import IsAlive
from steps.job_specs import JobSpecs

MAX_OWNERS_ASKED = 50  # one status call each; a different sample every time, so that all are asked in the end


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingFile:
    """A file whose job spec cannot be followed."""

    path: str
    spec: SpecBlob
    error: JobSpecError


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """`mine`: claims of the asking snapshot itself, from before a crash. `waiting`, by spec: not to be taken yet.

    `strays`: there are records about no file.
    """

    unclaimed: list[InputFile]
    orphaned: list[Claimed]
    mine: list[Claimed]
    waiting: list[WaitingFile]
    specs: JobSpecs
    strays: bool = False

    @property
    def anything(self) -> bool:
        """Whether there is something to take, or to tidy up."""
        return bool(self.unclaimed or self.orphaned or self.mine or self.strays)


async def survey(services: Services, is_alive: IsAlive, *, snapshot_id: str) -> Survey:
    """Look through input and claims once; one storage call per 5,000 blobs, whatever is being worked on."""
    now = services.clock()
    claims, strays = await in_thread(services.work.claims.survey)
    inputs, specs = await in_thread(list_inputs, services)
    claimed = {found.key for found in claims}
    others = [
        found
        for found in claims
        if found.claim.snapshot_id != snapshot_id and not is_held(found.claim, services.settings, now)
    ]
    # A file that was set aside has left its snapshot, alive or not: once it is free, it is anyone's.
    dead = await _dead_owners(
        {found.claim.snapshot_id for found in others if not found.claim.held_until}, is_alive
    )
    unclaimed = [file for file in inputs if names.file_key(file.path, file.etag) not in claimed]
    waiting = await in_thread(waiting_files, unclaimed, specs)
    wait = {file.path for file in waiting}
    return Survey(
        unclaimed=[file for file in unclaimed if file.path not in wait],
        orphaned=[found for found in others if found.claim.held_until > 0 or found.claim.snapshot_id in dead],
        mine=[found for found in claims if found.claim.snapshot_id == snapshot_id],
        waiting=waiting,
        specs=specs,
        strays=bool(strays),
    )


def is_held(claim: Claim, settings: Settings, now: float) -> bool:
    """Tell whether a file is still set aside.

    One that waits for other settings, or for another version of the app, is not when they have changed.
    """
    return claim.held_until > now and claim.held_by in ("", settings.digest, app_version())


def list_inputs(services: Services) -> tuple[list[InputFile], JobSpecs]:
    """List the input files, oldest first: those that waited longest are taken first. And the job specs among them."""
    storage, settings = services.storage, services.settings
    blobs = list(storage.input.list(names.prefix_of(settings.input_directory), metadata=True))
    etags = {blob.name: blob.etag for blob in blobs if names.is_job_spec(blob.name)}
    specs = JobSpecs(storage.input, etags, settings.spec_defaults)
    found = [
        InputFile(
            path=blob.name,
            etag=blob.etag,
            size=blob.size,
            modified=blob.modified,
            spec=specs.governing(blob.name),
        )
        for blob in blobs
        if names.is_input(blob.name, blob.size, blob.metadata)
    ]
    return sorted(found, key=lambda file: (file.modified, file.path)), specs


def waiting_files(files: Iterable[InputFile], specs: JobSpecs) -> list[WaitingFile]:
    """Find the files whose job spec cannot be followed, sorted by it; each spec is read once in each version."""
    governed = {(file.spec.path, file.spec.etag): file.spec for file in files if file.spec}
    broken = {
        spec.path: error for spec in governed.values() if (error := specs.mistakes_in(spec)) is not None
    }
    return sorted(
        (
            WaitingFile(path=file.path, spec=file.spec, error=broken[file.spec.path])
            for file in files
            if file.spec and file.spec.path in broken
        ),
        key=lambda file: (file.spec.path, file.path),
    )


async def _dead_owners(owners: set[str], is_alive: IsAlive) -> set[str]:
    asked = random.sample(sorted(owners), min(len(owners), MAX_OWNERS_ASKED))
    return {owner for owner in asked if not await is_alive(owner)}
