"""What waits in the input container: files without a claim, and claims whose snapshot is not alive any more."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import msgspec

from adapters.services import Services
from adapters.threads import in_thread
from adapters.version import app_version
from adapters.work.claims import Claimed, Records
from domain import names
from domain.basis import basis_of
from domain.errors import JobSpecError, PassingError
from domain.records import Claim, InputFile, SpecBlob
from domain.settings import Settings
from domain.side_files import SideFile, look_at_folders
from domain.wishes import Standing
from steps.intake.liveness import IsAlive
from steps.intake.standing import StandingFile, sort_out
from steps.intake.table_logs import WaitingTable, sort_out_tables
from steps.job_specs import JobSpecs, ListedSpec
from steps.likeness import input_file
from steps.recent import Recent

MAX_OWNERS_ASKED = 50  # one status call each; a different sample every time, so that all are asked in the end

_strays = Recent(1000)  # that this process has had tidied up


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingFile:
    """A file whose job spec cannot be followed; or could not be read this time, which passes by itself."""

    path: str
    etag: str
    spec: SpecBlob
    error: JobSpecError | PassingError


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """`mine`: claims of the asking snapshot itself, from before a crash. `waiting`, by spec: not to be taken yet.

    `standing`: not to be taken for another reason.
    """

    unclaimed: list[InputFile]
    orphaned: list[Claimed]
    mine: list[Claimed]
    waiting: list[WaitingFile]
    standing: list[StandingFile]
    look: "Look"

    @property
    def anything(self) -> bool:
        """Whether there is something to take."""
        return bool(self.unclaimed or self.orphaned or self.mine)


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look at storage: the input files, the job specs among them, and the records about files."""

    inputs: list[InputFile]
    specs: JobSpecs
    records: Records
    passed: list[SideFile]  # what lies there and is no input
    tables: list[WaitingTable]  # whose files are not taken
    wished: Standing
    is_recalled: bool = False  # the records are as this process has seen them a while ago

    @cached_property
    def etags(self) -> dict[str, str]:
        """The input files' ETags, by path."""
        return {file.path: file.etag for file in self.inputs}

    @property
    def done(self) -> list[Claimed]:
        """Claims on files that are done and whose input could not be removed."""
        return [found for found in self.records.claims if found.claim.done_at]

    @property
    def unfinished(self) -> list[Claimed]:
        """Claims on files that are to be worked on."""
        return [found for found in self.records.claims if not found.claim.done_at]

    @cached_property
    def pools(self) -> dict[str, Claim]:
        """The pools, by key."""
        return {found.key: found.claim for found in self.records.pools}

    @property
    def in_hand(self) -> list[Claimed]:
        """Claims that decide who works on what: those on pools, and on files that are to be worked on and are in none."""
        # The files of a pool whose claim cannot be read wait as it does.
        pools = self.pools.keys() | self.records.unreadable.keys()
        return [*self.records.pools, *(found for found in self.unfinished if found.claim.pool not in pools)]


async def survey(services: Services, is_alive: IsAlive, *, snapshot_id: str) -> Survey:
    """Look through input and claims once; one storage call per 5,000 blobs, whatever is being worked on.

    Where this process has seen the claims a while ago, and going by that there is nothing to do, they are not listed again.
    """
    if (records := services.work.claims.seen_lately(services.clock())) is not None:
        found = await _survey(await in_thread(look, services, records), services, is_alive, snapshot_id)
        if not found.anything and _is_certain(found.look):
            return found
    return await _survey(await in_thread(look, services), services, is_alive, snapshot_id)


def _is_certain(seen: Look) -> bool:
    """Tell whether no input file was judged by claims on other versions of it, which may have come to their end."""
    claimed = {found.key for found in seen.records.claims}
    paths = {found.claim.path for found in seen.records.claims}
    return all(
        file.path not in paths or names.file_key(file.path, file.etag) in claimed for file in seen.inputs
    )


async def _survey(seen: Look, services: Services, is_alive: IsAlive, snapshot_id: str) -> Survey:
    now, held = services.clock(), seen.wished.held
    others = [
        found
        for found in seen.in_hand
        if found.claim.snapshot_id != snapshot_id
        and not is_held(found.claim, seen, services.settings, now)
        and not seen.records.refused(found.key, now)
        and found.key not in held
    ]
    # A file that was set aside has left its snapshot, alive or not: once it is free, it is anyone's.
    dead = await _dead_owners(
        {found.claim.snapshot_id for found in others if not found.claim.held_until}, is_alive
    )
    found = await in_thread(sort_out, seen.inputs, seen.records, services)
    waiting = await in_thread(waiting_files, found.takeable, seen.specs)
    wait = {file.path for file in waiting}
    return Survey(
        unclaimed=[file for file in _to_take(found.takeable, seen.wished) if file.path not in wait],
        orphaned=[
            claimed for claimed in others if claimed.claim.held_until > 0 or claimed.claim.snapshot_id in dead
        ],
        mine=[found for found in seen.in_hand if found.claim.snapshot_id == snapshot_id],
        waiting=waiting,
        standing=found.standing,
        look=seen,
    )


def look(services: Services, recalled: Records | None = None) -> Look:
    """Look through wishes, records and inputs, in this order; `recalled`: the records as they were seen a while ago.

    What is finished in between has left its place in neither of the latter, and what was asked about a file was asked while
    it had one.
    """
    wished = services.work.wishes.standing()
    records = services.work.claims.survey(services.clock()) if recalled is None else recalled
    listed = list_inputs(services)
    for file in listed.inputs:
        key = names.file_key(file.path, file.etag)
        if nameless := records.unreadable.pop(key, None):
            # Its file says what the claim does not.
            claim = msgspec.structs.replace(nameless.claim, path=file.path, etag=file.etag)
            records.claims.append(nameless._replace(claim=claim))
    return Look(
        inputs=listed.inputs,
        specs=listed.specs,
        records=records,
        passed=listed.passed,
        tables=listed.tables,
        wished=wished,
        is_recalled=recalled is not None,
    )


def _to_take(files: list[InputFile], wished: Standing) -> list[InputFile]:
    """Leave out the files that people want to wait; all, where no new file is to be taken."""
    if wished.intake_paused:
        return []
    held = wished.held
    return [file for file in files if names.file_key(file.path, file.etag) not in held] if held else files


def has_new_strays(found: Survey) -> bool:
    """Tell whether there is something to tidy up. What could not be tidied up does not count again and again."""
    new = [key for key in found.look.records.strays if key not in _strays]
    for key in new:
        _strays.add(key)
    return bool(new)


def is_held(claim: Claim, seen: Look, settings: Settings, now: float) -> bool:
    """Tell whether a file is still set aside.

    One that waits for other settings, for another version of the app, or for its job spec is not when that has changed, nor
    when another file lies in its place, or none.
    """
    if claim.held_until <= now or claim.held_by not in ("", settings.digest, app_version()):
        return False
    if not claim.held_beside:
        return True
    governing, there = seen.specs.governing(claim.path), seen.etags.get(claim.path, "")
    return claim.held_beside == basis_of(governing, settings.spec_defaults, input_etag=there)


class Listed(NamedTuple):
    """The input container in one listing."""

    inputs: list[InputFile]  # oldest first: those that waited longest are taken first
    specs: JobSpecs
    passed: list[SideFile]
    tables: list[WaitingTable]


def list_inputs(services: Services) -> Listed:
    """List the input files, the job specs among them, and what is no input."""
    storage, settings = services.storage, services.settings
    blobs = list(storage.input.list(names.prefix_of(settings.input_directory), metadata=True))
    listed = {
        blob.name: ListedSpec(blob.etag, blob.size)
        for blob in blobs
        if names.is_job_spec(blob.name) or names.is_nearly_a_job_spec(blob.name)
    }
    specs = JobSpecs(storage.input, listed, settings.spec_defaults)
    below = len(names.prefix_of(settings.input_directory))
    entries = {
        blob.name[below:]: blob for blob in blobs if names.is_input(blob.name, blob.size, blob.metadata)
    }
    folders = look_at_folders(entries)
    left_out = {file.path for file in folders.passed}
    tables = sort_out_tables(
        folders.tables, (path for path in entries if path not in left_out), entries, storage.input
    )
    left_out |= {file.path for file in tables.left_out}
    found = [
        msgspec.structs.replace(input_file(blob), spec=specs.governing(blob.name))
        for path, blob in entries.items()
        if path not in left_out
    ]
    return Listed(
        inputs=sorted(found, key=lambda file: (file.modified, file.path)),
        specs=specs,
        passed=[*folders.passed, *tables.left_out],
        tables=tables.waiting,
    )


def waiting_files(files: Iterable[InputFile], specs: JobSpecs) -> list[WaitingFile]:
    """Find the files whose job spec cannot be followed, sorted by it; each spec is read once in each version."""
    governed = {(file.spec.path, file.spec.etag): file.spec for file in files if file.spec}
    broken = {
        spec.path: error for spec in governed.values() if (error := specs.mistakes_in(spec)) is not None
    }
    return sorted(
        (
            WaitingFile(path=file.path, etag=file.etag, spec=file.spec, error=broken[file.spec.path])
            for file in files
            if file.spec and file.spec.path in broken
        ),
        key=lambda file: (file.spec.path, file.path),
    )


async def _dead_owners(owners: set[str], is_alive: IsAlive) -> set[str]:
    asked = random.sample(sorted(owners), min(len(owners), MAX_OWNERS_ASKED))
    return {owner for owner in asked if not (names.is_instance_id(owner) and await is_alive(owner))}
